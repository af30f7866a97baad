/**
 * Learns the merges of a byte-level byte-pair tokenizer from a text.
 *
 * The pieces of the text are counted once. From then on an index has the places of each pair of
 * neighbors, so that a merge visits only those, and a heap has the most frequent pair.
 *
 * @module
 */

import { checkOptions } from "../options.ts";
import { BYTE_TOKENS, bytesToCharacters } from "./byte_alphabet.ts";
import { splitForBytePairs } from "./byte_pair_split.ts";
import { BytePairTokenizer } from "./byte_pair_tokenizer.ts";
import { expectText } from "./expect_text.ts";
import { Heap } from "./heap.ts";
import { PairTable } from "./pair_table.ts";
import { splitSpecialTokens } from "./special_tokens.ts";

/** Options of `trainBytePair`. */
export interface BytePairTrainingOptions {
  /** The maximum of V: special tokens, 256 bytes and merges. */
  vocabSize: number;
  /**
   * Tokens such as `"<|endoftext|>"`, which have the first ids and are no part of the text; default
   * none.
   */
  specialTokens?: readonly string[];
}

/**
 * Trains a byte-level byte-pair tokenizer: starting from single bytes, the most frequent pair of
 * neighboring tokens becomes a token, again and again, until there are `vocabSize` tokens or no
 * pair is left. Of equally frequent pairs the greater one is merged first, compared as bytes, left
 * token first.
 *
 * Ids: special tokens, then the 256 bytes in the order of GPT-2, then the merges in order.
 *
 * ```ts
 * const tokenizer = trainBytePair("low low low lower lowest", { vocabSize: 259 });
 * console.log(tokenizer.toJSON().model.merges); // [ "o w", "l ow", "Ġ low" ]
 * ```
 *
 * @throws {RangeError} if `vocabSize` does not hold the special tokens and 256 bytes
 * @throws {TypeError} if `text` is no string, or an option is unknown
 */
export function trainBytePair(
  text: string,
  options: BytePairTrainingOptions,
): BytePairTokenizer {
  expectText("trainBytePair", text);
  checkOptions("trainBytePair", options, { vocabSize: true, specialTokens: "none" });
  const { vocabSize, specialTokens = [] } = options;
  const smallest = specialTokens.length + BYTE_TOKENS.length;
  if (!Number.isInteger(vocabSize) || vocabSize < smallest) {
    throw new RangeError(
      `trainBytePair: expected vocabSize of at least ${smallest} (256 bytes and ` +
        `${specialTokens.length} special tokens), got ${vocabSize}`,
    );
  }
  const training = new Training(countPieces(text, specialTokens));
  while (specialTokens.length + training.tokenCount < vocabSize && training.mergeBest());
  return training.tokenizer(specialTokens);
}

function countPieces(text: string, specialTokens: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  const special = new Map(specialTokens.map((token, id) => [token, id]));
  for (const part of splitSpecialTokens(text.toWellFormed(), special)) {
    if (part.id !== undefined) continue;
    for (const piece of splitForBytePairs(part.text)) {
      counts.set(piece, (counts.get(piece) ?? 0) + 1);
    }
  }
  return counts;
}

/** A pair of neighboring tokens: its count and its places. */
interface Pair {
  left: number;
  right: number;
  count: number;
  /** Places of the left token, rising; some may hold another pair by now. */
  places: number[];
}

const BOUNDARY = -1; // between pieces: nothing merges across it
const TAKEN = -2; // the place belongs to the token on its left

/**
 * The text while it is being merged; token ids here are 0–255 for bytes, then one for each merge.
 * No two merges make the same token, because bytes between two ends of tokens are always merged
 * alike.
 */
class Training {
  /** The merges so far, as ids of this class. */
  readonly #merges: [left: number, right: number][] = [];
  /** Each token's bytes as characters U+0000–U+00FF, whose order is that of the bytes. */
  readonly #spellings = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte));
  /** All different pieces in a row, each followed by a boundary. */
  readonly #tokens: Int32Array;
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  /** How often the piece at a place occurs in the text. */
  readonly #weights: Float64Array;
  readonly #pairs: Pair[] = [];
  readonly #indexOfPair = new PairTable();
  /** One entry for each pair that still occurs; the pair's count may have fallen since. */
  readonly #heap = new Heap<{ pair: Pair; count: number }>(
    (a, b) => b.count - a.count || this.#compare(b.pair, a.pair),
  );

  constructor(counts: ReadonlyMap<string, number>) {
    const encoder = new TextEncoder();
    let places = 1;
    for (const piece of counts.keys()) places += encoder.encode(piece).length + 1;
    this.#tokens = new Int32Array(places).fill(BOUNDARY);
    this.#weights = new Float64Array(places);
    let at = 1;
    for (const [piece, count] of counts) {
      const bytes = encoder.encode(piece);
      this.#tokens.set(bytes, at);
      this.#weights.fill(count, at, at + bytes.length);
      at += bytes.length + 1;
    }
    this.#next = this.#tokens.map((_, place) => place + 1);
    this.#previous = this.#tokens.map((_, place) => place - 1);
    for (let place = 1; place + 1 < this.#tokens.length; place++) this.#addPair(place);
    this.#offerFrom(0);
  }

  /** The number of tokens so far: 256 bytes and what merges made. */
  get tokenCount(): number {
    return this.#spellings.length;
  }

  /** Merges the most frequent pair everywhere; false if no pair is left. */
  mergeBest(): boolean {
    const best = this.#popBest();
    if (best === undefined) return false;
    const merged = this.#spellings.length;
    this.#spellings.push(this.#spellings[best.left] + this.#spellings[best.right]);
    const known = this.#pairs.length;
    this.#merges.push([best.left, best.right]);
    for (const place of best.places) {
      const right = this.#next[place];
      if (this.#tokens[place] === best.left && this.#tokens[right] === best.right) {
        this.#mergeAt(place, merged);
      }
    }
    best.count = 0;
    best.places = [];
    this.#offerFrom(known);
    return true;
  }

  /** The tokenizer that these merges make. */
  tokenizer(specialTokens: readonly string[]): BytePairTokenizer {
    const spelled = (id: number) =>
      bytesToCharacters(Array.from(this.#spellings[id], (character) => character.charCodeAt(0)));
    return new BytePairTokenizer({
      tokens: [
        ...specialTokens,
        ...BYTE_TOKENS,
        ...this.#spellings.slice(256).map((_, merge) => spelled(256 + merge)),
      ],
      merges: this.#merges.map(([left, right]) => [spelled(left), spelled(right)]),
      addedTokens: specialTokens.map((content, id) => ({ id, content, special: true })),
    });
  }

  #mergeAt(place: number, merged: number): void {
    const right = this.#next[place];
    const before = this.#previous[place];
    const after = this.#next[right];
    this.#removePair(before);
    this.#removePair(right);
    this.#tokens[place] = merged;
    this.#tokens[right] = TAKEN;
    this.#next[place] = after;
    this.#previous[after] = place; // there is always a boundary after
    this.#addPair(before);
    this.#addPair(place);
  }

  #pairAt(place: number): Pair | undefined {
    const left = this.#tokens[place];
    const right = this.#tokens[this.#next[place]];
    if (left < 0 || right < 0) return undefined;
    const index = this.#indexOfPair.get(left, right);
    if (index >= 0) return this.#pairs[index];
    const pair = { left, right, count: 0, places: [] };
    this.#indexOfPair.set(left, right, this.#pairs.length);
    this.#pairs.push(pair);
    return pair;
  }

  #addPair(place: number): void {
    const pair = this.#pairAt(place);
    if (pair === undefined) return;
    pair.count += this.#weights[place];
    pair.places.push(place);
  }

  #removePair(place: number): void {
    const pair = this.#pairAt(place);
    if (pair !== undefined) pair.count -= this.#weights[place];
  }

  /**
   * Puts new pairs on the heap. A pair arises only with its newer token: later its count can but
   * fall.
   */
  #offerFrom(index: number): void {
    for (const pair of this.#pairs.slice(index)) {
      if (pair.count > 0) this.#heap.push({ pair, count: pair.count });
    }
  }

  #popBest(): Pair | undefined {
    for (let entry = this.#heap.pop(); entry !== undefined; entry = this.#heap.pop()) {
      const { pair, count } = entry;
      if (pair.count === count) return pair;
      if (pair.count > 0) this.#heap.push({ pair, count: pair.count });
    }
    return undefined;
  }

  #compare(a: Pair, b: Pair): number {
    return compareText(this.#spellings[a.left], this.#spellings[b.left]) ||
      compareText(this.#spellings[a.right], this.#spellings[b.right]);
  }
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
