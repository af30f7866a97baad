/**
 * The classes of `transformers` 5 for models of translation and summaries: mBART, NLLB and Pegasus,
 * whose vocabularies are not in the order of the pieces. See sentence_piece_classes.ts.
 *
 * They follow version 5 where version 4 had other ids: mBART without the model's normalization,
 * Pegasus with its two masks in the order in which the configuration names them.
 *
 * @module
 */

import type { SpecialNames, Token } from "./beside_vocabulary.ts";
import { malformedModel } from "./sentence_piece_model.ts";
import {
  A,
  B,
  bytePairModel,
  type ClassOptions,
  expectPiece,
  expectSame,
  expectUnigram,
  FAIRSEQ_NAMES,
  METASPACE,
  type ModelClass,
  pieces,
  type Place,
  precompiled,
  templates,
  unigramParts,
} from "./sentence_piece_parts.ts";

type Json = Record<string, unknown>;

const LANGUAGES: readonly string[] =
  ("ar_AR cs_CZ de_DE en_XX es_XX et_EE fi_FI fr_XX gu_IN hi_IN it_IT ja_XX kk_KZ ko_KR lt_LT " +
    "lv_LV my_MM ne_NP nl_XX ro_RO ru_RU si_LK tr_TR vi_VN zh_CN").split(" ");

/** fairseq's four special tokens, which are in place of SentencePiece's three. */
function fairseq({ bos_token, pad_token, eos_token, unk_token }: SpecialNames): string[] {
  return [bos_token!, pad_token!, eos_token!, unk_token!];
}

/** The language of a text, which `src_lang` names. */
function language({ config, idOf }: ClassOptions, usual: string): string {
  const name = config.src_lang ?? usual;
  if (typeof name === "string" && idOf(name) !== undefined) return name;
  throw new SyntaxError(
    `tokenizer_config.json: src_lang: expected a token of the vocabulary, got ` +
      `${
        JSON.stringify(name)
      }; list the languages in extra_special_tokens, or add a tokenizer.json`,
  );
}

/** The class of mBART: a text, its end token and its language. */
export const MBART: ModelClass = {
  usual: FAIRSEQ_NAMES,
  mask: { lstrip: true },
  check: (model, config) => {
    expectUnigram(model, config);
    expectPiece(model, 0, "unknown");
  },
  vocabulary: (model, { names }) => [
    ...fairseq(names).map((token) => [token, 0] as const),
    ...pieces(model).slice(3),
    ...LANGUAGES.map((token) => [token, 0] as const),
    [names.mask_token!, 0],
  ],
  parts: (model, options) => {
    const end: Place[] = [[options.names.eos_token!, 0], [language(options, "en_XX"), 0]];
    const around = templates(options.idOf, { single: [A, ...end], pair: [A, B, ...end] });
    return { ...unigramParts(model, { unknown: 3, ...around }), normalizer: null };
  },
  own: (marked) => [...LANGUAGES.map((content) => ({ content, special: true })), ...marked],
};

/** The class of NLLB: byte pairs, with the language before the text. */
export const NLLB: ModelClass = {
  usual: FAIRSEQ_NAMES,
  mask: { lstrip: true, normalized: true },
  check: (model, { add_bos_token, add_eos_token }) =>
    expectSame([
      [model.type !== "bpe", `byte pairs, got ${model.type}`],
      [model.byteFallback, "no byte_fallback"],
      [!model.removesSpaces, "remove_extra_whitespaces"],
      [!model.addsSpace, "add_dummy_prefix"],
      [!model.escapesSpaces || model.spacesAfterWords, "spaces written as \u2581 before words"],
      [(add_bos_token ?? add_eos_token ?? null) !== null, "no add_bos_token"],
    ]),
  vocabulary: (model, { names }) => {
    const special = fairseq(names);
    const others = pieces(model).filter(([token]) => !special.includes(token));
    return [...special.map((token) => [token, 0] as const), ...others];
  },
  parts: ({ charsmap }, options) => {
    const { config, names, idOf } = options;
    const code: Place = [language(options, "eng_Latn"), 0], end: Place = [names.eos_token!, 0];
    const [before, after] = config.legacy_behaviour === true ? [[], [end, code]] : [[code], [end]];
    return {
      normalizer: charsmap.length > 0 ? singleSpaces(precompiled(charsmap)) : null,
      pre_tokenizer: METASPACE,
      ...templates(idOf, {
        single: [...before, A, ...after],
        pair: [...before, A, B, ...after],
      }),
      decoder: METASPACE,
      model: bytePairModel(names.unk_token!, { byteFallback: false }),
    };
  },
};

/** The class of Pegasus: 103 tokens of its own come before most pieces. */
export const PEGASUS: ModelClass = {
  usual: { eos_token: "</s>", unk_token: "<unk>", pad_token: "<pad>", mask_token: "<mask_2>" },
  check: (model, config) => {
    expectUnigram(model, config);
    expectPiece(model, 2, "unknown");
    expectSame([[model.pieces[2].score !== 0, "an unknown piece of score 0"]]);
  },
  vocabulary: (model, { config, names }) => {
    const { unk_token } = names;
    if (model.pieces[2].text !== unk_token) throw malformedModel(`piece 2 is not ${unk_token}`);
    const masks = new Set(masksOf(config));
    return [
      ...[names.pad_token!, names.eos_token!, ...masks].map((token) => [token, 0] as const),
      ...unused(config).map((token) => [token, -100] as const),
      ...pieces(model).slice(2),
    ];
  },
  parts: (model, { names, idOf }) => {
    const end: Place = [names.eos_token!, 0];
    const around = templates(idOf, { single: [A, end], pair: [A, B, end] });
    const { charsmap } = model;
    return {
      ...unigramParts(model, { unknown: idOf(names.unk_token!)!, ...around }),
      normalizer: singleSpaces(
        charsmap.length > 0 ? precompiled(charsmap) : replaced({ Regex: "\\n" }, " "),
      ),
      pre_tokenizer: METASPACE,
    };
  },
  own: (_marked, config) => pegasusTokens(config),
};

/** The masks of words and of sentences, in the order of their ids; a null leaves one out. */
function masksOf({ mask_token = "<mask_1>", mask_token_sent = "<mask_2>" }: Json): string[] {
  const text = (mask: unknown) => typeof mask === "object" ? (mask as Json)?.content : mask;
  return [text(mask_token), text(mask_token_sent)].filter((mask) => typeof mask === "string");
}

/** `<unk_2>` to `<unk_102>`, which no text has. */
function unused({ offset = 103 }: Json): string[] {
  if (!Number.isInteger(offset) || (offset as number) < 2 || (offset as number) > 10_000) {
    throw new SyntaxError(
      `tokenizer_config.json: offset: expected 2 to 10000, got ${JSON.stringify(offset)}`,
    );
  }
  return Array.from({ length: (offset as number) - 2 }, (_, i) => `<unk_${i + 2}>`);
}

function pegasusTokens(config: Json): Token[] {
  const { mask_token_sent: sentences = "<mask_1>" } = config;
  const mask = typeof sentences === "string" ? [sentences] : [];
  return [...mask, ...unused(config)].map((content) => ({ content, special: true }));
}

function replaced(pattern: Json, content: string): Json {
  return { type: "Replace", pattern, content };
}

/** A normalizer, and then no two spaces in a row. */
function singleSpaces(first: Json): Json {
  return { type: "Sequence", normalizers: [first, replaced({ Regex: " {2,}" }, " ")] };
}
