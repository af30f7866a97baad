/**
 * A tokenizer whose tokens are the words between white space.
 *
 * White space is Unicode's property White_Space, as in Hugging Face's `WhitespaceSplit`; decoding
 * puts one space between words, so line breaks are lost.
 *
 * @module
 */

import { nearest } from "../nearest.ts";
import { checkOptions } from "../options.ts";
import type { TokenOffsets } from "./encode_batch.ts";
import { expectText, expectTokens } from "./expect_text.ts";
import { GrowingIds } from "./growing_ids.ts";
import { splitSpecialTokens } from "./special_tokens.ts";
import { Tokenizer, type TokenStream } from "./tokenizer.ts";
import { commonParts, MAXIMUM_VOCABULARY, type TokenizerFile } from "./tokenizer_file.ts";
import { Vocabulary } from "./vocabulary.ts";

/** Options of a `WordTokenizer`. */
export interface WordTokenizerOptions {
  /**
   * The token of padding, such as `"<pad>"`, with its own id before the words; default none.
   */
  padding?: string;
  /**
   * The token of unknown words, such as `"<unk>"`, with its own id; default none: an unknown word
   * is an error.
   */
  unknown?: string;
}

/** Options of `WordTokenizer.fromText`. */
export interface WordVocabularyOptions extends WordTokenizerOptions {
  /** The maximum of V: the most frequent words are kept; needs `unknown`. Default: all words. */
  vocabSize?: number;
}

/** The names of these options. */
const OPTIONS = { padding: "none", unknown: "none" };

const WORD = /\P{White_Space}+/gu;

/**
 * One id for each word of a corpus, the most frequent first; words that occur equally often are in
 * the order of their code units. Padding and the unknown word, if there are any, are first.
 *
 * ```ts
 * const tokenizer = WordTokenizer.fromText("to be or not to be", { unknown: "<unk>" });
 * console.log([...tokenizer.encode("to be is to do")]); // [ 2, 1, 0, 2, 0 ]
 * console.assert(tokenizer.decode([2, 1]) === "to be");
 * ```
 */
export class WordTokenizer extends Tokenizer {
  /** Always `"words"`. */
  override readonly kind = "words";
  /** Padding and the unknown word, if there are any. */
  override readonly specialTokens: ReadonlyMap<string, number>;
  /** The id of the padding token, if there is one. */
  override readonly paddingId: number | undefined;
  /** The id of every unknown word, if there is one. */
  readonly unknownId: number | undefined;
  readonly #vocabulary: Vocabulary;

  /**
   * Numbers words, texts without white space, in the order given; `fromText` makes the tokenizer of
   * a text. Special tokens that are not among the words are first: padding, then the unknown word.
   *
   * @throws {RangeError} if a word is empty, holds white space or occurs twice
   * @throws {TypeError} if `words` is a text or no list, or an option is unknown
   */
  constructor(words: Iterable<string> & object, options: WordTokenizerOptions = {}) {
    super();
    checkOptions("WordTokenizer", options, OPTIONS);
    const { padding, unknown } = options;
    const given = [...expectTokens("WordTokenizer", "words", words)];
    const special = [padding, unknown].filter((token) => token !== undefined);
    const tokens = [...special.filter((token) => !given.includes(token)), ...given];
    const wrong = tokens.find((token) => !/^\P{White_Space}+$/u.test(token));
    if (wrong !== undefined) {
      const shown = JSON.stringify(wrong);
      throw new RangeError(`WordTokenizer: expected words without white space, got ${shown}`);
    }
    this.#vocabulary = new Vocabulary(tokens);
    this.specialTokens = new Map(special.map((token) => [token, this.#vocabulary.id(token)!]));
    this.paddingId = padding === undefined ? undefined : this.specialTokens.get(padding);
    this.unknownId = unknown === undefined ? undefined : this.specialTokens.get(unknown);
  }

  /**
   * The words of a corpus.
   *
   * @throws {RangeError} if the text holds no word, or more than 2^20 different ones without
   *   `vocabSize`, or `vocabSize` is given without `unknown`
   * @throws {TypeError} if `text` is no string, or an option is unknown
   */
  static fromText(text: string, given: WordVocabularyOptions = {}): WordTokenizer {
    expectText("WordTokenizer.fromText", text);
    checkOptions("WordTokenizer.fromText", given, { ...OPTIONS, vocabSize: "all" });
    const { vocabSize, ...options } = given;
    const special = new Set(
      [options.padding, options.unknown].filter((token) => token !== undefined),
    );
    const counts = new Map<string, number>();
    for (const [word] of text.toWellFormed().matchAll(WORD)) {
      if (!special.has(word)) counts.set(word, (counts.get(word) ?? 0) + 1);
      if (vocabSize === undefined && counts.size > MAXIMUM_VOCABULARY) {
        throw new RangeError(
          `WordTokenizer.fromText: expected at most ${MAXIMUM_VOCABULARY} different words, got more; ` +
            "limit them with the options vocabSize and unknown",
        );
      }
    }
    if (counts.size === 0) throw new RangeError("WordTokenizer.fromText: the text holds no word");
    // Keys alone: a pair for each word would take more memory than the words.
    const words = [...counts.keys()].sort((a, b) => {
      return counts.get(b)! - counts.get(a)! || (a < b ? -1 : 1);
    });
    counts.clear();
    words.length = Math.min(words.length, wordLimit(vocabSize, special.size, options));
    return new WordTokenizer(words, options);
  }

  /** V, the number of words and special tokens. */
  override get vocabSize(): number {
    return this.#vocabulary.size;
  }

  /**
   * One id for each word.
   *
   * @throws {RangeError} if a word is unknown and the tokenizer has no token for that
   */
  protected override encodeText(text: string): Uint32Array<ArrayBuffer> {
    return this.encodeOffsets(text).ids;
  }

  /**
   * One id for each word, with its place.
   *
   * @internal
   */
  override encodeOffsets(text: string): TokenOffsets {
    const ids = new GrowingIds(), offsets = new GrowingIds();
    const push = (id: number, start: number, length: number) => {
      ids.push(id);
      offsets.push(start);
      offsets.push(start + length);
    };
    let at = 0;
    for (const part of splitSpecialTokens(text.toWellFormed(), this.specialTokens)) {
      if (part.id !== undefined) push(part.id, at, part.text.length);
      else {
        for (const { 0: word, index } of part.text.matchAll(WORD)) {
          const id = this.#vocabulary.id(word) ?? this.unknownId;
          if (id === undefined) throw this.#unknownWord(word);
          push(id, at + index, word.length);
        }
      }
      at += part.text.length;
    }
    return { ids: ids.toArray(), offsets: offsets.toArray() };
  }

  /** The words of the ids with one space between them. */
  protected override decodeIds(ids: Iterable<number>, skipSpecialTokens: boolean): string {
    return this.#vocabulary.tokensOf(ids, skipSpecialTokens ? this.specialTokens : undefined)
      .join(" ");
  }

  /** Every id completes a word; the space goes before it, except before the first. */
  protected override streamIds(skipSpecialTokens: boolean): TokenStream {
    let separator = "";
    return {
      push: (id) => {
        const word = this.decodeIds([id], skipSpecialTokens);
        if (word === "") return "";
        const piece = separator + word;
        separator = " ";
        return piece;
      },
      end: () => "",
    };
  }

  /** The word of an id. */
  override token(id: number): string {
    return this.#vocabulary.token(id);
  }

  /** The id of a word, or undefined. */
  override id(token: string): number | undefined {
    return this.#vocabulary.id(token);
  }

  /**
   * A WordLevel model over words between white space.
   *
   * @internal
   */
  override toJSON(): TokenizerFile {
    return {
      ...commonParts(this),
      pre_tokenizer: { type: "WhitespaceSplit" },
      decoder: null,
      model: {
        type: "WordLevel",
        vocab: this.#vocabulary.toJSON(),
        unk_token: this.unknownId === undefined ? "" : this.token(this.unknownId),
      },
    };
  }

  #unknownWord(word: string): RangeError {
    const close = nearest(word, this.#vocabulary.tokens);
    const hint = close === undefined ? "" : `; the nearest is ${JSON.stringify(close)}`;
    return new RangeError(
      `encode: the vocabulary of ${this.vocabSize} words has no ${JSON.stringify(word)}${hint}`,
    );
  }
}

function wordLimit(
  vocabSize: number | undefined,
  specialTokens: number,
  { unknown }: WordTokenizerOptions,
): number {
  if (vocabSize === undefined) return Infinity;
  if (unknown === undefined) {
    throw new RangeError("WordTokenizer.fromText: vocabSize needs the option unknown, got none");
  }
  if (!Number.isInteger(vocabSize) || vocabSize <= specialTokens) {
    throw new RangeError(
      `WordTokenizer.fromText: expected vocabSize above ${specialTokens}, got ${vocabSize}`,
    );
  }
  return vocabSize - specialTokens;
}
