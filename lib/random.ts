/**
 * Counter-based random numbers: Philox-4x32-10 and a small generator over it.
 *
 * The number at a position depends only on (seed, stream, index), so any thread or device can
 * compute any number without those before it. The mapping that every device must follow:
 *
 *     key     = [seed, stream]                                  two u32
 *     counter = [low32(index >> 2), high32(index >> 2), 0, 0]   four u32
 *     word    = philox4x32(counter, key)[index & 3]             one u32
 *     uniform = (word >>> 8) · 2^-24                            exact in float32, in [0, 1)
 *     normal  = sqrt(-2 · ln(1 - uniform(index))) · cos(2π · uniform(index + 1))
 *
 * Element i of a uniform tensor takes index i, element i of a normal tensor takes 2i and 2i + 1.
 * Callers choose the stream; lib/ops/random.ts fills tensors.
 *
 * @module
 */

import { describe } from "./errors.ts";

const MULTIPLIER_0 = 0xD2511F53 | 0;
const MULTIPLIER_1 = 0xCD9E8D57 | 0;
const WEYL_0 = 0x9E3779B9 | 0;
const WEYL_1 = 0xBB67AE85 | 0;
const ROUNDS = 10;
const WORDS = 2 ** 32;

/**
 * High 32 bits of the product of two unsigned 32-bit integers, as a signed one. The partial
 * products of 16-bit halves stay below 2^32, so engines keep everything in 32-bit registers.
 */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xFFFF, aHigh = a >>> 16, bLow = b & 0xFFFF, bHigh = b >>> 16;
  const cross = Math.imul(aHigh, bLow) + (Math.imul(aLow, bLow) >>> 16) | 0;
  const middle = Math.imul(aLow, bHigh) + (cross & 0xFFFF) | 0;
  return Math.imul(aHigh, bHigh) + (cross >>> 16) + (middle >>> 16) | 0;
}

/**
 * Philox-4x32-10: four random 32-bit words for a 128-bit counter and a 64-bit key.
 *
 * Ten rounds of `[hi(M1·x2) ^ x1 ^ k0, lo(M1·x2), hi(M0·x0) ^ x3 ^ k1, lo(M0·x0)]`, the key growing
 * by a Weyl constant after each round. Source: Salmon et al., "Parallel Random Numbers: As Easy as
 * 1, 2, 3", SC11 (Random123).
 *
 * @param counter four unsigned 32-bit integers, least significant first
 * @param key two unsigned 32-bit integers
 * @returns four unsigned 32-bit words
 *
 * ```ts
 * import { philox4x32 } from "./random.ts";
 * console.log([...philox4x32([0, 0, 0, 0], [0, 0])].map((word) => word.toString(16)));
 * // [ "6627e8d5", "e169c58d", "bc57ac4c", "9b00dbd8" ]
 * ```
 */
export function philox4x32(counter: ArrayLike<number>, key: ArrayLike<number>): Uint32Array {
  const block = new Uint32Array(4);
  philoxInto(block, counter[0], counter[1], counter[2], counter[3], key[0], key[1]);
  return block;
}

/** `philox4x32` into an existing block. */
function philoxInto(
  block: Uint32Array,
  c0: number,
  c1: number,
  c2: number,
  c3: number,
  key0: number,
  key1: number,
): void {
  let x0 = c0 | 0, x1 = c1 | 0, x2 = c2 | 0, x3 = c3 | 0;
  let k0 = key0 | 0, k1 = key1 | 0;
  for (let round = 0; round < ROUNDS; round++) {
    const high0 = multiplyHigh(MULTIPLIER_0, x0), low0 = Math.imul(MULTIPLIER_0, x0);
    const high1 = multiplyHigh(MULTIPLIER_1, x2), low1 = Math.imul(MULTIPLIER_1, x2);
    x0 = high1 ^ x1 ^ k0;
    x1 = low1;
    x2 = high0 ^ x3 ^ k1;
    x3 = low0;
    k0 = k0 + WEYL_0 | 0;
    k1 = k1 + WEYL_1 | 0;
  }
  block[0] = x0;
  block[1] = x1;
  block[2] = x2;
  block[3] = x3;
}

/**
 * Checks a seed, or another word of a key.
 *
 * @throws {RangeError} if it is no integer in [0, 2^32)
 */
export function expectSeed(operation: string, seed: number, name = "seed"): void {
  if (!Number.isInteger(seed) || seed < 0 || seed >= WORDS) {
    throw new RangeError(
      `${operation}: ${name} must be an integer in [0, 2^32), got ${describe(seed)}`,
    );
  }
}

/** `sqrt(-2 ln(1 - u)) · cos(2π v)`, u and v from the upper 24 bits of two words. */
function boxMuller(first: number, second: number): number {
  const radius = Math.sqrt(-2 * Math.log(1 - (first >>> 8) * 2 ** -24));
  return radius * Math.cos(2 * Math.PI * ((second >>> 8) * 2 ** -24));
}

/**
 * A reproducible sequence of random numbers: word number `index` of the Philox sequence of
 * (seed, stream). All of its state is that index, so `state` saved and set again continues with the
 * same numbers.
 *
 * ```ts
 * import { Random } from "./random.ts";
 * const random = new Random(1337);
 * const saved = random.state;
 * const first = random.uniform();
 * random.state = saved;
 * console.log(random.uniform() === first); // true
 * ```
 */
export class Random {
  /** The first word of the key, an integer in [0, 2^32). */
  readonly seed: number;
  /** The second word of the key: an independent sequence for each value in [0, 2^32). */
  readonly stream: number;
  #index = 0;
  readonly #block = new Uint32Array(4);
  #blockNumber = -1;

  /**
   * Starts at index 0.
   *
   * @throws {RangeError} if seed or stream is no integer in [0, 2^32)
   */
  constructor(seed: number, stream = 0) {
    expectSeed("Random", seed);
    expectSeed("Random", stream, "stream");
    this.seed = seed;
    this.stream = stream;
  }

  /** Index of the next word, a whole number from 0; set it to continue from there. */
  get state(): number {
    return this.#index;
  }

  set state(index: number) {
    if (!Number.isSafeInteger(index) || index < 0) {
      throw new RangeError(`Random: state must be a whole number from 0, got ${index}`);
    }
    this.#index = index;
  }

  /** The next word: an integer in [0, 2^32). Uses one index. */
  word(): number {
    const blockNumber = Math.floor(this.#index / 4); // `>> 2` on more than 32 bits
    if (blockNumber !== this.#blockNumber) this.#fillBlock(blockNumber);
    return this.#block[this.#index++ % 4];
  }

  #fillBlock(number: number): void {
    const high = Math.floor(number / WORDS);
    philoxInto(this.#block, number % WORDS, high, 0, 0, this.seed, this.stream);
    this.#blockNumber = number;
  }

  /** A number in [0, 1), a multiple of 2^-24. Uses one index. */
  uniform(): number {
    return (this.word() >>> 8) * 2 ** -24;
  }

  /**
   * A number from N(0, 1), at most 5.77 in magnitude: Box–Muller, `sqrt(-2 ln(1 - u)) · cos(2π v)`.
   * Uses two indices; the sine half is dropped, so that the index is the only state.
   */
  normal(): number {
    const first = this.word();
    return boxMuller(first, this.word());
  }

  /** `count` numbers of `normal`, times `deviation`: the same, in half the time. */
  normals(count: number, deviation = 1): Float32Array<ArrayBuffer> {
    const values = new Float32Array(count);
    let i = 0;
    while (i < count && this.#index % 4 !== 0) values[i++] = deviation * this.normal();
    for (const words = this.#block; i + 1 < count; i += 2) {
      this.#fillBlock(this.#index / 4);
      values[i] = deviation * boxMuller(words[0], words[1]);
      values[i + 1] = deviation * boxMuller(words[2], words[3]);
      this.#index += 4;
    }
    if (i < count) values[i] = deviation * this.normal();
    return values;
  }

  /**
   * An integer in [0, n), each equally likely. Uses one index, and one more for each rejected word,
   * one in the incomplete last multiple of n (fewer than one in two; rare for small n).
   *
   * @throws {RangeError} if n is no integer in [1, 2^32]
   */
  integer(n: number): number {
    if (!Number.isInteger(n) || n < 1 || n > WORDS) {
      throw new RangeError(`Random.integer: n must be an integer in [1, 2^32], got ${n}`);
    }
    const limit = WORDS - WORDS % n;
    for (;;) {
      const word = this.word();
      if (word < limit) return word % n;
    }
  }

  /**
   * The items in a random order, each equally likely, as a new array (Fisher–Yates, from the end).
   *
   * ```ts
   * import { Random } from "./random.ts";
   * console.log(new Random(1).shuffled(["a", "b", "c"]).toSorted()); // [ "a", "b", "c" ]
   * ```
   */
  shuffled<Item>(items: readonly Item[]): Item[] {
    const all = [...items];
    for (let last = all.length - 1; last > 0; last--) {
      const other = this.integer(last + 1);
      [all[last], all[other]] = [all[other], all[last]];
    }
    return all;
  }
}
