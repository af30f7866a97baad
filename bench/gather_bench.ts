/**
 * Gather of one number from each row, and its gradient: the batch of a small character model, and
 * 128 tokens of GPT-2's vocabulary.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Random } from "../lib/random.ts";
import { valueAndGrad } from "../lib/tensor/autograd.ts";
import { compile } from "../lib/tensor/compile.ts";
import { gather } from "../lib/ops/gather.ts";
import { sum } from "../lib/ops/reduce.ts";
import { tensor } from "../lib/tensor/tensor.ts";
import { benchEachDevice } from "./devices.ts";

for (const [rows, width] of [[768, 65], [128, 50257]]) {
  const random = new Random(1);
  const values = Float32Array.from({ length: rows * width }, () => random.uniform());
  const picked = Int32Array.from({ length: rows }, () => random.integer(width));
  const make = () => ({
    x: tensor(values, { shape: [rows, width] }),
    indices: tensor(picked, { shape: [rows, 1] }),
  });
  const name = `gather from [${rows},${width}]`;

  await benchEachDevice(name, { bytes: 12 * rows }, async () => {
    const { x, indices } = make();
    const run = compile(() => gather(x, indices));
    (await run().data()).forEach((y, row) => assert.equal(y, values[row * width + picked[row]]));
    return run;
  });

  // Most of the time goes to the gradient, which has the full shape.
  await benchEachDevice(`${name} and its gradient`, { bytes: 4 * rows * width }, async () => {
    const { x, indices } = make();
    const run = compile(() => valueAndGrad(() => sum(gather(x, indices)), [x]));
    const gradient = await run().gradients[0].data();
    picked.forEach((id, row) => assert.equal(gradient[row * width + id], 1));
    assert.equal(gradient.filter((value) => value !== 0).length, rows);
    return run;
  });
}
