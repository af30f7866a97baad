/**
 * Operations that only move numbers, in the shapes of a small model's step: a copy, transposes, a
 * slice of columns, and a concatenation of two halves.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Random } from "../lib/random.ts";
import { compile } from "../lib/tensor/compile.ts";
import { concatenate } from "../lib/ops/concatenate.ts";
import { copy } from "../lib/tensor/copy.ts";
import { slice } from "../lib/ops/slice.ts";
import { type Tensor, tensor } from "../lib/tensor/tensor.ts";
import { transpose } from "../lib/ops/transpose.ts";
import { benchEachDevice } from "./devices.ts";

const [BATCH, TIME, HEADS, HEAD_SIZE] = [12, 64, 4, 32];
const [ROWS, WIDTH] = [BATCH * TIME, HEADS * HEAD_SIZE];
const random = new Random(1);
const values = Float32Array.from({ length: ROWS * WIDTH }, () => random.uniform());

interface Case {
  shape: number[];
  f: (x: Tensor) => Tensor;
  /** Index in x of element `i` of the result. */
  source: (i: number) => number;
  /** Fraction of x that is moved. Default 1. */
  share?: number;
}

const CASES: Record<string, Case> = {
  copy: { shape: [ROWS, WIDTH], f: copy, source: (i) => i },
  transpose: {
    shape: [ROWS, WIDTH],
    f: (x) => transpose(x),
    source: (i) => i % ROWS * WIDTH + Math.floor(i / ROWS),
  },
  "heads before positions": {
    shape: [BATCH, TIME, HEADS, HEAD_SIZE],
    f: (x) => transpose(x, [0, 2, 1, 3]),
    source: (i) => {
      const [row, column] = [Math.floor(i / HEAD_SIZE), i % HEAD_SIZE];
      const [t, head] = [row % TIME, Math.floor(row / TIME) % HEADS];
      const batch = Math.floor(row / TIME / HEADS);
      return ((batch * TIME + t) * HEADS + head) * HEAD_SIZE + column;
    },
  },
  "half of the columns": {
    shape: [ROWS, WIDTH],
    f: (x) => slice(x, { axis: 1, start: WIDTH / 2 }),
    source: (i) => Math.floor(i / (WIDTH / 2)) * WIDTH + WIDTH / 2 + i % (WIDTH / 2),
    share: 0.5,
  },
  "concatenated with itself": {
    shape: [ROWS, WIDTH],
    f: (x) => concatenate([x, x], { axis: 1 }),
    source: (i) => Math.floor(i / (2 * WIDTH)) * WIDTH + i % WIDTH,
    share: 2,
  },
};

for (const [name, { shape, f, source, share = 1 }] of Object.entries(CASES)) {
  await benchEachDevice(`${name} [${shape}]`, { bytes: 8 * share * ROWS * WIDTH }, async () => {
    const x = tensor(values, { shape });
    const run = compile(() => f(x));
    const actual = await run().data();
    assert.equal(actual.length, share * values.length);
    actual.forEach((value, i) => assert.equal(value, values[source(i)]));
    return run;
  });
}
