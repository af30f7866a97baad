/** Merges of pieces of few and of many tokens, against a search for the next merge in a list. */
import assert from "node:assert/strict";
import { MergeTable } from "../lib/text/byte_pair_merge.ts";
import { Random } from "../lib/random.ts";

const random = new Random(5);
const LETTERS = 6;

/** Merges of random tokens, older ones and letters, into new ones. */
function randomMerges(count: number): [left: number, right: number][] {
  return Array.from({ length: count }, (_, rank) => {
    return [random.integer(LETTERS + rank), random.integer(LETTERS + rank)];
  });
}

/** Makes the earliest merge that applies, the leftmost of the same, again and again. */
function searched(tokens: readonly number[], merges: readonly [number, number][]) {
  const ids = [...tokens];
  const firsts = ids.map((_, index) => index);
  const applies = ([left, right]: readonly [number, number], at: number) =>
    ids[at] === left && ids[at + 1] === right;
  for (;;) {
    // Of equal merges the last one counts.
    const rank = merges.findIndex((merge, rank) => {
      const isLast = !merges.some((other, i) => i > rank && String(other) === String(merge));
      return isLast && ids.some((_, at) => applies(merge, at));
    });
    if (rank < 0) return { ids, firsts };
    const at = ids.findIndex((_, at) => applies(merges[rank], at));
    ids.splice(at, 2, LETTERS + rank);
    firsts.splice(at + 1, 1);
  }
}

Deno.test("pieces of any length are merged in the order of the merges", () => {
  for (let round = 0; round < 20; round++) {
    const merges = randomMerges(15);
    const table = new MergeTable({
      left: Int32Array.from(merges, ([left]) => left),
      right: Int32Array.from(merges, ([, right]) => right),
      merged: Int32Array.from(merges, (_, rank) => LETTERS + rank),
    });
    for (const length of [1, 2, 5, 23, 24, 25, 60]) {
      const tokens = Array.from({ length }, () => random.integer(LETTERS));
      const firsts: number[] = [];
      const ids = table.merge(Int32Array.from(tokens), firsts);
      assert.deepEqual({ ids, firsts }, searched(tokens, merges));
      assert.deepEqual(table.merge(Int32Array.from(tokens)), ids);
    }
  }
});
