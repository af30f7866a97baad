/**
 * Softmax cross-entropy and its gradient: the batch of a small character model, and 128 tokens of
 * GPT-2's vocabulary.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Random } from "../lib/random.ts";
import { valueAndGrad } from "../lib/tensor/autograd.ts";
import { compile } from "../lib/tensor/compile.ts";
import { crossEntropy } from "../lib/ops/cross_entropy.ts";
import { tensor } from "../lib/tensor/tensor.ts";
import { benchEachDevice } from "./devices.ts";

function reference(logits: Float32Array, targets: Int32Array, width: number): number {
  let total = 0;
  targets.forEach((target, i) => {
    const row = logits.subarray(i * width, (i + 1) * width);
    let sum = 0;
    for (const value of row) sum += Math.exp(value);
    total += Math.log(sum) - row[target];
  });
  return total / targets.length;
}

for (const [rows, width] of [[768, 65], [128, 50257]]) {
  const random = new Random(1);
  const values = Float32Array.from({ length: rows * width }, () => 4 * random.uniform() - 2);
  const ids = Int32Array.from({ length: rows }, () => random.integer(width));
  const expected = reference(values, ids, width);

  const bytes = 4 * rows * width;
  await benchEachDevice(`cross-entropy [${rows},${width}]`, { bytes }, async () => {
    const [logits, targets] = [tensor(values, { shape: [rows, width] }), tensor(ids)];
    const run = compile(() => crossEntropy(logits, targets));
    const loss = await run().item();
    assert.ok(Math.abs(loss - expected) < 1e-5 * expected, `loss ${loss}, expected ${expected}`);
    return run;
  });

  // The logits are read for the sum of exponentials and read again; the gradient is written.
  const three = { bytes: 3 * bytes };
  await benchEachDevice(`cross-entropy [${rows},${width}] and its gradient`, three, async () => {
    const [logits, targets] = [tensor(values, { shape: [rows, width] }), tensor(ids)];
    const run = compile(() => valueAndGrad(() => crossEntropy(logits, targets), [logits]));
    const gradient = await run().gradients[0].data();
    let first = 0;
    for (let i = 0; i < width; i++) first += gradient[i];
    assert.ok(Math.abs(first) < 1e-6, `a row's gradient must sum to 0, not ${first}`);
    assert.ok(gradient[ids[0]] < 0 && gradient[ids[0]] >= -1 / rows);
    return run;
  });
}
