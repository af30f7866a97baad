/** Attention of one token to a cache against full attention and float64. */
import assert from "node:assert/strict";
import { selfAttention } from "../lib/ops/attention.ts";
import { attentionDecode, cacheAppend } from "../lib/ops/attention_decode.ts";
import { compile } from "../lib/tensor/compile.ts";
import { empty, tensor, zeros } from "../lib/tensor/tensor.ts";
import { referenceAttention, testValues } from "./support/attention_reference.ts";
import { forEachDevice } from "./support/devices.ts";
import { assertClose } from "./support/gradient_check.ts";

const CASES = [
  { batch: 1, time: 1, heads: 1, keyValueHeads: 1, D: 4 },
  { batch: 2, time: 9, heads: 3, keyValueHeads: 3, D: 16 },
  { batch: 1, time: 70, heads: 2, keyValueHeads: 2, D: 33 },
  { batch: 2, time: 20, heads: 4, keyValueHeads: 2, D: 8, window: 5 },
  { batch: 1, time: 5, heads: 2, keyValueHeads: 1, D: 256 },
  { batch: 2, time: 70, heads: 4, keyValueHeads: 2, D: 10, softCap: 0.7 },
  { batch: 1, time: 70, heads: 6, keyValueHeads: 6, D: 8, alibi: true, window: 30 },
];

for (const { batch: B, time: T, heads, keyValueHeads, D, window, softCap, alibi } of CASES) {
  const title = `decoding ${T} tokens one by one is full attention (D = ${D}, window ${window}${
    softCap ? ", soft-cap" : alibi ? ", ALiBi" : ""
  })`;
  forEachDevice(title, async () => {
    const [C, keyWidth] = [heads * D, keyValueHeads * D];
    const stride = C + 2 * keyWidth;
    const values = testValues(B * T * stride, 1, 2);
    const options = { heads, keyValueHeads, window, softCap, alibi };
    const packed = tensor(values, { shape: [B, T, stride] });
    const full = await selfAttention(packed, { ...options, causal: true }).data();
    const rows = (from: number, to: number) => {
      const parts = Array.from({ length: B }, (_, b) => [
        ...values.subarray((b * T + from) * stride, (b * T + to) * stride),
      ]);
      return tensor(parts.flat(), { shape: [B, to - from, stride] });
    };
    const shape = [B, keyValueHeads, T + 3, D];
    const cache = { keys: zeros(shape), values: zeros(shape) };
    const position = tensor(new Int32Array([0]));
    const prefilled = Math.floor(T / 2);
    if (prefilled > 0) cacheAppend(cache, rows(0, prefilled), position);
    const decode = compile((row) => attentionDecode(row, cache, position, options));
    for (let t = prefilled; t < T; t++) {
      position.write([t]);
      const step = await decode(rows(t, t + 1)).data();
      for (let b = 0; b < B; b++) {
        const expected = full.subarray((b * T + t) * C, (b * T + t + 1) * C);
        assertClose(step.subarray(b * C, (b + 1) * C), expected, 1e-5, `row ${t} of ${b}`);
      }
    }
    decode.dispose();
  });
}

for (const [D, window] of [[64, undefined], [10, 300]] as const) {
  forEachDevice(`a long cache is read in parts (D = ${D}, window ${window})`, async () => {
    const [heads, length] = [2, 900];
    const width = heads * D;
    const keys = testValues(length * width, 1, 2);
    const values = testValues(length * width, 2);
    const q = testValues(width, 3, 2);
    const shape = [1, heads, length, D];
    const byHead = (rows: Float32Array) =>
      tensor(
        Float32Array.from(rows, (_, i) => {
          const [head, place] = [Math.floor(i / (length * D)), Math.floor(i / D) % length];
          return rows[place * width + head * D + i % D];
        }),
        { shape },
      );
    const cache = { keys: byHead(keys), values: byHead(values) };
    const position = tensor(new Int32Array([0]));
    for (const place of [0, 255, 256, 600, 899]) {
      position.write([place]);
      const row = (data: Float32Array) => data.subarray(place * width, (place + 1) * width);
      const packed = tensor([...q, ...row(keys), ...row(values)], { shape: [1, 1, 3 * width] });
      const result = await attentionDecode(packed, cache, position, { heads, window }).data();
      const sizes = { batch: 1, heads, keyValueHeads: heads, queries: 1, keys: place + 1 };
      const c = { ...sizes, headSize: D, causal: true, window };
      const { output } = referenceAttention(c, { q, k: keys, v: values });
      assertClose(result, output, 2e-6, `place ${place}`);
    }
  });
}

forEachDevice("tokens beyond the cache are left out", async () => {
  const cache = { keys: zeros([1, 1, 3, 1]), values: zeros([1, 1, 3, 1]) };
  const packed = tensor([0, 1, 2, 0, 3, 4], { shape: [1, 2, 3] });
  cacheAppend(cache, packed, tensor(new Int32Array([2])));
  assert.deepEqual([...await cache.keys.data()], [0, 0, 1]);
  assert.deepEqual([...await cache.values.data()], [0, 0, 2]);
});

forEachDevice("a decoding step's shapes are checked", (device) => {
  const cache = { keys: zeros([1, 2, 3, 2]), values: zeros([1, 2, 3, 2]) };
  const position = tensor(new Int32Array([0]));
  const decode = (shape: number[], heads: number) =>
    attentionDecode(empty(shape), cache, position, { heads });
  assert.throws(() => decode([1, 2, 12], 2), TypeError);
  assert.throws(() => decode([1, 1, 11], 2), TypeError);
  assert.throws(() => decode([1, 1, 12], 0), TypeError);
  assert.throws(() => cacheAppend(cache, empty([2, 1, 12]), position), TypeError);
  if (device.kind !== "webgpu") return;
  const large = { keys: zeros([1, 1, 3, 257]), values: zeros([1, 1, 3, 257]) };
  assert.throws(
    () => attentionDecode(empty([1, 1, 771]), large, position, { heads: 1 }),
    /attentionDecode: expected heads of at most 256 on webgpu, got 257/,
  );
});
