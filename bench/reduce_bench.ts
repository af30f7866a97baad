/**
 * Sums in the shapes of training: columns for bias gradients, rows, all elements, and the squares
 * of a model's gradients.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Random } from "../lib/random.ts";
import { compile } from "../lib/tensor/compile.ts";
import { sum } from "../lib/ops/reduce.ts";
import { spread } from "../lib/ops/spread.ts";
import { sumOfSquares } from "../lib/ops/sum_of_squares.ts";
import { type Tensor, tensor } from "../lib/tensor/tensor.ts";
import { benchEachDevice } from "./devices.ts";

interface Case {
  name: string;
  shape: number[];
  f: (x: Tensor) => Tensor;
  /** The first element of the result. */
  first: (values: Float32Array) => number;
}

function total(values: Float32Array, start: number, count: number, step: number): number {
  let sum = 0;
  for (let i = 0; i < count; i++) sum += values[start + i * step];
  return sum;
}

const columns = (shape: [number, number]): Case => ({
  name: `sum [${shape}] down the columns`,
  shape,
  f: (x) => sum(x, { axis: 0 }),
  first: (values) => total(values, 0, shape[0], shape[1]),
});

const CASES: Case[] = [
  columns([768, 384]),
  columns([1024, 25_670]),
  {
    name: "sum [768,384] along the rows",
    shape: [768, 384],
    f: (x) => sum(x, { axis: 1 }),
    first: (values) => total(values, 0, 384, 1),
  },
  {
    name: "sum [768,384] whole",
    shape: [768, 384],
    f: (x) => sum(x),
    first: (values) => total(values, 0, 768 * 384, 1),
  },
  {
    name: "sum of squares [810000]",
    shape: [810_000],
    f: sumOfSquares,
    first: (values) => values.reduce((sum, v) => sum + v * v, 0),
  },
];

// The gradient of a mean: one number broadcast to each row.
await benchEachDevice("a number to each row of [768,384]", { bytes: 4 * 768 * 384 }, async () => {
  const values = Float32Array.from({ length: 768 }, (_, i) => i);
  const x = tensor(values);
  const run = compile(() => spread(x, { outer: 768, length: 384, inner: 1 }, { scale: 2 }));
  (await run().data()).forEach((y, i) => assert.equal(y, 2 * values[Math.floor(i / 384)]));
  return run;
});

for (const { name, shape, f, first } of CASES) {
  const random = new Random(1);
  const size = shape.reduce((a, b) => a * b);
  const values = Float32Array.from({ length: size }, () => random.uniform());
  const expected = first(values);
  await benchEachDevice(name, { bytes: 4 * size }, async () => {
    const x = tensor(values, { shape });
    const run = compile(() => f(x));
    const [actual] = await run().data();
    assert.ok(Math.abs(actual - expected) < 1e-5 * expected, `${actual}, expected ${expected}`);
    return run;
  });
}
