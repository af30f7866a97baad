/**
 * The classes of `transformers` 5 that read SentencePiece models: which parts of a `tokenizer.json`
 * each makes. sentence_piece_files.ts makes the file; sentence_piece_translation.ts has the classes
 * of translation and summaries.
 *
 * A model with a setting of SentencePiece that its class ignores is refused.
 *
 * @module
 */

import type { SpecialNames } from "./beside_vocabulary.ts";
import type { SentencePieceModel } from "./sentence_piece_model.ts";
import {
  A,
  B,
  bytePairModel,
  type ClassOptions,
  expectBytePairs,
  expectPiece,
  expectUnigram,
  FAIRSEQ_NAMES,
  type ModelClass,
  pieces,
  type Place,
  precompiled,
  SPACE,
  templates,
  unigramParts,
} from "./sentence_piece_parts.ts";
import { MBART, NLLB, PEGASUS } from "./sentence_piece_translation.ts";

type Json = Record<string, unknown>;

/** Classes by the name in `tokenizer_config.json`, without its ending. */
export const CLASSES: Readonly<Record<string, ModelClass>> = {
  Llama: {
    usual: { bos_token: "<s>", eos_token: "</s>", unk_token: "<unk>" },
    check: (model, { add_prefix_space }) =>
      expectBytePairs(model, { addsSpace: (add_prefix_space ?? true) === true }),
    vocabulary: pieces,
    parts: llamaParts,
  },
  Gemma: {
    usual: {
      bos_token: "<bos>",
      eos_token: "<eos>",
      unk_token: "<unk>",
      pad_token: "<pad>",
      mask_token: "<mask>",
    },
    check: (model) => expectBytePairs(model, { addsSpace: false }),
    vocabulary: pieces,
    parts: gemmaParts,
  },
  T5: {
    usual: { eos_token: "</s>", unk_token: "<unk>", pad_token: "<pad>" },
    check: (model, config) => {
      expectUnigram(model, config);
      expectPiece(model, 2, "unknown");
    },
    vocabulary: (model, { config }) => [
      ...pieces(model),
      ...sentinels(config).map((token) => [token, 0] as const),
    ],
    parts: (model, { idOf }) => unigramParts(model, { unknown: 2, ...templates(idOf, T5) }),
    own: (marked, config) => [
      ...marked,
      ...sentinels(config).map((content) => ({ content, special: true })),
    ],
  },
  XLMRoberta: {
    usual: FAIRSEQ_NAMES,
    check: checkRoberta,
    // fairseq's order: its four special tokens are in place of SentencePiece's three.
    vocabulary: (model, { names }) => [
      ...[names.bos_token, names.pad_token, names.eos_token, names.unk_token].map((token) =>
        [token!, 0] as const
      ),
      ...pieces(model).slice(3),
      [names.mask_token!, 0],
    ],
    parts: robertaParts,
  },
  Camembert: {
    usual: FAIRSEQ_NAMES,
    mask: { lstrip: true },
    check: checkRoberta,
    // fairseq's special tokens come first, but the model's own begin and end tokens are used.
    vocabulary: (model, { names }) => [
      ["<s>NOTUSED", 0],
      [names.pad_token!, 0],
      ["</s>NOTUSED", 0],
      [names.unk_token!, 0],
      ["<unk>NOTUSED", -100],
      ...pieces(model).slice(1),
      [names.mask_token!, 0],
    ],
    parts: robertaParts,
  },
  Albert: {
    usual: {
      bos_token: "[CLS]",
      eos_token: "[SEP]",
      unk_token: "<unk>",
      sep_token: "[SEP]",
      pad_token: "<pad>",
      cls_token: "[CLS]",
      mask_token: "[MASK]",
    },
    check: (model, config) => {
      expectUnigram(model, config);
      expectPiece(model, 1, "unknown");
    },
    vocabulary: pieces,
    parts: (model, { config, names, idOf }) => ({
      ...unigramParts(model, { unknown: 1, ...templates(idOf, albert(names)) }),
      normalizer: withoutAccents(model, {
        accents: config.keep_accents === true,
        lowerCase: (config.do_lower_case ?? true) === true,
      }),
    }),
  },
  XLNet: {
    usual: { ...FAIRSEQ_NAMES, sep_token: "<sep>", cls_token: "<cls>" },
    mask: { lstrip: true },
    check: expectUnigram,
    vocabulary: pieces,
    parts: (model, { config, names, idOf }) => ({
      ...unigramParts(model, { unknown: model.unknownId, ...templates(idOf, xlnet(names)) }),
      normalizer: withoutAccents(model, { lowerCase: config.do_lower_case === true }),
    }),
  },
  MBart: MBART,
  Nllb: NLLB,
  Pegasus: PEGASUS,
};

/** Classes by `model_type` of `config.json`, if the tokenizer's own configuration names none. */
export const CLASS_OF_MODEL: Readonly<Record<string, string>> = {
  gemma: "Gemma",
  gemma2: "Gemma",
  gemma3_text: "Gemma",
  t5: "T5",
  mt5: "T5",
  "xlm-roberta": "XLMRoberta",
  camembert: "Camembert",
  albert: "Albert",
  xlnet: "XLNet",
  mbart: "MBart",
  pegasus: "Pegasus",
};

const TO_SPACES: readonly Json[] = [
  { type: "Replace", pattern: { String: SPACE }, content: " " },
  { type: "ByteFallback" },
  { type: "Fuse" },
];

function llamaParts(_model: SentencePieceModel, { config, ...options }: ClassOptions): Json {
  const addsSpace = (config.add_prefix_space ?? true) === true;
  const scheme = config.legacy === true ? "always" : "first";
  const strip = { type: "Strip", content: " ", start: 1, stop: 0 };
  return {
    normalizer: null,
    pre_tokenizer: {
      type: "Metaspace",
      replacement: SPACE,
      prepend_scheme: addsSpace ? scheme : "never",
      split: false,
    },
    post_processor: surrounding({ config, ...options }),
    decoder: { type: "Sequence", decoders: addsSpace ? [...TO_SPACES, strip] : TO_SPACES },
    model: bytePairModel(null),
  };
}

function gemmaParts(_model: SentencePieceModel, options: ClassOptions): Json {
  return {
    normalizer: { type: "Replace", pattern: { String: " " }, content: SPACE },
    pre_tokenizer: {
      type: "Split",
      pattern: { String: " " },
      behavior: "MergedWithPrevious",
      invert: false,
    },
    post_processor: surrounding(options),
    decoder: { type: "Sequence", decoders: TO_SPACES },
    model: bytePairModel(options.names.unk_token!),
  };
}

/** The template of `add_bos_token` and `add_eos_token`. */
function surrounding({ config, names, idOf }: ClassOptions): Json {
  const begin = config.add_bos_token === true ? [names.bos_token!] : [];
  const end = config.add_eos_token === true ? [names.eos_token!] : [];
  const around = (text: "A" | "B", type: number): Place[] => [
    ...begin.map((token) => [token, type] as const),
    [{ text }, type],
    ...end.map((token) => [token, type] as const),
  ];
  return templates(idOf, {
    single: around("A", 0),
    pair: [...around("A", 0), ...around("B", 1)],
  }).post_processor;
}

const T5 = {
  single: [A, ["</s>", 0]] as Place[],
  pair: [A, ["</s>", 0], B, ["</s>", 0]] as Place[],
};

function xlmRoberta({ bos_token, eos_token }: SpecialNames) {
  const begin: Place = [bos_token!, 0], end: Place = [eos_token!, 0];
  return { single: [begin, A, end], pair: [begin, A, end, end, B, end] };
}

function albert({ cls_token, sep_token }: SpecialNames) {
  const begin: Place = [cls_token!, 0], end: Place = [sep_token!, 0];
  return {
    single: [begin, A, end],
    pair: [begin, A, end, [{ text: "B" }, 1], [sep_token!, 1]] as Place[],
  };
}

/** XLNet's tokens follow the text. */
function xlnet({ cls_token, sep_token }: SpecialNames) {
  const separator: Place = [sep_token!, 0], end: Place = [cls_token!, 2];
  return {
    single: [A, separator, end],
    pair: [A, separator, [{ text: "B" }, 1], [sep_token!, 1], end] as Place[],
  };
}

/** The normalizer of ALBERT and XLNet: quotes, accents and case before the model's own table. */
function withoutAccents(
  { charsmap }: SentencePieceModel,
  { accents = false, lowerCase }: { accents?: boolean; lowerCase: boolean },
): Json {
  const quote = (text: string) => ({
    type: "Replace",
    pattern: { String: text },
    content: '"',
  });
  return {
    type: "Sequence",
    normalizers: [
      quote("``"),
      quote("''"),
      ...accents ? [] : [{ type: "NFKD" }, { type: "StripAccents" }],
      ...lowerCase ? [{ type: "Lowercase" }] : [],
      ...charsmap.length > 0 ? [precompiled(charsmap)] : [],
    ],
  };
}

function checkRoberta(model: SentencePieceModel, config: Json): void {
  expectUnigram(model, config);
  expectPiece(model, 0, "unknown");
  expectPiece(model, 1, "control");
  expectPiece(model, 2, "control");
}

function robertaParts(model: SentencePieceModel, { idOf, names }: ClassOptions): Json {
  return unigramParts(model, { unknown: 3, ...templates(idOf, xlmRoberta(names)) });
}

/** T5's sentinels, from the last to the first. */
function sentinels({ extra_ids = 100 }: Json): string[] {
  if (!Number.isInteger(extra_ids) || (extra_ids as number) < 0 || (extra_ids as number) > 10_000) {
    throw new SyntaxError(
      `tokenizer_config.json: extra_ids: expected 0 to 10000, got ${JSON.stringify(extra_ids)}`,
    );
  }
  const count = extra_ids as number;
  return Array.from({ length: count }, (_, i) => `<extra_id_${count - 1 - i}>`);
}
