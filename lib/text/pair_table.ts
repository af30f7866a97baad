/**
 * A hash table from pairs of token ids to a number: the inner loop of byte-pair encoding and
 * training. A `Map` needs one key a pair, and a key above 2^31 costs an allocation; this takes two
 * integers.
 *
 * @module
 */

const EMPTY = -1;

/** (left, right) → value, all integers from 0 to 2^31 − 1. Open addressing with linear probing. */
export class PairTable {
  #slots: Int32Array; // left, right, value for each slot
  #mask: number;
  #size = 0;

  /** An empty table for `capacity` pairs; beyond them it grows by itself. */
  constructor(capacity = 0) {
    const slots = 2 ** Math.ceil(Math.log2(Math.max(16, 2 * capacity)));
    this.#slots = new Int32Array(3 * slots).fill(EMPTY);
    this.#mask = slots - 1;
  }

  /** The number of pairs. */
  get size(): number {
    return this.#size;
  }

  /** The value of a pair, or −1. */
  get(left: number, right: number): number {
    return this.#slots[this.#find(left, right) + 2];
  }

  /** Sets the value of a pair. */
  set(left: number, right: number, value: number): void {
    const at = this.#find(left, right);
    if (this.#slots[at] === EMPTY) {
      this.#slots[at] = left;
      this.#slots[at + 1] = right;
      this.#size++;
    }
    this.#slots[at + 2] = value;
    if (2 * this.#size > this.#mask + 1) this.#grow();
  }

  #find(left: number, right: number): number {
    let hash = Math.imul(left, 0x9E3779B1) ^ Math.imul(right, 0x85EBCA6B);
    hash ^= hash >>> 15;
    for (let slot = hash & this.#mask;; slot = (slot + 1) & this.#mask) {
      const at = 3 * slot;
      const found = this.#slots[at];
      if (found === EMPTY || (found === left && this.#slots[at + 1] === right)) return at;
    }
  }

  #grow(): void {
    const old = this.#slots;
    this.#slots = new Int32Array(2 * old.length).fill(EMPTY);
    this.#mask = 2 * this.#mask + 1;
    this.#size = 0;
    for (let at = 0; at < old.length; at += 3) {
      if (old[at] !== EMPTY) this.set(old[at], old[at + 1], old[at + 2]);
    }
  }
}
