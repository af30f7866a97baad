/**
 * What every tokenizer can do, whatever its model. The models themselves, training and the reading
 * of files are left to the modules beside this one.
 *
 * Text is a JavaScript string. A lone surrogate, which no UTF-8 file can hold, reads as U+FFFD, as
 * it does in `TextEncoder`; every other text a byte-pair tokenizer decodes exactly as it was
 * encoded.
 *
 * @module
 */

import { type BatchOptions, type EncodedBatch, encodeRows } from "./encode_batch.ts";
import type { TokenizerFile } from "./tokenizer_file.ts";

/** Which tokens `encode` puts around a text. */
export interface EncodeTextOptions {
  /**
   * Put the special tokens around the text that the model was trained with, such as `[CLS]` and
   * `[SEP]`; default false.
   */
  addSpecialTokens?: boolean;
}

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

/** The ids that go before and after a text. */
export interface Surroundings {
  /** Before the text. */
  readonly before: readonly number[];
  /** After the text. */
  readonly after: readonly number[];
}

/** Text to token ids and back. Ids run from 0 to `vocabSize` − 1. */
export abstract class Tokenizer {
  /** Which model splits the text. */
  abstract readonly kind: "characters" | "words" | "byte-pair" | "published" | "sentencepiece";
  /** V, the number of ids, special tokens included. */
  abstract readonly vocabSize: number;
  /**
   * Tokens that stand for no text. All but SentencePiece's are recognized wherever the text spells
   * them out; often empty.
   */
  abstract readonly specialTokens: ReadonlyMap<string, number>;
  /** The id that fills up short rows of a batch, where the tokenizer has one. */
  abstract readonly paddingId: number | undefined;
  /** What a text gets around it with `addSpecialTokens`; nothing, by default. */
  readonly surroundings: Surroundings = { before: [], after: [] };
  /** The most tokens that the model behind it takes, where its files say so. */
  readonly maximumLength: number | undefined;

  /** The Jinja template of conversations, where the files beside the tokenizer have one. */
  readonly chatTemplate: string | undefined;

  /** The token that begins a text, where there is one. */
  get beginToken(): string | undefined {
    return undefined;
  }

  /** The token that ends a text, where there is one. */
  get endToken(): string | undefined {
    return this.endId === undefined ? undefined : this.token(this.endId);
  }

  /** The id that ends a text, such as that of `<|endoftext|>`, where there is one. */
  get endId(): number | undefined {
    return this.specialTokens.get("<|endoftext|>");
  }

  /**
   * Text to ids.
   *
   * @throws {RangeError} where the text holds something that the vocabulary cannot express
   */
  encode(
    text: string,
    { addSpecialTokens = false }: EncodeTextOptions = {},
  ): Uint32Array<ArrayBuffer> {
    const ids = this.encodeText(text);
    const { before, after } = this.surroundings;
    if (!addSpecialTokens || before.length + after.length === 0) return ids;
    return Uint32Array.from([...before, ...ids, ...after]);
  }

  /**
   * Several texts to rows of ids with their masks: special tokens around each, cut to a length and
   * filled up to one as the options say.
   *
   * @throws {RangeError} where a text cannot be expressed, or an option needs a length or a padding
   *   token that nobody gave
   */
  encodeBatch(texts: readonly string[], options: BatchOptions = {}): EncodedBatch {
    return encodeRows(this, texts, options);
  }

  /** Text to tokens as the vocabulary spells them, without special tokens around. */
  tokenize(text: string): string[] {
    return this.tokensOf(this.encode(text));
  }

  /**
   * The tokens of ids, as the vocabulary spells them.
   *
   * @throws {RangeError} where an id is no integer in [0, vocabSize)
   */
  tokensOf(ids: Iterable<number>): string[] {
    return Array.from(ids, (id) => this.token(id));
  }

  /**
   * The ids of tokens as the vocabulary spells them.
   *
   * @throws {RangeError} where one is no token
   */
  idsOf(tokens: Iterable<string>): Uint32Array<ArrayBuffer> {
    return Uint32Array.from(tokens, (token) => {
      const id = this.id(token);
      if (id === undefined) throw new RangeError(`idsOf: ${JSON.stringify(token)} is no token`);
      return id;
    });
  }

  /**
   * What to write to a folder, by file name, so that the tokenizer can be opened again: by default
   * `tokenizer.json`.
   */
  files(): Map<string, string | Uint8Array<ArrayBuffer>> {
    return new Map([["tokenizer.json", JSON.stringify(this.toJSON())]]);
  }

  /** The ids of the text alone: what a tokenizer of its own must give. */
  protected abstract encodeText(text: string): Uint32Array<ArrayBuffer>;
  /**
   * Ids to text.
   *
   * @throws {RangeError} where an id is no integer in [0, vocabSize)
   */
  abstract decode(ids: Iterable<number>, options?: DecodeOptions): string;
  /** Decodes piece by piece: the pieces joined are `decode` of all ids. */
  abstract stream(options?: DecodeOptions): TokenStream;
  /**
   * The token of an id as the vocabulary spells it: byte-pair tokens in GPT-2's alphabet of bytes.
   *
   * @throws {RangeError} where the id is no integer in [0, vocabSize)
   */
  abstract token(id: number): string;
  /** The id of a token as the vocabulary spells it, or undefined. */
  abstract id(token: string): number | undefined;
  /** The content of a Hugging Face `tokenizer.json`; `parseTokenizer` reads it back. */
  abstract toJSON(): TokenizerFile;
}
