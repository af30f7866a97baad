/**
 * Weights in 8 bits: the rounding's error, and products against float64 within the error that is
 * stated.
 *
 * @module
 */
import assert from "node:assert/strict";
import { int8Linear, type Int8Matrix, toInt8 } from "../lib/ops/int8_linear.ts";
import { valueAndGrad } from "../lib/tensor/autograd.ts";
import { sum } from "../lib/ops/reduce.ts";
import { tensor, zeros } from "../lib/tensor/tensor.ts";
import type { Device } from "../lib/device/device.ts";
import { forEachDevice } from "./support/devices.ts";
import { geluTanh } from "./support/exact_math.ts";
import { floats } from "./support/matmul_reference.ts";

/** The dequantized weights [outputs, inputs], in float64. */
async function weightsOf({ blocks, outputs, inputs, group }: Int8Matrix): Promise<Float64Array> {
  const words = await blocks.data() as Int32Array<ArrayBuffer>;
  const bytes = new Int8Array(words.buffer), scales = new Float32Array(words.buffer);
  const perBlock = 1 + group / 4, count = Math.ceil(inputs / group);
  return Float64Array.from({ length: outputs * inputs }, (_, i) => {
    const [row, column] = [Math.floor(i / inputs), i % inputs];
    const word = (row * count + Math.floor(column / group)) * perBlock;
    return scales[word] * bytes[4 * word + 4 + column % group];
  });
}

forEachDevice("a weight is off by half a scale at most, in either layout", async () => {
  for (const [inputs, outputs, group] of [[128, 5, 64], [100, 7, 32], [30, 3, 16], [300, 2, 128]]) {
    const plain = floats(inputs * outputs, 3); // [outputs, inputs]
    const turned = Float32Array.from(
      plain,
      (_, i) => plain[i % outputs * inputs + Math.floor(i / outputs)],
    );
    const one = toInt8(plain, [outputs, inputs], { group, transposed: true });
    const other = toInt8(turned, [inputs, outputs], { group });
    const weights = await weightsOf(one);
    assert.deepEqual(await weightsOf(other), weights);
    for (let at = 0; at < plain.length; at++) {
      const row = at - at % inputs, first = row + Math.floor(at % inputs / group) * group;
      const block = plain.subarray(first, Math.min(first + group, row + inputs));
      const scale = block.reduce((most, w) => Math.max(most, Math.abs(w)), 0) / 127;
      assert.ok(Math.abs(weights[at] - plain[at]) <= 0.5001 * scale, `weight ${at}`);
    }
  }
});

/**
 * [rows of x, outputs, inputs, group]: several chunks, rows that no number of streams divides,
 * blocks that are not full.
 */
const SIZES = [
  [1, 1, 1, 16],
  [1, 37, 64, 64],
  [1, 211, 768, 64],
  [2, 50, 100, 32],
  [3, 19, 130, 128],
  [4, 523, 256, 64],
  [8, 33, 48, 16],
];

for (const ends of ["plain", "bias, gelu and residual"] as const) {
  forEachDevice(`products with weights in 8 bits: ${ends}`, async (device) => {
    for (const sizes of SIZES) await checkProduct(device, sizes, ends !== "plain");
  });
}

forEachDevice("products with weights in 8 bits, with the kernels for hardware", async (device) => {
  const { traits } = device;
  // So that threads share a column, as on a GPU that is not software.
  Object.assign(device, { traits: { ...traits, manyCores: device.kind === "webgpu" } });
  try {
    for (const sizes of SIZES.slice(0, 5)) await checkProduct(device, sizes, true);
  } finally {
    Object.assign(device, { traits });
  }
});

async function checkProduct(device: Device, [m, n, k, group]: number[], more: boolean) {
  const x = floats(m * k, 1).map((value, i) => i % 29 === 0 ? 30 * value : value);
  const weight = toInt8(floats(n * k, 2), [n, k], { group, transposed: true });
  const bias = floats(n, 3), residual = floats(m * n, 4);
  const options = more
    ? { activation: "gelu_tanh" as const, residual: tensor(residual, { shape: [m, n] }) }
    : {};
  const y = int8Linear(
    tensor(x, { shape: [m, k] }),
    weight,
    more ? tensor(bias) : undefined,
    options,
  );
  assert.deepEqual(y.shape, [m, n]);
  const weights = await weightsOf(weight);
  const values = await y.data();
  for (let i = 0; i < m * n; i++) {
    const [row, column] = [Math.floor(i / n), i % n];
    let exact = 0, error = 0;
    for (let first = 0; first < k; first += group) {
      const end = Math.min(first + group, k);
      let largest = 0, sizes = 0;
      for (let j = first; j < end; j++) {
        const [value, w] = [x[row * k + j], weights[column * k + j]];
        exact += value * w;
        largest = Math.max(largest, Math.abs(value));
        sizes += Math.abs(w);
        error += 1e-6 * Math.abs(value * w); // of float32 sums
      }
      if (device.kind === "cpu") error += 2 ** -16 * largest * sizes;
    }
    const expected = more ? geluTanh(exact + bias[column]) + residual[i] : exact;
    const allowed = 1.2 * error + 1e-5;
    assert.ok(
      Math.abs(values[i] - expected) <= allowed,
      `[${m},${k}]·[${k},${n}] by ${group}: ${values[i]}, expected ${expected} ± ${allowed}`,
    );
  }
}

forEachDevice("weights in 8 bits: mistakes are named", () => {
  const weight = toInt8(floats(32, 1), [2, 16], { transposed: true, group: 16 });
  assert.throws(() => toInt8(floats(32, 1), [2, 16], { group: 24 }), /group .* got 24/);
  assert.throws(() => toInt8(floats(32, 1), [2, 15]), /32 weights in two axes, got \[2,15\]/);
  assert.throws(
    () => int8Linear(zeros([1, 15]), weight),
    /inner sizes differ: \[1,15\] · \[2,16\]/,
  );
  assert.throws(() => int8Linear(zeros([1, 16]), weight, zeros([3])), /bias f32 \[2\]/);
  const x = zeros([1, 16]);
  assert.throws(() => valueAndGrad(() => sum(int8Linear(x, weight)), [x]), /have no gradient/);
});
