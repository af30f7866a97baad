/**
 * What SentencePiece makes of a text before it looks for pieces: replacements by the model's table,
 * and spaces that are removed, put before the text or written as `▁`.
 *
 * sentence_piece_unigram.ts finds the pieces.
 *
 * @module
 */

import { ReplacementTable } from "./pipeline/replacement_table.ts";
import type { SentencePieceModel } from "./sentence_piece_model.ts";
import { UnitTrie } from "./unit_trie.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const BLANK = 0x20;
/** The bytes of `▁`. */
const ESCAPED: readonly number[] = [...encoder.encode("\u2581")];
const UNKNOWN_BYTES: Uint8Array = encoder.encode("\uFFFD");

/** The normalizer of a model. */
export class SentencePieceNormalizer {
  readonly #model: SentencePieceModel;
  readonly #table: ReplacementTable | undefined;
  /** User-defined pieces by their bytes: they are never changed. */
  readonly #kept: UnitTrie | undefined;
  readonly #space: readonly number[];
  /** The place after the part that `#next` returned last. */
  #end = 0;

  constructor(model: SentencePieceModel) {
    this.#model = model;
    this.#table = model.charsmap.length > 0 ? new ReplacementTable(model.charsmap) : undefined;
    this.#space = model.escapesSpaces ? ESCAPED : [BLANK];
    const user = model.pieces.filter(({ type }) => type === "user");
    if (user.length > 0) this.#kept = new UnitTrie();
    for (const { text } of user) {
      this.#kept!.insert(String.fromCharCode(...encoder.encode(text)), 0);
    }
  }

  /** The text in which pieces are looked for. */
  normalize(text: string): string {
    const { addsSpace, removesSpaces, spacesAfterWords } = this.#model;
    const bytes = encoder.encode(text);
    const result: number[] = [];
    let at = removesSpaces ? this.#afterSpaces(bytes) : 0;
    if (at === bytes.length) return "";
    if (addsSpace && !spacesAfterWords) result.push(...this.#space);
    let afterSpace = removesSpaces;
    while (at < bytes.length) {
      const part = this.#next(bytes, at);
      at = this.#end;
      let first = 0;
      if (afterSpace) { while (part[first] === BLANK) first++; }
      for (let i = first; i < part.length; i++) {
        if (part[i] === BLANK) result.push(...this.#space);
        else result.push(part[i]);
      }
      if (first < part.length) afterSpace = removesSpaces && part[part.length - 1] === BLANK;
    }
    if (removesSpaces) this.#removeLastSpaces(result);
    if (addsSpace && spacesAfterWords) result.push(...this.#space);
    return decoder.decode(Uint8Array.from(result));
  }

  /** The place after the parts at the beginning that are one space each. */
  #afterSpaces(bytes: Uint8Array): number {
    let at = 0;
    while (at < bytes.length) {
      const part = this.#next(bytes, at);
      if (part.length !== 1 || part[0] !== BLANK) break;
      at = this.#end;
    }
    return at;
  }

  #removeLastSpaces(result: number[]): void {
    const { length } = this.#space;
    const endsWithSpace = () =>
      result.length >= length && this.#space.every((byte, i) => result.at(i - length) === byte);
    while (endsWithSpace()) result.length -= length;
  }

  /**
   * What becomes of the next part of a text: a user-defined piece, a key of the table, or a
   * character.
   */
  #next(bytes: Uint8Array, at: number): Uint8Array {
    const kept = this.#keptEnd(bytes, at);
    if (kept > at) {
      this.#end = kept;
      return bytes.subarray(at, kept);
    }
    const found = this.#table?.find(bytes, at, "longest");
    if (found !== undefined) {
      this.#end = found.end;
      return found.bytes;
    }
    const lead = bytes[at];
    // The rest of a character whose first bytes are a key.
    const isRest = lead >= 0x80 && lead < 0xC0;
    this.#end = at + (lead < 0xC0 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4);
    return isRest ? UNKNOWN_BYTES : bytes.subarray(at, this.#end);
  }

  /** The end of the longest user-defined piece at a place; the place itself if there is none. */
  #keptEnd(bytes: Uint8Array, at: number): number {
    let end = at;
    if (this.#kept === undefined) return end;
    for (let place = at, node = 0; place < bytes.length; place++) {
      node = this.#kept.child(node, bytes[place]);
      if (node < 0) break;
      if (this.#kept.value(node) >= 0) end = place + 1;
    }
    return end;
  }
}
