/**
 * What every tokenizer can do, whatever its model. Each model has a file beside this one; see
 * byte_pair_training.ts for training and parse_tokenizer.ts for files.
 *
 * Text is a JavaScript string. A lone surrogate, which no UTF-8 file can hold, reads as U+FFFD, as
 * in `TextEncoder`; a byte-pair tokenizer decodes every other text exactly as it was encoded.
 *
 * @module
 */

import { describe } from "../errors.ts";
import { checkOptions } from "../options.ts";
import { cleanedUp } from "./clean_up.ts";
import {
  assembledIds,
  type BatchOptions,
  type BatchText,
  type EncodedBatch,
  encodeRows,
  type TokenOffsets,
} from "./encode_batch.ts";
import { type Surroundings, type Templates, templatesAround } from "./templates.ts";
import type { TokenizerFile } from "./tokenizer_file.ts";

/** Options of `encode`: a second text, and the tokens around. */
export interface EncodeTextOptions {
  /** A second text, such as the context of a question, encoded after the first. Default: none. */
  pair?: string;
  /**
   * Put the special tokens around the text that the model was trained with, such as `[CLS]` and
   * `[SEP]`; default false.
   */
  addSpecialTokens?: boolean;
}

/** What `decode` leaves out. */
export interface DecodeOptions {
  /** Leave out special tokens, such as `<|endoftext|>`; default false. */
  skipSpecialTokens?: boolean;
  /**
   * Leave out the spaces that English does not write, before full stops and in contractions, as
   * `transformers` 4 does for BERT ("i ' ve" reads "i've"); default false.
   */
  cleanUp?: boolean;
}

/** Decodes ids one at a time, as a model samples them. */
export interface TokenStream {
  /** The text that is complete with this id: empty while a character still lacks bytes. */
  push(id: number): string;
  /** The text of what is still pending; an incomplete character reads as U+FFFD. */
  end(): string;
}

/** Text to token ids and back. Ids run from 0 to `vocabSize` − 1. */
export abstract class Tokenizer {
  /** Which model splits the text. */
  abstract readonly kind: "characters" | "words" | "byte-pair" | "published" | "sentencepiece";
  /** V, the number of ids, special tokens included. */
  abstract readonly vocabSize: number;
  /**
   * Tokens that are no text, such as `<|endoftext|>`; often none. All but SentencePiece's are
   * recognized wherever the text spells them out.
   */
  abstract readonly specialTokens: ReadonlyMap<string, number>;
  /** The id that pads short rows of a batch; undefined if there is none. */
  abstract readonly paddingId: number | undefined;
  /**
   * The ids that `addSpecialTokens` puts around a text; by default none.
   *
   * @internal
   */
  readonly surroundings: Surroundings = { before: [], after: [] };
  /**
   * The ids that `addSpecialTokens` puts around one text and around a pair.
   *
   * @internal
   */
  get templates(): Templates {
    return templatesAround(this.surroundings);
  }
  /** The maximum number of tokens of its model; undefined if its files do not say. */
  readonly maximumLength: number | undefined;

  /** The Jinja template of conversations; undefined if its files have none. */
  readonly chatTemplate: string | undefined;

  /** The token that begins a text; undefined if there is none. */
  get beginToken(): string | undefined {
    return undefined;
  }

  /** The token that ends a text; undefined if there is none. */
  get endToken(): string | undefined {
    return this.endId === undefined ? undefined : this.token(this.endId);
  }

  /** The id that ends a text, such as that of `<|endoftext|>`; undefined if there is none. */
  get endId(): number | undefined {
    return this.specialTokens.get("<|endoftext|>");
  }

  /**
   * Text to ids, [n]; with `pair`, two texts to the ids of one row.
   *
   * @throws {RangeError} if the text holds something that the vocabulary cannot express
   * @throws {TypeError} if `text` is no string, or an option is unknown
   */
  encode(text: string, options: EncodeTextOptions = {}): Uint32Array<ArrayBuffer> {
    checkOptions("encode", options, { pair: "none", addSpecialTokens: false });
    const { pair, addSpecialTokens = false } = options;
    const ids = this.encodeText(expectText(text));
    if (pair === undefined && !addSpecialTokens) return ids;
    const { single, pair: double } = this.templates;
    if (pair === undefined) return assembledIds([ids], single, true);
    return assembledIds([ids, this.encodeText(expectText(pair))], double, addSpecialTokens);
  }

  /**
   * Several texts, or pairs of texts, to rows of ids with their masks and token types: special
   * tokens around each, cut to a length and padded to one as the options say.
   *
   * ```ts
   * import { CharacterTokenizer } from "../../mod.ts";
   * const tokenizer = CharacterTokenizer.fromText("abc", { padding: "-" });
   * const { ids, attentionMask } = tokenizer.encodeBatch(["abc", "b"], { padding: true });
   * console.log([...ids[1]], [...attentionMask[1]]); // [ 2, 0, 0 ] [ 1, 0, 0 ]
   * ```
   *
   * @throws {RangeError} if a text cannot be expressed, or an option needs a length or a padding
   * token that there is not
   * @throws {TypeError} if `texts` is no list of texts or pairs, or an option is unknown
   */
  encodeBatch(texts: readonly BatchText[], options: BatchOptions = {}): EncodedBatch {
    return encodeRows(this, texts, options);
  }

  /**
   * Computes ids with offsets for `encodeBatch`.
   *
   * @internal
   */
  encodeOffsets(_text: string): TokenOffsets {
    throw new RangeError(`encodeBatch: offsets: not supported by a tokenizer of kind ${this.kind}`);
  }

  /**
   * Takes white space out of the offsets of one row's text, if the tokenizer's file says so.
   *
   * @internal
   */
  trimOffsets(text: TokenOffsets): TokenOffsets {
    return text;
  }

  /** Text to tokens as the vocabulary spells them, without special tokens around. */
  tokenize(text: string): string[] {
    return this.tokensOf(this.encode(text));
  }

  /**
   * The tokens of ids, as the vocabulary spells them.
   *
   * @throws {RangeError} if an id is no integer in [0, vocabSize)
   */
  tokensOf(ids: Iterable<number>): string[] {
    return Array.from(ids, (id) => this.token(id));
  }

  /**
   * The ids of tokens as the vocabulary spells them.
   *
   * @throws {RangeError} if one is no token
   */
  idsOf(tokens: Iterable<string>): Uint32Array<ArrayBuffer> {
    return Uint32Array.from(tokens, (token) => {
      const id = this.id(token);
      if (id === undefined) throw new RangeError(`idsOf: ${JSON.stringify(token)} is no token`);
      return id;
    });
  }

  /**
   * The files that describe the tokenizer, by name, as `loadTokenizer` reads them: by default
   * `tokenizer.json`.
   */
  files(): Map<string, string | Uint8Array<ArrayBuffer>> {
    return new Map([["tokenizer.json", JSON.stringify(this.toJSON())]]);
  }

  /**
   * Ids to text. An id that has no token is no text: tables of models are often larger than their
   * vocabularies.
   *
   * @throws {RangeError} if an id is no integer from 0 on
   * @throws {TypeError} if `ids` is no list of numbers, or an option is unknown
   */
  decode(ids: Iterable<number>, options: DecodeOptions = {}): string {
    const { skipSpecialTokens, cleanUp } = decoding("decode", options);
    if (!cleanUp) return this.decodeIds(expectIds(ids), skipSpecialTokens);
    const stream = cleanedUp(this.streamIds(skipSpecialTokens));
    let text = "";
    for (const id of expectIds(ids)) text += stream.push(id);
    return text + stream.end();
  }

  /**
   * Decodes id by id: the pieces joined are `decode` of all ids.
   *
   * @throws {TypeError} if an option is unknown
   */
  stream(options: DecodeOptions = {}): TokenStream {
    const { skipSpecialTokens, cleanUp } = decoding("stream", options);
    const stream = this.streamIds(skipSpecialTokens);
    return cleanUp ? cleanedUp(stream) : stream;
  }

  /** Computes `encode` without special tokens around the text. */
  protected abstract encodeText(text: string): Uint32Array<ArrayBuffer>;
  /** Computes `decode`. */
  protected abstract decodeIds(ids: Iterable<number>, skipSpecialTokens: boolean): string;
  /** Makes what `stream` returns. */
  protected abstract streamIds(skipSpecialTokens: boolean): TokenStream;
  /**
   * The token of an id as the vocabulary spells it: byte-pair tokens in GPT-2's alphabet of bytes.
   *
   * @throws {RangeError} if the id is no integer in [0, vocabSize)
   */
  abstract token(id: number): string;
  /** The id of a token as the vocabulary spells it, or undefined. */
  abstract id(token: string): number | undefined;
  /**
   * The content of a Hugging Face `tokenizer.json`, for `JSON.stringify(tokenizer)`;
   * `parseTokenizer` reads it back.
   *
   * @internal
   */
  abstract toJSON(): TokenizerFile;
}

function decoding(operation: string, options: DecodeOptions): Required<DecodeOptions> {
  checkOptions(operation, options, { skipSpecialTokens: false, cleanUp: false });
  const { skipSpecialTokens = false, cleanUp = false } = options;
  return { skipSpecialTokens, cleanUp };
}

function expectText(text: unknown): string {
  if (typeof text === "string") return text;
  const advice = Array.isArray(text) ? "; encodeBatch takes several" : "";
  throw new TypeError(`encode: expected a text, got ${describe(text)}${advice}`);
}

function expectIds(ids: unknown): Iterable<number> {
  if (typeof ids === "object" && ids !== null && Symbol.iterator in ids) {
    return ids as Iterable<number>;
  }
  throw new TypeError(`decode: expected a list of ids, got ${describe(ids)}`);
}
