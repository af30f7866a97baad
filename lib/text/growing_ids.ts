/**
 * A list of token ids of unknown length, four bytes each.
 *
 * @module
 */

/** Ids that are appended one by one and taken out as one array. */
export class GrowingIds {
  #ids = new Uint32Array(256);
  #length = 0;

  /** Appends an id. */
  push(id: number): void {
    if (this.#length === this.#ids.length) {
      const larger = new Uint32Array(2 * this.#length);
      larger.set(this.#ids);
      this.#ids = larger;
    }
    this.#ids[this.#length++] = id;
  }

  /** A copy of what was appended. */
  toArray(): Uint32Array<ArrayBuffer> {
    return this.#ids.slice(0, this.#length);
  }
}
