/** Attention against float64, finite differences, and itself on one and two threads. */
import assert from "node:assert/strict";
import { attention, selfAttention } from "../lib/ops/attention.ts";
import type { AttentionOptions } from "../lib/ops/attention_layout.ts";
import { valueAndGrad } from "../lib/tensor/autograd.ts";
import { mul } from "../lib/ops/binary.ts";
import { compile } from "../lib/tensor/compile.ts";
import { sum } from "../lib/ops/reduce.ts";
import { scope } from "../lib/tensor/scope.ts";
import { empty, type Tensor, tensor } from "../lib/tensor/tensor.ts";
import { useDevice } from "../lib/device/current_device.ts";
import { CpuDevice } from "../lib/device/cpu/cpu_device.ts";
import {
  type AttentionCase,
  caseTensors,
  referenceAttention,
  testValues,
} from "./support/attention_reference.ts";
import { forEachDevice, forEachWideDevice, sharedDevice } from "./support/devices.ts";
import { assertClose, checkGradients, valueAndGradients } from "./support/gradient_check.ts";

function attentionCase(
  [batch, heads, keyValueHeads]: number[],
  [queries, keys, headSize]: number[],
  rest: Partial<AttentionCase> = {},
): AttentionCase {
  return { batch, heads, keyValueHeads, queries, keys, headSize, causal: false, ...rest };
}

const CASES: Record<string, AttentionCase> = {
  "one token": attentionCase([1, 1, 1], [1, 1, 4], { causal: true }),
  "causal, T = 5": attentionCase([2, 2, 2], [5, 5, 16], { causal: true }),
  "causal, T = 64": attentionCase([1, 2, 2], [64, 64, 32], { causal: true }),
  "causal, T = 129": attentionCase([1, 2, 2], [129, 129, 64], { causal: true }),
  "odd head size": attentionCase([1, 3, 3], [37, 37, 33], { causal: true }),
  "wide head": attentionCase([1, 1, 1], [40, 40, 128], { causal: true }),
  "a head beyond 128": attentionCase([2, 2, 1], [33, 33, 129], { causal: true }),
  "a head of 160": attentionCase([1, 2, 1], [40, 40, 160], { causal: true, window: 30 }),
  "a head of 192": attentionCase([2, 1, 1], [5, 70, 192], { lengths: [70, 37] }),
  "a head of 256": attentionCase([1, 2, 2], [65, 65, 256], { causal: true }),
  "every key": attentionCase([2, 1, 1], [64, 64, 16]),
  "causal window": attentionCase([1, 2, 2], [129, 129, 16], { causal: true, window: 40 }),
  "window of one": attentionCase([1, 2, 2], [9, 9, 4], { causal: true, window: 1 }),
  "window to both sides": attentionCase([1, 1, 1], [100, 100, 16], { window: 30 }),
  "more keys than queries": attentionCase([2, 2, 2], [5, 129, 16], { causal: true }),
  "more queries than keys": attentionCase([1, 1, 1], [129, 64, 16], { causal: true }),
  "cross": attentionCase([2, 2, 2], [70, 33, 16]),
  "grouped queries": attentionCase([2, 4, 2], [65, 65, 16], { causal: true }),
  "one head of keys": attentionCase([1, 3, 1], [20, 30, 33]),
  "padding": attentionCase([3, 2, 2], [20, 70, 16], { lengths: [70, 1, 37] }),
  "a sequence of padding": attentionCase([2, 2, 1], [9, 9, 16], { causal: true, lengths: [0, 5] }),
  "scale": attentionCase([1, 1, 1], [12, 12, 16], { scale: 0.05 }),
  "soft-cap": attentionCase([2, 2, 1], [70, 70, 16], { causal: true, softCap: 1.5 }),
  "soft-cap, window, padding": attentionCase([2, 2, 2], [40, 40, 33], {
    causal: true,
    softCap: 0.5,
    window: 9,
    lengths: [40, 11],
  }),
  "spans of keys": attentionCase([1, 2, 1], [330, 330, 16], { causal: true }),
  "spans of keys, window to both sides, padding": attentionCase([2, 1, 1], [300, 270, 8], {
    window: 90,
    lengths: [270, 140],
  }),
  "spans of wide heads": attentionCase([1, 1, 1], [150, 260, 160], { causal: true }),
  "soft-cap, every key": attentionCase([1, 2, 2], [5, 129, 160], { softCap: 3 }),
  "wide heads, window to both sides, padding": attentionCase([2, 4, 2], [130, 200, 40], {
    window: 50,
    lengths: [200, 70],
  }),
  "ALiBi": attentionCase([2, 4, 4], [70, 70, 16], { causal: true, alibi: true }),
  "ALiBi of 6 heads, window": attentionCase([1, 6, 2], [65, 65, 8], {
    causal: true,
    alibi: true,
    window: 20,
  }),
  "ALiBi, more keys than queries": attentionCase([1, 3, 3], [33, 100, 33], {
    causal: true,
    alibi: true,
  }),
};

for (const [name, c] of Object.entries(CASES)) {
  forEachWideDevice(`attention: ${name}`, async () => {
    const { values, q, k, v, gradient, options } = caseTensors(c);
    const expected = referenceAttention(c, values);
    const results = await valueAndGradients(() => attention(q, k, v, options), gradient, [q, k, v]);
    (["output", "dq", "dk", "dv"] as const).forEach((what, i) => {
      assertClose(results[i], expected[what], 2e-6, what);
    });
  });
}

for (
  const [heads, keyValueHeads, D, window] of [[2, 2, 16], [4, 2, 16], [2, 1, 16, 9], [2, 1, 200]]
) {
  forEachDevice(
    `selfAttention of packed rows is attention of their parts (${heads}, ${keyValueHeads} heads of ${D}, window ${window})`,
    async () => {
      const [B, T] = [2, 35];
      const widths = [heads, keyValueHeads, keyValueHeads].map((count) => count * D);
      const stride = widths[0] + 2 * widths[1];
      const packed = testValues(B * T * stride, 5);
      const qkv = tensor(packed, { shape: [B, T, stride] });
      const part = (data: ArrayLike<number>, index: number) => {
        const offset = index === 0 ? 0 : widths[0] + (index - 1) * widths[1];
        return Float32Array.from({ length: B * T * widths[index] }, (_, i) => {
          const [row, column] = [Math.floor(i / widths[index]), i % widths[index]];
          return data[row * stride + offset + column];
        });
      };
      const parts = [0, 1, 2].map((i) => tensor(part(packed, i), { shape: [B, T, widths[i]] }));
      const gradient = tensor(testValues(B * T * widths[0], 6), { shape: [B, T, widths[0]] });
      const options = { heads: heads, keyValueHeads, window, causal: true };
      const [value, dqkv] = await valueAndGradients(() => selfAttention(qkv, options), gradient, [
        qkv,
      ]);
      const [q, k, v] = parts;
      const expected = await valueAndGradients(() => attention(q, k, v, options), gradient, parts);
      assert.deepEqual(value, expected[0]);
      [0, 1, 2].forEach((i) => assert.deepEqual(part(dqkv, i), expected[i + 1]));
    },
  );
}

forEachDevice("attention's gradients are finite differences", async () => {
  const shape = [1, 3, 4];
  const keyShape = [1, 4, 2];
  await checkGradients(
    (q, k, v) => attention(q, k, v, { heads: 2, keyValueHeads: 1, causal: true, window: 3 }),
    [
      { values: [...testValues(12, 7, 2)], shape },
      { values: [...testValues(8, 8, 2)], shape: keyShape },
      { values: [...testValues(8, 9)], shape: keyShape },
    ],
  );
});

forEachDevice("a compiled step gives the same attention and gradient", async () => {
  const [B, T, H, D] = [2, 33, 2, 16];
  const qkv = tensor(testValues(B * T * 3 * H * D, 5), { shape: [B, T, 3 * H * D] });
  const step = (x: Tensor) =>
    valueAndGrad(() => sum(mul(selfAttention(x, { heads: H, causal: true }), 2)), [x]).gradients;
  const [expected] = step(qkv);
  const compiled = compile(step);
  compiled(qkv);
  const [result] = compiled(qkv);
  assert.deepEqual(await result.data(), await expected.data());
  compiled.dispose();
});

forEachDevice("NaN in a query stays in its row", async () => {
  const values = testValues(3 * 12, 3);
  values[12] = NaN; // the first column of token 1's query
  const output = await selfAttention(tensor(values, { shape: [1, 3, 12] }), {
    heads: 1,
    causal: true,
  }).data();
  const rows = [0, 1, 2].map((row) =>
    [...output.subarray(4 * row, 4 * row + 4)].some(Number.isNaN)
  );
  assert.deepEqual(rows, [false, true, false]);
});

forEachDevice("large scores do not overflow", async () => {
  const qkv = tensor([200, 200, 1, 200, 100, 2], { shape: [1, 2, 3] });
  assertClose(await selfAttention(qkv, { heads: 1, causal: true }).data(), [1, 1]);
});

forEachDevice("attention sees every key unless it is causal, packed or not", async () => {
  const qkv = tensor([1, 0, 5, 0, 1, 7], { shape: [1, 2, 3] });
  const [q, k, v] = [[1, 0], [0, 1], [5, 7]].map((part) => tensor(part, { shape: [1, 2, 1] }));
  for (const causal of [undefined, false, true]) {
    const options = { heads: 1, causal };
    const packed = await selfAttention(qkv, options).data();
    assert.deepEqual(packed, await attention(q, k, v, options).data());
    assertClose(packed, causal ? [5, 6] : [(5 + 7 * Math.E) / (1 + Math.E), 6], 1e-6);
  }
});

Deno.test("one and two threads give the same bits", async () => {
  const [B, T, H, D] = [2, 130, 4, 32];
  const results = [];
  for (const name of ["cpu-1", "cpu-2"] as const) {
    useDevice(await sharedDevice(name));
    const qkv = tensor(testValues(B * T * 3 * H * D, 1), { shape: [B, T, 3 * H * D] });
    const gradient = tensor(testValues(B * T * H * D, 2), { shape: [B, T, H * D] });
    results.push(
      await valueAndGradients(() => selfAttention(qkv, { heads: H, causal: true }), gradient, [
        qkv,
      ]),
    );
  }
  assert.deepEqual(results[0], results[1]);
});

Deno.test("plain multiply and add gives the same attention within rounding", async () => {
  const c = CASES["causal window"];
  const device = new CpuDevice({ threads: 1, relaxedSimd: false });
  useDevice(device);
  const { values, q, k, v, gradient, options } = caseTensors(c);
  const results = await valueAndGradients(() => attention(q, k, v, options), gradient, [q, k, v]);
  const expected = referenceAttention(c, values);
  (["output", "dq", "dk", "dv"] as const).forEach((what, i) => {
    assertClose(results[i], expected[what], 2e-6, what);
  });
  device.close();
});

Deno.test("memory grows with the length, not with its square", async () => {
  const device = new CpuDevice({ threads: 2 });
  useDevice(device);
  const [T, H, D] = [4096, 8, 64];
  const qkv = tensor(testValues(T * 3 * H * D, 1, 0.1), { shape: [1, T, 3 * H * D] });
  const before = device.memory().used;
  scope(() => {
    valueAndGrad(() => sum(selfAttention(qkv, { heads: H, causal: true, window: 64 })), [qkv]);
  });
  // dqkv is 3, the output, its gradient and the sum's parts one each, all of T·H·D floats; the T×T
  // matrix of one head alone would be 8.
  const peak = device.memory().peak - before;
  assert.ok(peak < 8 * 4 * T * H * D, `${peak} bytes`);
  device.close();
  await sharedDevice("cpu-1").then(useDevice);
});

forEachDevice("mistakes are named", (device) => {
  const qkv = empty([2, 3, 12]);
  assert.throws(() => selfAttention(qkv, { heads: 3 }), TypeError);
  assert.throws(() => selfAttention(qkv, { heads: 1.5 }), TypeError);
  assert.throws(() => selfAttention(empty([3, 12]), { heads: 1 }), TypeError);
  assert.throws(() => selfAttention(qkv, { heads: 2, window: 0 }), RangeError);
  const keyLengths = tensor(new Int32Array(3));
  assert.throws(() => selfAttention(qkv, { heads: 2, keyLengths }), /keyLengths of 2 values/);
  const [q, k] = [empty([2, 3, 8]), empty([2, 5, 4])];
  assert.throws(() => attention(q, k, k, { heads: 2 }), /expected q \[B,Tq,2·D\]/);
  assert.throws(() => attention(q, k, q, { heads: 2, keyValueHeads: 1 }), TypeError);
  assert.throws(() => attention(q, q, q, { heads: 4, keyValueHeads: 3 }), /must divide heads/);
  if (device.kind !== "webgpu") return;
  assert.throws(
    () => selfAttention(empty([1, 1, 3 * 257]), { heads: 1 }),
    /selfAttention: expected heads of at most 256 on webgpu, got 257; use more heads/,
  );
});

forEachDevice("a scale, a soft-cap and ALiBi that cannot be are refused", () => {
  const qkv = empty([1, 2, 6]);
  const refused = (options: Partial<AttentionOptions>, name: string, message: RegExp) =>
    assert.throws(() => selfAttention(qkv, { heads: 2, ...options }), { name, message });
  for (const softCap of [0, -1, NaN, Infinity]) {
    refused({ softCap }, "RangeError", /selfAttention: softCap: expected a number above 0, got/);
  }
  for (const scale of [NaN, Infinity]) {
    refused({ scale }, "RangeError", /selfAttention: scale must be a number, got (NaN|Infinity)/);
  }
  refused({ softCap: 1, alibi: true, causal: true }, "TypeError", /softCap or alibi, got both/);
  refused({ alibi: true }, "TypeError", /alibi needs causal attention, got causal false/);
});
