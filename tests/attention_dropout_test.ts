/**
 * Dropout of attention's probabilities: against float64 with the mask of the Philox reference, on
 * every device.
 *
 * @module
 */
import assert from "node:assert/strict";
import { attention, selfAttention } from "../lib/ops/attention.ts";
import { attentionWeights } from "../lib/ops/attention_weights.ts";
import { mul } from "../lib/ops/binary.ts";
import { sum } from "../lib/ops/reduce.ts";
import { philox4x32 } from "../lib/random.ts";
import { useDevice } from "../lib/device/current_device.ts";
import { valueAndGrad } from "../lib/tensor/autograd.ts";
import { compile } from "../lib/tensor/compile.ts";
import { recompute } from "../lib/tensor/recompute.ts";
import { ones, type Tensor, tensor, zeros } from "../lib/tensor/tensor.ts";
import {
  type AttentionCase,
  caseTensors,
  referenceAttention,
  testValues,
} from "./support/attention_reference.ts";
import { forEachDevice, sharedDevice } from "./support/devices.ts";
import { assertClose, checkGradients, valueAndGradients } from "./support/gradient_check.ts";

const [SEED, STEP, STREAM] = [0x9a3c5f17, 12345, 0xfffffff1];

const randomState = (seed = SEED, step = STEP) => tensor(Int32Array.of(seed, step));

/** The factors of the weights, [B,H,Tq,Tk], by the counters that the kernels document. */
function dropoutFactors(
  { batch, heads, queries, keys }: Pick<AttentionCase, "batch" | "heads" | "queries" | "keys">,
  rate: number,
): Float64Array {
  return Float64Array.from({ length: batch * heads * queries * keys }, (_, n) => {
    const key = n % keys;
    const row = Math.floor(n / keys);
    const [query, head] = [row % queries, Math.floor(row / queries)];
    const words = philox4x32([key >> 3, query, STEP, head], [SEED, STREAM]);
    const word = words[key & 3];
    const uniform = (key & 4 ? word >>> 16 : word & 0xffff) / 65536;
    const rounded = Math.min(Math.max(1, Math.round(rate * 65536)), 65535) / 65536;
    return uniform < rounded ? 0 : 1 / (1 - rounded);
  });
}

const CASES: Record<string, AttentionCase & { rate: number }> = {
  "causal, heads of 16": {
    batch: 2,
    heads: 2,
    keyValueHeads: 2,
    queries: 70,
    keys: 70,
    headSize: 16,
    causal: true,
    rate: 0.1,
  },
  "causal window, heads of 64": {
    batch: 1,
    heads: 2,
    keyValueHeads: 2,
    queries: 66,
    keys: 66,
    headSize: 64,
    causal: true,
    window: 19,
    rate: 0.5,
  },
  "padding, heads of 80": {
    batch: 3,
    heads: 2,
    keyValueHeads: 2,
    queries: 11,
    keys: 70,
    headSize: 80,
    causal: false,
    lengths: [70, 0, 37],
    rate: 0.2,
  },
  "grouped queries, heads of 256": {
    batch: 1,
    heads: 4,
    keyValueHeads: 2,
    queries: 33,
    keys: 33,
    headSize: 256,
    causal: true,
    rate: 0.1,
  },
  "more queries than keys": {
    batch: 1,
    heads: 3,
    keyValueHeads: 1,
    queries: 67,
    keys: 35,
    headSize: 33,
    causal: true,
    rate: 0.3,
  },
};

for (const [name, { rate, ...c }] of Object.entries(CASES)) {
  forEachDevice(`attention with dropout ${rate}: ${name}`, async () => {
    const { values, q, k, v, gradient, options: own } = caseTensors(c);
    const options = {
      ...own,
      dropout: rate,
      randomState: randomState(),
      randomStream: STREAM,
    };
    const expected = referenceAttention(c, { ...values, factors: dropoutFactors(c, rate) });
    const results = await valueAndGradients(() => attention(q, k, v, options), gradient, [q, k, v]);
    (["output", "dq", "dk", "dv"] as const).forEach((what, i) => {
      assertClose(results[i], expected[what], 4e-6, what);
    });
    const weights = attentionWeights(q, k, options);
    assertClose(await weights.data(), expected.weights, 1e-6, "weights, undropped");
  });
}

forEachDevice("the mask of attention is that of the counters, on every device", async () => {
  const [batch, heads, T] = [2, 3, 41];
  // Equal scores and values that are one-hot: the output is the mask, times 2/41.
  const q = zeros([batch, T, heads * T]);
  const v = Float32Array.from({ length: batch * T * heads * T }, (_, i) => {
    return Math.floor(i / heads / T) % T === i % T ? 1 : 0;
  });
  const options = { heads, dropout: 0.5, randomState: randomState(), randomStream: STREAM };
  const output = attention(q, q, tensor(v, { shape: q.shape }), options);
  const factors = dropoutFactors({ batch, heads, queries: T, keys: T }, 0.5);
  const mask = Array.from(await output.data(), (value, n) => {
    const [column, head, row] = [n % T, Math.floor(n / T) % heads, Math.floor(n / T / heads)];
    const [i, b] = [row % T, Math.floor(row / T)];
    return [((b * heads + head) * T + i) * T + column, value > 0];
  });
  for (const [n, isKept] of mask as [number, boolean][]) assert.equal(isKept, factors[n] > 0);
});

forEachDevice("kept probabilities are scaled by the rate that 16 bits can express", async () => {
  const [batch, T] = [4, 96];
  const q = zeros([batch, T, T]);
  const v = tensor(
    Float32Array.from({ length: batch * T * T }, (_, i) => Math.floor(i / T) % T === i % T ? T : 0),
    { shape: q.shape },
  );
  for (const rate of [1e-7, 1e-4, 1 / 3, 0.9999999]) {
    const options = { heads: 1, dropout: rate, randomState: randomState(), randomStream: STREAM };
    const output = await attention(q, q, v, options).data();
    const expected = dropoutFactors({ batch, heads: 1, queries: T, keys: T }, rate);
    output.forEach((value, i) => assert.ok(Math.abs(value - expected[i]) <= 1e-6 * expected[i]));
  }
});

forEachDevice("the mean over batches and steps is attention without dropout", async () => {
  const [batch, T, D] = [256, 5, 8];
  const row = testValues(T * 3 * D, 5);
  const values = Float32Array.from({ length: batch * row.length }, (_, i) => row[i % row.length]);
  const qkv = tensor(values, { shape: [batch, T, 3 * D] });
  const whole = (await selfAttention(qkv, { heads: 1 }).data()).subarray(0, T * D);
  const mean = new Float64Array(T * D);
  const state = randomState(7);
  for (let step = 0; step < 8; step++) {
    state.write([7, step]);
    const options = { heads: 1, dropout: 0.3, randomState: state };
    const output = await selfAttention(qkv, options).data();
    output.forEach((value, i) => mean[i % mean.length] += value / batch / 8);
  }
  // A weight p has the standard deviation p·√(0.3 / 0.7) = 0.65 p, 0.015 p after 2,048 draws.
  assertClose(mean, whole, 0.03);
});

forEachDevice("packed rows drop what their parts do, and a replay draws anew", async () => {
  const [B, T, H, D] = [2, 35, 2, 16];
  const packed = testValues(B * T * 3 * H * D, 5);
  const qkv = tensor(packed, { shape: [B, T, 3 * H * D] });
  const state = randomState();
  const options = { heads: H, causal: true, dropout: 0.25, randomState: state, randomStream: 3 };
  const [q, k, v] = [0, 1, 2].map((part) =>
    tensor(
      Float32Array.from({ length: B * T * H * D }, (_, i) => {
        return packed[(3 * Math.floor(i / H / D) + part) * H * D + i % (H * D)];
      }),
      { shape: [B, T, H * D] },
    )
  );
  const whole = await selfAttention(qkv, options).data();
  assert.deepEqual(whole, await attention(q, k, v, options).data());
  const weights = tensor(testValues(B * T * H * D, 6), { shape: [B, T, H * D] });
  const loss = (x: Tensor) => sum(mul(selfAttention(x, options), weights));
  const step = (x: Tensor) => valueAndGrad(() => loss(x), [x]).gradients;
  const replayed = compile(step);
  const again = compile((x: Tensor) => {
    return valueAndGrad(() => recompute(() => loss(x), [x]), [x]).gradients;
  });
  const seen = new Set<string>();
  for (const number of [0, 1, 2, 1]) {
    state.write([SEED | 0, number]);
    const [result] = replayed(qkv);
    const expected = await step(qkv)[0].data();
    assert.deepEqual(await result.data(), expected);
    assert.deepEqual(await again(qkv)[0].data(), expected);
    seen.add(expected.join());
  }
  assert.equal(seen.size, 3);
  for (const compiled of [replayed, again]) compiled.dispose();
});

forEachDevice("attention's gradients with dropout are finite differences", async () => {
  const options = { heads: 2, keyValueHeads: 1, causal: true, dropout: 0.4 };
  const shape = [1, 3, 4];
  const keyShape = [1, 4, 2];
  await checkGradients(
    (q, k, v) => attention(q, k, v, { ...options, randomState: randomState() }),
    [
      { values: [...testValues(12, 7, 2)], shape },
      { values: [...testValues(8, 8, 2)], shape: keyShape },
      { values: [...testValues(8, 9)], shape: keyShape },
    ],
  );
});

Deno.test("with dropout one and two threads give the same bits", async () => {
  const [B, T, H, D] = [2, 130, 4, 32];
  const results = [];
  for (const name of ["cpu-1", "cpu-2"] as const) {
    useDevice(await sharedDevice(name));
    const qkv = tensor(testValues(B * T * 3 * H * D, 1), { shape: [B, T, 3 * H * D] });
    const gradient = tensor(testValues(B * T * H * D, 2), { shape: [B, T, H * D] });
    const options = { heads: H, causal: true, dropout: 0.1, randomState: randomState() };
    results.push(await valueAndGradients(() => selfAttention(qkv, options), gradient, [qkv]));
  }
  assert.deepEqual(results[0], results[1]);
});

forEachDevice("a dropout of 0 is attention without; mistakes are named", async () => {
  const qkv = tensor(testValues(2 * 3 * 12, 3), { shape: [2, 3, 12] });
  const whole = await selfAttention(qkv, { heads: 2 }).data();
  assert.deepEqual(await selfAttention(qkv, { heads: 2, dropout: 0 }).data(), whole);
  for (const dropout of [-0.1, 1, NaN]) {
    assert.throws(() => selfAttention(qkv, { heads: 2, dropout, randomState: randomState() }), {
      name: "RangeError",
      message: `selfAttention: the rate of dropout must be in [0, 1), got ${dropout}`,
    });
  }
  assert.throws(() => selfAttention(qkv, { heads: 2, dropout: 0.1 }), {
    name: "TypeError",
    message: /selfAttention: expected a state i32 \[2\] = \[seed, step\], got undefined/,
  });
  const badState = { heads: 2, dropout: 0.1, randomState: ones([2]) };
  assert.throws(() => selfAttention(qkv, badState), TypeError);
});
