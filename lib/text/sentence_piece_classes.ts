/**
 * The classes of `transformers` 5 that read SentencePiece models: which parts of a `tokenizer.json`
 * each makes. sentence_piece_files.ts makes the file.
 *
 * A model with a setting of SentencePiece that its class ignores is refused.
 *
 * @module
 */

import type { SpecialNames, Token } from "./beside_vocabulary.ts";
import { malformedModel, type SentencePieceModel } from "./sentence_piece_model.ts";

type Json = Record<string, unknown>;

const SPACE = "\u2581";

/** How a class of `transformers` reads a model. */
export interface ModelClass {
  /** Special tokens that the files need not name. */
  readonly usual: SpecialNames;
  /** Throws unless the class encodes as SentencePiece does. */
  check(model: SentencePieceModel, config: Json): void;
  /** The vocabulary in the order of ids, with scores. */
  vocabulary(model: SentencePieceModel, options: ClassOptions): (readonly [string, number])[];
  /** The parts of the file that depend on the class. */
  parts(model: SentencePieceModel, options: ClassOptions): Json;
  /** Whether the mask takes the space before it, unless a file says so itself; default false. */
  readonly maskTakesSpace?: boolean;
  /** Tokens that the class adds to those that the model marks. */
  own?(config: Json): Token[];
}

/** What a class needs of the files. */
export interface ClassOptions {
  readonly config: Json;
  readonly names: SpecialNames;
  /** The ids of the vocabulary and of the added tokens. */
  readonly idOf: (token: string) => number | undefined;
}

const ROBERTA_NAMES = {
  bos_token: "<s>",
  eos_token: "</s>",
  unk_token: "<unk>",
  sep_token: "</s>",
  pad_token: "<pad>",
  cls_token: "<s>",
  mask_token: "<mask>",
} as const;

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
    own: (config) => sentinels(config).map((content) => ({ content, special: true })),
  },
  XLMRoberta: {
    usual: ROBERTA_NAMES,
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
    usual: ROBERTA_NAMES,
    maskTakesSpace: true,
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
};

function pieces(model: SentencePieceModel): (readonly [string, number])[] {
  return model.pieces.map(({ text, score }) => [text, score]);
}

function bytePairModel(unknown: string | null): Json {
  return {
    type: "BPE",
    dropout: null,
    unk_token: unknown,
    continuing_subword_prefix: null,
    end_of_word_suffix: null,
    fuse_unk: true,
    byte_fallback: true,
    ignore_merges: false,
  };
}

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

/** A token or a text of a template, and its token type. */
type Place = readonly [token: string | { text: "A" | "B" }, type: number];

const A: Place = [{ text: "A" }, 0], B: Place = [{ text: "B" }, 0];
const T5 = {
  single: [A, ["</s>", 0]] as Place[],
  pair: [A, ["</s>", 0], B, ["</s>", 0]] as Place[],
};

function xlmRoberta({ bos_token, eos_token }: SpecialNames) {
  const begin: Place = [bos_token!, 0], end: Place = [eos_token!, 0];
  return { single: [begin, A, end], pair: [begin, A, end, end, B, end] };
}

/** The `post_processor` of templates. */
function templates(
  idOf: ClassOptions["idOf"],
  { single, pair }: { single: readonly Place[]; pair: readonly Place[] },
): { post_processor: Json } {
  const special: Record<string, Json> = {};
  const place = ([token, type_id]: Place): Json => {
    if (typeof token !== "string") return { Sequence: { id: token.text, type_id } };
    const id = idOf(token);
    if (id === undefined) throw malformedModel(`it has no piece ${JSON.stringify(token)}`);
    special[token] = { id: token, ids: [id], tokens: [token] };
    return { SpecialToken: { id: token, type_id } };
  };
  return {
    post_processor: {
      type: "TemplateProcessing",
      single: single.map(place),
      pair: pair.map(place),
      special_tokens: special,
    },
  };
}

function unigramParts(
  { charsmap }: SentencePieceModel,
  { unknown, post_processor }: { unknown: number; post_processor: Json },
): Json {
  const metaspace = {
    type: "Metaspace",
    replacement: SPACE,
    prepend_scheme: "always",
    split: true,
  };
  return {
    normalizer: { type: "Precompiled", precompiled_charsmap: charsmap.toBase64() },
    pre_tokenizer: { type: "Sequence", pretokenizers: [{ type: "WhitespaceSplit" }, metaspace] },
    post_processor,
    decoder: metaspace,
    model: { type: "Unigram", unk_id: unknown, byte_fallback: false },
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

/** Throws if SentencePiece does something to a text that the class does not. */
function expectSame(reasons: readonly (readonly [differs: boolean, expected: string])[]): void {
  const found = reasons.find(([differs]) => differs);
  if (found === undefined) return;
  throw malformedModel(
    `for its tokenizer_class expected ${found[1]}; add a tokenizer.json, or remove ` +
      "tokenizer_config.json to read the model alone",
  );
}

function expectBytePairs(model: SentencePieceModel, { addsSpace }: { addsSpace: boolean }): void {
  expectSame([
    [model.type !== "bpe", `byte pairs, got ${model.type}`],
    [!model.byteFallback, "byte_fallback"],
    [model.charsmap.length > 0, "no normalization table"],
    [model.removesSpaces, "no remove_extra_whitespaces"],
    [model.addsSpace !== addsSpace, `add_dummy_prefix ${addsSpace}`],
    [!model.escapesSpaces || model.spacesAfterWords, "spaces written as \u2581 before words"],
  ]);
}

function expectUnigram(model: SentencePieceModel, config: Json): void {
  expectSame([
    [model.type !== "unigram", `a unigram model, got ${model.type}`],
    [model.byteFallback, "no byte_fallback"],
    [!model.removesSpaces, "remove_extra_whitespaces"],
    [!model.addsSpace, "add_dummy_prefix"],
    [!model.escapesSpaces || model.spacesAfterWords, "spaces written as \u2581 before words"],
    [(config.add_prefix_space ?? true) !== true, "add_prefix_space true"],
    [(config.add_bos_token ?? config.add_eos_token ?? null) !== null, "no add_bos_token"],
  ]);
}

function expectPiece({ pieces }: SentencePieceModel, id: number, type: string): void {
  expectSame([[pieces[id]?.type !== type, `piece ${id} of type ${type}`]]);
}
