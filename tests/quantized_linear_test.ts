/**
 * Weights in 8 and 4 bits: the rounding's error, and products against float64 within the error that
 * is stated.
 *
 * @module
 */
import assert from "node:assert/strict";
import { dequantizeMatrix } from "../lib/ops/dequantize.ts";
import { gemm } from "../lib/ops/gemm.ts";
import { quantizedEmbedding } from "../lib/ops/quantized_embedding.ts";
import { quantizedLinear } from "../lib/ops/quantized_linear.ts";
import {
  type QuantizedMatrix,
  quantizeMatrix,
  type WeightBits,
} from "../lib/ops/quantized_matrix.ts";
import { valueAndGrad } from "../lib/tensor/autograd.ts";
import { sum } from "../lib/ops/reduce.ts";
import { tensor, zeros } from "../lib/tensor/tensor.ts";
import { CpuDevice } from "../lib/device/cpu/cpu_device.ts";
import { useDevice } from "../lib/device/current_device.ts";
import type { Device } from "../lib/device/device.ts";
import { forEachDevice } from "./support/devices.ts";
import { geluTanh } from "./support/exact_math.ts";
import { floats } from "./support/matmul_reference.ts";

/** The dequantized weights [outputs, inputs], in float64. */
async function weightsOf(matrix: QuantizedMatrix): Promise<Float64Array> {
  const { blocks, outputs, inputs, group, bits } = matrix;
  const words = await blocks.data() as Int32Array<ArrayBuffer>;
  const bytes = new Int8Array(words.buffer), scales = new Float32Array(words.buffer);
  const perBlock = 1 + group * bits / 32, count = Math.ceil(inputs / group);
  return Float64Array.from({ length: outputs * inputs }, (_, i) => {
    const [row, column] = [Math.floor(i / inputs), i % inputs];
    const word = (row * count + Math.floor(column / group)) * perBlock;
    const j = column % group;
    if (bits === 8) return scales[word] * bytes[4 * word + 4 + j];
    const byte = bytes[4 * word + 4 + 16 * Math.floor(j / 32) + j % 16];
    return scales[word] * (j % 32 < 16 ? byte << 28 >> 28 : byte >> 4);
  });
}

forEachDevice("a weight is off by half a scale at most, in either layout", async () => {
  for (
    const [inputs, outputs, group, bits] of [
      [128, 5, 64, 8],
      [100, 7, 32, 8],
      [30, 3, 16, 8],
      [300, 2, 128, 8],
      [128, 5, 32, 4],
      [100, 2000, 64, 4],
    ] as [number, number, number, WeightBits][]
  ) {
    const plain = floats(inputs * outputs, 3); // [outputs, inputs]
    const turned = Float32Array.from(
      plain,
      (_, i) => plain[i % outputs * inputs + Math.floor(i / outputs)],
    );
    const one = quantizeMatrix(plain, [outputs, inputs], { group, bits, transposed: true });
    const other = quantizeMatrix(turned, [inputs, outputs], { group, bits });
    const weights = await weightsOf(one);
    assert.deepEqual(await weightsOf(other), weights);
    for (let at = 0; at < plain.length; at++) {
      const row = at - at % inputs, first = row + Math.floor(at % inputs / group) * group;
      const block = plain.subarray(first, Math.min(first + group, row + inputs));
      const scale = block.reduce((most, w) => Math.max(most, Math.abs(w)), 0) /
        (bits === 8 ? 127 : 7);
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
  [2, 9, 300, 160],
  [1, 12, 512, 256],
  [37, 50, 100, 32],
  [64, 75, 128, 64],
];

for (const bits of [8, 4] as const) {
  for (const ends of ["plain", "bias, gelu and residual"] as const) {
    forEachDevice(`products with weights in ${bits} bits: ${ends}`, async (device) => {
      for (const sizes of SIZES) await checkProduct(device, sizes, ends !== "plain", bits);
    });
  }

  forEachDevice(`rows of a table in ${bits} bits are its weights`, async () => {
    const [rows, width] = [50, 192];
    const table = quantizeMatrix(floats(rows * width, 5), [rows, width], {
      bits,
      transposed: true,
    });
    const weights = await weightsOf(table);
    const ids = Int32Array.from({ length: 40 }, (_, i) => i * 7 % rows);
    const y = quantizedEmbedding(table, tensor(ids, { shape: [2, 20] }));
    assert.deepEqual(y.shape, [2, 20, width]);
    const expected = Array.from(ids, (id) => [...weights.subarray(id * width, (id + 1) * width)]);
    assert.deepEqual(await y.data(), Float32Array.from(expected.flat()));
  });

  forEachDevice(`a matrix in ${bits} bits as f32`, async () => {
    for (const [rows, width, group] of [[50, 192, 64], [7, 100, 32], [3, 5, 32]]) {
      const values = floats(rows * width, 5);
      const options = { bits, group, transposed: true };
      const matrix = quantizeMatrix(values, [rows, width], options);
      const weights = Float32Array.from(await weightsOf(matrix));
      const y = dequantizeMatrix(matrix);
      assert.deepEqual(y.shape, [rows, width]);
      assert.deepEqual(await y.data(), weights);
      const one = quantizedEmbedding(matrix, tensor(Int32Array.of(rows - 1)));
      assert.deepEqual(await one.data(), weights.subarray((rows - 1) * width));
    }
  });
}

Deno.test("products of many rows are those with the widened weights", async () => {
  const device = new CpuDevice({ threads: 2, wideVectors: true });
  useDevice(device);
  const [n, k] = [40, 96];
  for (const [bits, m] of [[16, 24], [8, 64], [4, 24]] as const) {
    const weight = quantizeMatrix(floats(n * k, 2), [n, k], { bits, transposed: true });
    const x = tensor(floats(m * k, 1), { shape: [m, k] });
    const widened = dequantizeMatrix(weight);
    const expected = gemm(x, widened, { m, n, k }, [m, n], { transposeB: true });
    assert.deepEqual(await quantizedLinear(x, weight).data(), await expected.data());
  }
  device.close();
});

Deno.test("products with weights in 4 bits without relaxed SIMD", async () => {
  const device = new CpuDevice({ threads: 1, relaxedSimd: false });
  useDevice(device);
  for (const sizes of SIZES) await checkProduct(device, sizes, false, 4);
  device.close();
});

forEachDevice("products with weights in 8 bits, with the kernels for hardware", async (device) => {
  const { traits } = device;
  // So that threads share a column, as on a GPU that is not software.
  Object.assign(device, { traits: { ...traits, manyCores: device.kind === "webgpu" } });
  try {
    for (const bits of [8, 4] as const) {
      for (const sizes of SIZES.slice(0, 5)) await checkProduct(device, sizes, true, bits);
    }
  } finally {
    Object.assign(device, { traits });
  }
});

async function checkProduct(
  device: Device,
  [m, n, k, any]: number[],
  more: boolean,
  bits: WeightBits = 8,
) {
  const group = bits === 8 ? any : Math.max(32, any);
  const x = floats(m * k, 1).map((value, i) => i % 29 === 0 ? 30 * value : value);
  const weight = quantizeMatrix(floats(n * k, 2), [n, k], { group, bits, transposed: true });
  const bias = floats(n, 3), residual = floats(m * n, 4);
  const options = more
    ? { activation: "gelu_tanh" as const, residual: tensor(residual, { shape: [m, n] }) }
    : {};
  const y = quantizedLinear(
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
  const weight = quantizeMatrix(floats(32, 1), [2, 16], { transposed: true, group: 16 });
  assert.throws(() => quantizeMatrix(floats(32, 1), [2, 16], { group: 24 }), /group .* got 24/);
  assert.throws(
    () => quantizeMatrix(floats(32, 1), [2, 15]),
    /32 weights in two axes, got \[2,15\]/,
  );
  assert.throws(
    () => quantizedLinear(zeros([1, 15]), weight),
    /inner sizes differ: \[1,15\] · \[2,16\]/,
  );
  assert.throws(() => quantizedLinear(zeros([1, 16]), weight, zeros([3])), /bias f32 \[2\]/);
  const x = zeros([1, 16]);
  assert.throws(() => valueAndGrad(() => sum(quantizedLinear(x, weight)), [x]), /have no gradient/);
});
