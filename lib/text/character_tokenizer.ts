/**
 * A tokenizer whose tokens are single characters (Unicode code points).
 *
 * @module
 */

import { checkOptions } from "../options.ts";
import type { TokenOffsets } from "./encode_batch.ts";
import { expectText, expectTokens } from "./expect_text.ts";
import { splitSpecialTokens } from "./special_tokens.ts";
import { Tokenizer, type TokenStream } from "./tokenizer.ts";
import { commonParts, MAXIMUM_VOCABULARY, type TokenizerFile } from "./tokenizer_file.ts";
import { Vocabulary } from "./vocabulary.ts";

/** Options of a `CharacterTokenizer`. */
export interface CharacterTokenizerOptions {
  /**
   * The padding token; default none. One of the characters keeps its id (NUL for ASCII text);
   * anything else, such as `"<pad>"`, becomes id 0 and moves the characters up by one.
   */
  padding?: string;
}

/** The names of these options. */
const OPTIONS = { padding: "none" };

/** The regular expression of the file that splits a text into characters, for other readers. */
export const CHARACTER_PATTERN = "[\\s\\S]";

/**
 * One id for each code point of a corpus, in the order of the code points.
 *
 * ```ts
 * const tokenizer = CharacterTokenizer.fromText("hello");
 * console.log(tokenizer.vocabSize, [...tokenizer.encode("hole")]); // 4 [ 1, 3, 2, 0 ]
 * console.assert(tokenizer.decode(tokenizer.encode("hole")) === "hole");
 * ```
 */
export class CharacterTokenizer extends Tokenizer {
  /** Always `"characters"`. */
  override readonly kind = "characters";
  /** The padding token, unless it is a character. */
  override readonly specialTokens: ReadonlyMap<string, number>;
  /** The id of the padding token, if there is one. */
  override readonly paddingId: number | undefined;
  readonly #vocabulary: Vocabulary;
  readonly #idOfCodePoint: Int32Array;

  /**
   * Numbers characters, single code points, in the order given; `fromText` makes the tokenizer of a
   * text.
   *
   * @throws {RangeError} if one is no single code point, or occurs twice
   * @throws {TypeError} if `characters` is a text or no list, or an option is unknown
   */
  constructor(
    characters: Iterable<string> & object,
    options: CharacterTokenizerOptions = {},
  ) {
    super();
    checkOptions("CharacterTokenizer", options, OPTIONS);
    const { padding } = options;
    const tokens = [...expectTokens("CharacterTokenizer", "characters", characters)];
    const wrong = tokens.find((token) => !isCharacter(token));
    if (wrong !== undefined) {
      const shown = JSON.stringify(wrong);
      throw new RangeError(`CharacterTokenizer: expected single characters, got ${shown}`);
    }
    const special = padding !== undefined && !tokens.includes(padding);
    this.#vocabulary = new Vocabulary(special ? [padding, ...tokens] : tokens);
    this.paddingId = padding === undefined ? undefined : this.#vocabulary.id(padding);
    this.specialTokens = new Map(special ? [[padding, 0]] : []);
    this.#idOfCodePoint = codePointTable(tokens, special ? 1 : 0);
  }

  /**
   * The characters of a corpus, sorted by code point.
   *
   * @throws {RangeError} if the text is empty, or has more than 2^20 different characters
   * @throws {TypeError} if `text` is no string, or an option is unknown
   */
  static fromText(text: string, options: CharacterTokenizerOptions = {}): CharacterTokenizer {
    expectText("CharacterTokenizer.fromText", text);
    checkOptions("CharacterTokenizer.fromText", options, OPTIONS);
    const codePoints = distinctCodePoints(text.toWellFormed());
    const characters = codePoints.map((codePoint) => String.fromCodePoint(codePoint));
    return new CharacterTokenizer(characters, options);
  }

  /** The 128 ASCII characters, each with its code as id; NUL, id 0, is the padding. */
  static ascii(): CharacterTokenizer {
    const characters = Array.from({ length: 128 }, (_, code) => String.fromCharCode(code));
    return new CharacterTokenizer(characters, { padding: "\0" });
  }

  /** V, the number of characters and, if there is one, the padding token. */
  override get vocabSize(): number {
    return this.#vocabulary.size;
  }

  /**
   * One id for each character.
   *
   * @throws {RangeError} if a character is not in the vocabulary; the message names it
   */
  protected override encodeText(text: string): Uint32Array<ArrayBuffer> {
    const ids = new Uint32Array(text.length); // a token has at least one UTF-16 unit
    const idOfCodePoint = this.#idOfCodePoint;
    let count = 0;
    for (const part of splitSpecialTokens(text.toWellFormed(), this.specialTokens)) {
      if (part.id !== undefined) {
        ids[count++] = part.id;
        continue;
      }
      const { length } = part.text;
      for (let i = 0; i < length; i++) {
        const codePoint = part.text.codePointAt(i)!;
        if (codePoint > 0xFFFF) i++; // two UTF-16 units
        const id = idOfCodePoint[codePoint] ?? -1;
        if (id < 0) throw this.#unknownCharacters(text);
        ids[count++] = id;
      }
    }
    return count === ids.length ? ids : ids.slice(0, count);
  }

  /**
   * One id for each character, with its place.
   *
   * @internal
   */
  override encodeOffsets(text: string): TokenOffsets {
    const ids = this.encodeText(text);
    const offsets = new Uint32Array(2 * ids.length);
    let at = 0;
    ids.forEach((id, i) => {
      offsets[2 * i] = at;
      offsets[2 * i + 1] = at += this.#vocabulary.token(id).length;
    });
    return { ids, offsets };
  }

  /** The characters of the ids, joined. */
  protected override decodeIds(ids: Iterable<number>, skipSpecialTokens: boolean): string {
    return this.#vocabulary.tokensOf(ids, skipSpecialTokens ? this.specialTokens : undefined)
      .join("");
  }

  /** Every id is a whole character. */
  protected override streamIds(skipSpecialTokens: boolean): TokenStream {
    return { push: (id) => this.decodeIds([id], skipSpecialTokens), end: () => "" };
  }

  /** The character of an id. */
  override token(id: number): string {
    return this.#vocabulary.token(id);
  }

  /** The id of a character, or undefined. */
  override id(token: string): number | undefined {
    return this.#vocabulary.id(token);
  }

  /**
   * A WordLevel model whose words are single characters.
   *
   * @internal
   */
  override toJSON(): TokenizerFile {
    return {
      ...commonParts(this),
      pre_tokenizer: {
        type: "Split",
        pattern: { Regex: CHARACTER_PATTERN },
        behavior: "Isolated",
        invert: false,
      },
      decoder: { type: "Fuse" },
      model: { type: "WordLevel", vocab: this.#vocabulary.toJSON(), unk_token: "" },
    };
  }

  #unknownCharacters(text: string): RangeError {
    const unknown = new Set<string>();
    for (const { text: plain, id } of splitSpecialTokens(text.toWellFormed(), this.specialTokens)) {
      if (id !== undefined) continue;
      for (const character of plain) if (this.id(character) === undefined) unknown.add(character);
    }
    return new RangeError(
      `encode: the vocabulary has no ${listed([...unknown].map(named), 10)}; ` +
        `its ${this.vocabSize} tokens are ${listed(this.#vocabulary.tokens.map(quoted), 100)}`,
    );
  }
}

function isCharacter(token: string): boolean {
  const codePoint = token.codePointAt(0);
  return codePoint !== undefined && token.isWellFormed() &&
    token.length === (codePoint > 0xFFFF ? 2 : 1);
}

/**
 * The code points of a well-formed text, each once, in order.
 *
 * @throws {RangeError} if there are more than a tokenizer may have
 */
function distinctCodePoints(text: string): number[] {
  const seen = new Uint8Array(0x110000); // a set would take ten times as long
  let count = 0;
  for (let i = 0; i < text.length; i++) {
    const codePoint = text.codePointAt(i)!;
    if (codePoint > 0xFFFF) i++; // two UTF-16 units
    count += 1 - seen[codePoint];
    seen[codePoint] = 1;
  }
  if (count > MAXIMUM_VOCABULARY) {
    throw new RangeError(
      `CharacterTokenizer.fromText: expected at most ${MAXIMUM_VOCABULARY} different characters, ` +
        `got ${count}; train a byte-pair tokenizer, which needs none`,
    );
  }
  const codePoints: number[] = [];
  for (let i = 0; i < seen.length; i++) if (seen[i]) codePoints.push(i);
  return codePoints;
}

function codePointTable(characters: readonly string[], firstId: number): Int32Array {
  const codePoints = characters.map((character) => character.codePointAt(0)!);
  const largest = codePoints.reduce((a, b) => Math.max(a, b), 0);
  const table = new Int32Array(largest + 1).fill(-1);
  codePoints.forEach((codePoint, index) => table[codePoint] = firstId + index);
  return table;
}

function named(character: string): string {
  const hex = character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0");
  return `${quoted(character)} (U+${hex})`;
}

function quoted(token: string): string {
  return JSON.stringify(token);
}

function listed(names: readonly string[], limit: number): string {
  const shown = names.slice(0, limit).join(" ");
  return names.length > limit ? `${shown} … (${names.length - limit} more)` : shown;
}
