/**
 * What the classes of `transformers` that read SentencePiece models have in common: parts of a
 * `tokenizer.json`, and settings that a model may not have. sentence_piece_classes.ts has the
 * classes.
 *
 * @module
 */

import type { SpecialNames, Token } from "./beside_vocabulary.ts";
import { malformedModel, type SentencePieceModel } from "./sentence_piece_model.ts";

type Json = Record<string, unknown>;

/** What a space is in a piece. */
export const SPACE = "\u2581";

/** How a class of `transformers` reads a model. */
export interface ModelClass {
  /** Special tokens that the files need not name. */
  readonly usual: SpecialNames;
  /** Throws if the model has a setting that the class ignores. */
  check(model: SentencePieceModel, config: Json): void;
  /** The vocabulary in the order of ids, with scores. */
  vocabulary(model: SentencePieceModel, options: ClassOptions): (readonly [string, number])[];
  /** The parts of the file that depend on the class. */
  parts(model: SentencePieceModel, options: ClassOptions): Json;
  /** Flags of the mask, unless a file says them itself; default none. */
  readonly mask?: Json;
  /** Added tokens, from those that the model marks; default the same. */
  own?(marked: readonly Token[], config: Json): Token[];
}

/** What a class needs of the files. */
export interface ClassOptions {
  readonly config: Json;
  readonly names: SpecialNames;
  /** The ids of the vocabulary and of the added tokens. */
  readonly idOf: (token: string) => number | undefined;
}

/** Spaces at the start of each word, as most classes have them. */
export const METASPACE: Json = {
  type: "Metaspace",
  replacement: SPACE,
  prepend_scheme: "always",
  split: true,
};

/** The normalizer of a model's table; there is one even for an empty table. */
export function precompiled(charsmap: Uint8Array): Json {
  return { type: "Precompiled", precompiled_charsmap: charsmap.toBase64() };
}

/** The pieces with their scores. */
export function pieces(model: SentencePieceModel): (readonly [string, number])[] {
  return model.pieces.map(({ text, score }) => [text, score]);
}

/** The model of byte pairs; `unknown` is its token for what it lacks. */
export function bytePairModel(
  unknown: string | null,
  { byteFallback = true }: { byteFallback?: boolean } = {},
): Json {
  return {
    type: "BPE",
    dropout: null,
    unk_token: unknown,
    continuing_subword_prefix: null,
    end_of_word_suffix: null,
    fuse_unk: true,
    byte_fallback: byteFallback,
    ignore_merges: false,
  };
}

/** A token or a text of a template, and its token type. */
export type Place = readonly [token: string | { text: "A" | "B" }, type: number];

/** The first text, and the second with the same token type. */
export const A: Place = [{ text: "A" }, 0], B: Place = [{ text: "B" }, 0];

/** The `post_processor` of templates. */
export function templates(
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

/** The parts of most classes with a unigram model. */
export function unigramParts(
  { charsmap }: SentencePieceModel,
  { unknown, post_processor }: { unknown: number; post_processor: Json },
): Json {
  return {
    normalizer: precompiled(charsmap),
    pre_tokenizer: { type: "Sequence", pretokenizers: [{ type: "WhitespaceSplit" }, METASPACE] },
    post_processor,
    decoder: METASPACE,
    model: { type: "Unigram", unk_id: unknown, byte_fallback: false },
  };
}

/** Throws if SentencePiece does something to a text that the class does not. */
export function expectSame(
  reasons: readonly (readonly [differs: boolean, expected: string])[],
): void {
  const found = reasons.find(([differs]) => differs);
  if (found === undefined) return;
  throw malformedModel(
    `for its tokenizer_class expected ${found[1]}; add a tokenizer.json, or remove ` +
      "tokenizer_config.json to read the model alone",
  );
}

/** Throws unless the model is one of byte pairs as Llama's and Gemma's. */
export function expectBytePairs(
  model: SentencePieceModel,
  { addsSpace }: { addsSpace: boolean },
): void {
  expectSame([
    [model.type !== "bpe", `byte pairs, got ${model.type}`],
    [!model.byteFallback, "byte_fallback"],
    [model.charsmap.length > 0, "no normalization table"],
    [model.removesSpaces, "no remove_extra_whitespaces"],
    [model.addsSpace !== addsSpace, `add_dummy_prefix ${addsSpace}`],
    [!model.escapesSpaces || model.spacesAfterWords, "spaces written as \u2581 before words"],
  ]);
}

/** Throws unless the model is a unigram one with SentencePiece's usual settings. */
export function expectUnigram(model: SentencePieceModel, config: Json): void {
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

/** Throws unless a piece has a type. */
export function expectPiece({ pieces }: SentencePieceModel, id: number, type: string): void {
  expectSame([[pieces[id]?.type !== type, `piece ${id} of type ${type}`]]);
}

/** The special tokens of models from fairseq: RoBERTa, mBART and their relatives. */
export const FAIRSEQ_NAMES = {
  bos_token: "<s>",
  eos_token: "</s>",
  unk_token: "<unk>",
  sep_token: "</s>",
  pad_token: "<pad>",
  cls_token: "<s>",
  mask_token: "<mask>",
} as const;
