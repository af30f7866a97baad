/**
 * Rotary positions on the packed rows of a small model's attention, and their gradient.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Random } from "../lib/random.ts";
import { valueAndGrad } from "../lib/tensor/autograd.ts";
import { mul } from "../lib/ops/binary.ts";
import { compile } from "../lib/tensor/compile.ts";
import { sum } from "../lib/ops/reduce.ts";
import { rotary } from "../lib/ops/rotary.ts";
import { tensor } from "../lib/tensor/tensor.ts";
import { benchEachDevice } from "./devices.ts";

const [BATCH, TIME, HEADS, HEAD_SIZE] = [12, 64, 8, 32];
const SHAPE = [BATCH, TIME, HEADS * HEAD_SIZE];
const COUNT = BATCH * TIME * HEADS * HEAD_SIZE;
const OPTIONS = { heads: HEADS, headSize: HEAD_SIZE };
const random = new Random(1);
const values = Float32Array.from({ length: COUNT }, () => random.uniform());

/** A rotation keeps the length of each pair. */
function checkLength(actual: Iterable<number>): void {
  const [before, after] = [values, actual].map((x) => Array.from(x).reduce((s, v) => s + v * v, 0));
  assert.ok(Math.abs(after - before) < 1e-5 * before, `length² ${after}, expected ${before}`);
}

await benchEachDevice(`rotary [${SHAPE}]`, { bytes: 8 * COUNT }, async () => {
  const x = tensor(values, { shape: SHAPE });
  const run = compile(() => rotary(x, OPTIONS));
  const actual = await run().data();
  checkLength(actual);
  assert.notDeepEqual(actual, values);
  return run;
});

// The product and its sum, from which the gradient starts, are timed, too: they read or write 4
// more tensors.
await benchEachDevice(`rotary [${SHAPE}] and its gradient`, { bytes: 32 * COUNT }, async () => {
  const [x, w] = [values, values].map((each) => tensor(each, { shape: SHAPE }));
  const run = compile(() => valueAndGrad(() => sum(mul(rotary(x, OPTIONS), w)), [x]));
  checkLength(await run().gradients[0].data());
  return run;
});
