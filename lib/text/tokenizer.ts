/**
 * What every tokenizer can do, whatever its model. The models themselves, training and the reading
 * of files are left to the modules beside this one.
 *
 * Text is a JavaScript string. A lone surrogate, which no UTF-8 file can hold, reads as U+FFFD, as
 * it does in `TextEncoder`; every other text a byte-pair tokenizer decodes exactly as it was encoded.
 *
 * @module
 */

import type { TokenizerFile } from "./tokenizer_file.ts";

/** Which tokens `decode` leaves out. */
export interface DecodeOptions {
  /** Leave out special tokens, such as `<|endoftext|>`; default false. */
  skipSpecialTokens?: boolean;
}

/** Decodes ids one at a time, as a model samples them. */
export interface TokenStream {
  /** The text that is complete with this id: empty while a character still lacks bytes. */
  push(id: number): string;
  /** The text of what is still pending; an incomplete character reads as U+FFFD. */
  end(): string;
}

/** Text to token ids and back. Ids run from 0 to `vocabSize` − 1. */
export interface Tokenizer {
  /** The id that ends a text, where the tokenizer has one. */
  readonly endId?: number | undefined;
  /** Which model splits the text. */
  readonly kind: "characters" | "words" | "byte-pair";
  /** V, the number of ids, special tokens included. */
  readonly vocabSize: number;
  /** Tokens that stand for no text, recognised wherever the text spells them out; often empty. */
  readonly specialTokens: ReadonlyMap<string, number>;
  /** The id that fills up short rows of a batch, where the tokenizer has one. */
  readonly paddingId: number | undefined;
  /**
   * Text to ids; adds no special token.
   *
   * @throws {RangeError} where the text holds something that the vocabulary cannot express
   */
  encode(text: string): Uint32Array<ArrayBuffer>;
  /**
   * Ids to text.
   *
   * @throws {RangeError} where an id is no integer in [0, vocabSize)
   */
  decode(ids: Iterable<number>, options?: DecodeOptions): string;
  /** Decodes piece by piece: the pieces joined are `decode` of all ids. */
  stream(options?: DecodeOptions): TokenStream;
  /**
   * The token of an id as the vocabulary spells it: byte-pair tokens in GPT-2's alphabet of bytes.
   *
   * @throws {RangeError} where the id is no integer in [0, vocabSize)
   */
  token(id: number): string;
  /** The id of a token as the vocabulary spells it, or undefined. */
  id(token: string): number | undefined;
  /** The content of a Hugging Face `tokenizer.json`; `loadTokenizer` reads it back. */
  toJSON(): TokenizerFile;
}
