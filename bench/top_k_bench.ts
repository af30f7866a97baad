/**
 * The 40 largest logits of GPT-2's vocabulary, and of four sequences.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Random } from "../lib/random.ts";
import { compile } from "../lib/tensor/compile.ts";
import { tensor } from "../lib/tensor/tensor.ts";
import { topK } from "../lib/ops/top_k.ts";
import { benchEachDevice } from "./devices.ts";

const [WIDTH, K] = [50257, 40];

for (const rows of [1, 4]) {
  const random = new Random(1);
  const values = Float32Array.from({ length: rows * WIDTH }, () => random.normal());
  await benchEachDevice(`top ${K} of [${rows},${WIDTH}]`, { bytes: 4 * rows * WIDTH }, async () => {
    const x = tensor(values, { shape: [rows, WIDTH] });
    const run = compile(() => topK(x, K));
    const largest = await run().values.data();
    for (let row = 0; row < rows; row++) {
      const sorted = values.slice(row * WIDTH, (row + 1) * WIDTH).sort().reverse();
      for (let i = 0; i < K; i++) assert.equal(largest[row * K + i], sorted[i]);
    }
    return run;
  });
}
