/**
 * A list of token ids of unknown length, four bytes each.
 *
 * @module
 */

/** Ids that are appended one by one and returned as one array. */
export class GrowingIds {
  #ids: Uint32Array<ArrayBuffer>;
  #length = 0;

  /** Room for `capacity` ids at first, default 16: so few take no memory outside the heap. */
  constructor(capacity = 16) {
    this.#ids = new Uint32Array(Math.max(1, capacity));
  }

  /** Appends an id. */
  push(id: number): void {
    if (this.#length === this.#ids.length) {
      const larger = new Uint32Array(2 * this.#length);
      larger.set(this.#ids);
      this.#ids = larger;
    }
    this.#ids[this.#length++] = id;
  }

  /** What was appended; append nothing more. */
  toArray(): Uint32Array<ArrayBuffer> {
    return this.#length === this.#ids.length ? this.#ids : this.#ids.slice(0, this.#length);
  }
}
