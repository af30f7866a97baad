/**
 * Causal self-attention (flash attention) at the sizes of a small model and of GPT-2: forward, with
 * its gradient, its weights, and one decoding step.
 *
 * The first rows are checked against float64, the gradient by what it sums to. The arithmetic
 * counted is that of the unmasked scores: two matmuls forward and five backward.
 *
 * @module
 */
import assert from "node:assert/strict";
import { selfAttention } from "../lib/ops/attention.ts";
import { attentionDecode } from "../lib/ops/attention_decode.ts";
import { selfAttentionWeights } from "../lib/ops/attention_weights.ts";
import { valueAndGrad } from "../lib/tensor/autograd.ts";
import { compile } from "../lib/tensor/compile.ts";
import { sum } from "../lib/ops/reduce.ts";
import { tensor } from "../lib/tensor/tensor.ts";
import { transpose } from "../lib/ops/transpose.ts";
import { referenceAttention, testValues } from "../tests/support/attention_reference.ts";
import { assertClose } from "../tests/support/gradient_check.ts";
import { type AttentionSizes, checkFirstRows, checkValueGradient } from "./attention_checks.ts";
import { benchEachDevice } from "./devices.ts";

interface Sizes extends AttentionSizes {
  readonly batch: number;
}

async function benchTraining(sizes: Sizes, software: boolean): Promise<void> {
  const { batch, heads, time, headSize } = sizes;
  const width = heads * headSize;
  const values = testValues(batch * time * 3 * width, 1);
  const make = () => tensor(values, { shape: [batch, time, 3 * width] });
  const seen = batch * heads * time * (time + 1) / 2;
  const product = 2 * seen * headSize;
  const name = `attention [${batch},${heads},${time},${headSize}]`;
  await benchEachDevice(name, { operations: 2 * product, software }, async () => {
    const qkv = make();
    const run = compile(() => selfAttention(qkv, { heads, causal: true }));
    checkFirstRows(values, await run().data(), sizes);
    return run;
  });
  const work = { operations: 7 * product, software };
  await benchEachDevice(`${name} and its gradient`, work, async () => {
    const qkv = make();
    const loss = () => sum(selfAttention(qkv, { heads, causal: true }));
    const run = compile(() => valueAndGrad(loss, [qkv]).gradients);
    checkValueGradient(await run()[0].data(), sizes);
    return run;
  });
}

/** The weights that figures show: T×T per head. */
async function benchWeights({ batch, heads, time, headSize }: Sizes): Promise<void> {
  const shape = [batch, time, 3 * heads * headSize];
  const count = batch * heads * time * time;
  const name = `attention's weights [${batch},${heads},${time},${time}]`;
  // The scores are written, then read and written by the softmax.
  await benchEachDevice(name, { bytes: 12 * count }, async () => {
    const qkv = tensor(testValues(batch * time * 3 * heads * headSize, 1), { shape });
    const run = compile(() => selfAttentionWeights(qkv, { heads, causal: true }));
    const weights = await run().data();
    for (let row = 0; row < count; row += time) {
      let total = 0;
      for (let key = 0; key < time; key++) total += weights[row + key];
      assert.ok(Math.abs(total - 1) < 1e-5, `a query's weights sum to ${total}`);
    }
    return run;
  });
}

/** The last position of a full cache. */
async function benchDecode({ batch, heads, time, headSize }: Sizes): Promise<void> {
  const width = heads * headSize;
  const [keys, values] = [2, 3].map((seed) => testValues(batch * time * width, seed));
  const row = testValues(batch * 3 * width, 1);
  const shape = [batch, time, heads, headSize];
  const name = `decoding [${batch},${heads},${time},${headSize}]`;
  await benchEachDevice(name, { bytes: 8 * batch * time * width }, async () => {
    const byHead = (rows: Float32Array<ArrayBuffer>) =>
      transpose(tensor(rows, { shape }), [0, 2, 1, 3]);
    const cache = { keys: byHead(keys), values: byHead(values) };
    const packed = tensor(row, { shape: [batch, 1, 3 * width] });
    const position = tensor(new Int32Array([time - 1]));
    const run = compile(() => attentionDecode(packed, cache, position, { heads }));
    const output = await run().data();
    const [k, v] = [keys.slice(), values.slice()];
    k.set(row.subarray(width, 2 * width), k.length - width);
    v.set(row.subarray(2 * width), v.length - width);
    const one = { batch, heads, keyValueHeads: heads, queries: 1, keys: time, headSize };
    const expected = referenceAttention({ ...one, causal: true }, {
      q: row.subarray(0, width),
      k,
      v,
    });
    assertClose(output, expected.output, 1e-5, "decoding");
    return run;
  });
}

await benchTraining({ batch: 12, heads: 4, time: 64, headSize: 32 }, true);
await benchTraining({ batch: 1, heads: 12, time: 1024, headSize: 64 }, false);
await benchWeights({ batch: 12, heads: 4, time: 64, headSize: 32 });
await benchDecode({ batch: 1, heads: 12, time: 1024, headSize: 64 });
