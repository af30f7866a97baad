import assert from "node:assert/strict";
import { Heap } from "../lib/text/heap.ts";
import { PairTable } from "../lib/text/pair_table.ts";

/** Whole numbers below 2^16 that look random. */
function* numbers(count: number): Generator<number> {
  let state = 42;
  for (let index = 0; index < count; index++) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    yield state >>> 16;
  }
}

Deno.test("a heap gives its entries in order, equals included", () => {
  const heap = new Heap<number>((a, b) => a - b);
  const entries = [...numbers(500), 7, 7, 7];
  for (const entry of entries) heap.push(entry);
  assert.equal(heap.size, 503);
  assert.deepEqual(entries.map(() => heap.pop()), entries.toSorted((a, b) => a - b));
  assert.equal(heap.pop(), undefined);
  assert.equal(heap.size, 0);
});

Deno.test("a heap stays ordered while entries are added and removed", () => {
  const heap = new Heap<number>((a, b) => b - a);
  const held: number[] = [];
  for (const number of numbers(400)) {
    if (number % 3 === 0 && held.length > 0) {
      held.sort((a, b) => a - b);
      assert.equal(heap.pop(), held.pop());
    } else {
      heap.push(number);
      held.push(number);
    }
  }
});

Deno.test("a pair table does what a map does, while it grows", () => {
  const table = new PairTable();
  const map = new Map<string, number>();
  const drawn = [...numbers(6000)];
  for (let index = 0; index + 2 < drawn.length; index += 3) {
    const [left, right, value] = [drawn[index] % 60, drawn[index + 1] % 60, drawn[index + 2]];
    table.set(left, right, value);
    map.set(`${left},${right}`, value);
  }
  assert.equal(table.size, map.size);
  for (let left = 0; left < 61; left++) {
    for (let right = 0; right < 61; right++) {
      assert.equal(table.get(left, right), map.get(`${left},${right}`) ?? -1);
    }
  }
});
