/**
 * A binary heap: the best entry is always at hand, at log n cost for each change.
 *
 * @module
 */

/**
 * A priority queue: entries are removed best first.
 *
 * ```ts
 * const heap = new Heap<number>((a, b) => a - b);
 * for (const number of [3, 1, 2]) heap.push(number);
 * console.log(heap.pop(), heap.pop(), heap.pop(), heap.pop()); // 1 2 3 undefined
 * ```
 */
export class Heap<Entry> {
  readonly #entries: Entry[] = [];
  readonly #compare: (a: Entry, b: Entry) => number;

  /** An empty heap; `compare` is negative if `a` is removed before `b`. */
  constructor(compare: (a: Entry, b: Entry) => number) {
    this.#compare = compare;
  }

  /** The number of entries. */
  get size(): number {
    return this.#entries.length;
  }

  /** Adds an entry. */
  push(entry: Entry): void {
    const entries = this.#entries;
    let place = entries.length;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (this.#compare(entries[parent], entry) <= 0) break;
      entries[place] = entries[parent];
      place = parent;
    }
    entries[place] = entry;
  }

  /** Removes and returns the best entry; undefined if there is none. */
  pop(): Entry | undefined {
    const entries = this.#entries;
    const best = entries[0];
    const last = entries.pop();
    if (last !== undefined && entries.length > 0) this.#sink(last);
    return best;
  }

  /** Moves an entry from the top down to its place. */
  #sink(entry: Entry): void {
    const entries = this.#entries;
    let place = 0;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= entries.length) break;
      const right = child + 1;
      if (right < entries.length && this.#compare(entries[right], entries[child]) < 0) {
        child = right;
      }
      if (this.#compare(entry, entries[child]) <= 0) break;
      entries[place] = entries[child];
      place = child;
    }
    entries[place] = entry;
  }
}
