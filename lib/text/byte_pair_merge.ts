/**
 * The merges of a byte-pair vocabulary, and how they turn one piece of text into tokens.
 *
 * @module
 */

import { Heap } from "./heap.ts";
import { PairTable } from "./pair_table.ts";

const POSITIONS = 2 ** 32;

/** Tokens of a piece up to which a scan for each merge is faster than a heap. */
const FEW = 24;

/** Columns of token ids: each merge makes `merged` of `left` and `right`. */
export interface MergeColumns {
  readonly left: Int32Array;
  readonly right: Int32Array;
  readonly merged: Int32Array;
}

/** Merges in order: the earlier one is done first, of the same merge the leftmost. */
export class MergeTable {
  readonly #ranks: PairTable;
  readonly #merged: Int32Array;

  /** Ranks the merges; the last of equal ones counts. */
  constructor({ left, right, merged }: MergeColumns) {
    this.#ranks = new PairTable(left.length);
    this.#merged = merged;
    for (let rank = 0; rank < left.length; rank++) this.#ranks.set(left[rank], right[rank], rank);
  }

  /** The number of different pairs. */
  get size(): number {
    return this.#ranks.size;
  }

  /**
   * Merges the tokens of one piece until no merge applies: n log n for n tokens. `firsts` receives,
   * for each token of the result, the index of the first token that it is made of.
   *
   * Neighbors are linked by index, and a heap holds `rank · 2^32 + index of the left token`; an
   * entry whose pair has changed since is passed over.
   */
  merge(tokens: Int32Array, firsts?: number[]): number[] {
    if (tokens.length <= FEW) return this.#mergeFew(Array.from(tokens), firsts);
    const ids = tokens.slice();
    const next = ids.map((_, index) => index + 1);
    const previous = ids.map((_, index) => index - 1);
    const candidates = new Heap<number>(byNumber);
    const rankAt = (left: number) =>
      left < 0 || next[left] >= ids.length ? -1 : this.#ranks.get(ids[left], ids[next[left]]);
    const consider = (left: number) => {
      const rank = rankAt(left);
      if (rank >= 0) candidates.push(rank * POSITIONS + left);
    };
    for (let left = 0; left < ids.length; left++) consider(left);
    for (let best = candidates.pop(); best !== undefined; best = candidates.pop()) {
      const rank = Math.floor(best / POSITIONS);
      const left = best - rank * POSITIONS;
      if (ids[left] < 0 || rankAt(left) !== rank) continue;
      const right = next[left];
      ids[left] = this.#merged[rank];
      ids[right] = -1; // taken up by its left neighbor
      next[left] = next[right];
      if (next[left] < ids.length) previous[next[left]] = left;
      consider(previous[left]);
      consider(left);
    }
    if (firsts !== undefined) ids.forEach((id, index) => id >= 0 && firsts.push(index));
    return Array.from(ids.filter((id) => id >= 0));
  }

  /** The same for few tokens, which are changed in place; n² for n tokens. */
  #mergeFew(ids: number[], firsts: number[] = []): number[] {
    const rankAt = (left: number) =>
      left + 1 < ids.length ? this.#ranks.get(ids[left], ids[left + 1]) : -1;
    const ranks = ids.map((_, left) => rankAt(left));
    for (let index = 0; index < ids.length; index++) firsts.push(index);
    for (let best = lowest(ranks); best >= 0; best = lowest(ranks)) {
      ids[best] = this.#merged[ranks[best]];
      for (const list of [ids, ranks, firsts]) list.splice(best + 1, 1);
      ranks[best] = rankAt(best);
      if (best > 0) ranks[best - 1] = rankAt(best - 1);
    }
    return ids;
  }
}

/** The index of the lowest rank, of equal ones the first; −1 if there is none from 0 on. */
function lowest(ranks: readonly number[]): number {
  let best = -1;
  for (let i = 0; i < ranks.length; i++) {
    if (ranks[i] >= 0 && (best < 0 || ranks[i] < ranks[best])) best = i;
  }
  return best;
}

function byNumber(a: number, b: number): number {
  return a - b;
}
