/**
 * Weights in 16 bits: rounding to the nearest, products and rows that are exact, and whole models
 * beside the same ones in f32.
 *
 * @module
 */
import assert from "node:assert/strict";
import { loadPretrained } from "../lib/hub/load_pretrained.ts";
import { savePretrained } from "../lib/hub/pretrained_files.ts";
import { decodeFloat32 } from "../lib/hub/safetensors_dtype.ts";
import type { ModelConfigInput } from "../lib/nn/config.ts";
import { GPT } from "../lib/nn/gpt.ts";
import { quantize } from "../lib/nn/quantize.ts";
import { type HalfType, toHalf } from "../lib/ops/half_precision.ts";
import { dequantizeMatrix } from "../lib/ops/dequantize.ts";
import { quantizedEmbedding } from "../lib/ops/quantized_embedding.ts";
import { quantizedLinear } from "../lib/ops/quantized_linear.ts";
import { quantizeMatrix } from "../lib/ops/quantized_matrix.ts";
import { Random } from "../lib/random.ts";
import { tensor } from "../lib/tensor/tensor.ts";
import { generate } from "../mod.ts";
import { forEachDevice } from "./support/devices.ts";
import { geluTanh } from "./support/exact_math.ts";
import { assertClose } from "./support/gradient_check.ts";
import { floats } from "./support/matmul_reference.ts";

const TYPES: readonly HalfType[] = ["bf16", "f16"];

/** The nearest numbers of a type. */
function rounded(type: HalfType, values: Float32Array): Float32Array {
  const halves = new Uint16Array(values.length);
  toHalf(type, values, halves);
  return decodeFloat32(type === "f16" ? "F16" : "BF16", new Uint8Array(halves.buffer));
}

Deno.test("every number of 16 bits is itself, and a number between two the nearest", () => {
  for (const type of TYPES) {
    const infinity = type === "f16" ? 0x7C00 : 0x7F80;
    const all = Uint16Array.from({ length: 2 * infinity }, (_, i) => i >> 1 | (i & 1) << 15);
    const dtype = type === "f16" ? "F16" : "BF16";
    const values = decodeFloat32(dtype, new Uint8Array(all.buffer));
    const halves = new Uint16Array(all.length);
    toHalf(type, values, halves);
    assert.deepEqual(halves, all);
    const random = new Random(3);
    for (let i = 0; i < 20_000; i++) {
      const at = 2 * random.integer(infinity - 1);
      const [low, high] = [values[at], values[at + 2]];
      const value = Math.fround(low + (high - low) * [0.5, random.uniform()][i % 2]);
      const even = at >> 1 & 1 ? high : low;
      const [below, above] = [value - low, high - value];
      const nearest = below === above ? even : below < above ? low : high;
      assert.equal(rounded(type, Float32Array.of(-value))[0], -nearest);
    }
  }
});

Deno.test("a weight beyond a type's range is refused", () => {
  assert.deepEqual(rounded("f16", Float32Array.of(65519, -65519)), Float32Array.of(65504, -65504));
  const round = (type: HalfType, value: number) => () => rounded(type, Float32Array.of(value));
  assert.throws(round("f16", 65520), /65520 is beyond the range of f16; bf16 has f32's range/);
  assert.throws(round("bf16", -3.4e38), /-3.* is beyond the range of bf16$/);
});

/** [rows of x, outputs, inputs]: several chunks, and rows that no block or stream divides. */
const SIZES = [[1, 1, 1], [1, 37, 64], [1, 211, 768], [2, 50, 100], [3, 19, 130], [4, 523, 256], [
  8,
  33,
  45,
]];

for (const type of TYPES) {
  forEachDevice(`products with weights in ${type}`, async () => {
    for (const [m, n, k] of SIZES) {
      const scale = type === "f16" ? 2e-5 : 1; // subnormal numbers of f16 among them
      const weights = rounded(type, floats(n * k, 2).map((value) => scale * value));
      const x = floats(m * k, 1), bias = floats(n, 3), residual = floats(m * n, 4);
      const options = { bits: 16, type, transposed: true } as const;
      const y = quantizedLinear(
        tensor(x, { shape: [m, k] }),
        quantizeMatrix(weights, [n, k], options),
        tensor(bias),
        { activation: "gelu_tanh", residual: tensor(residual, { shape: [m, n] }) },
      );
      const values = await y.data();
      for (let i = 0; i < m * n; i++) {
        const [row, column] = [Math.floor(i / n), i % n];
        let sum = 0, sizes = 0;
        for (let j = 0; j < k; j++) {
          const product = x[row * k + j] * weights[column * k + j];
          sum += product;
          sizes += Math.abs(product);
        }
        const expected = geluTanh(sum + bias[column]) + residual[i];
        const close = Math.abs(values[i] - expected) <= 1e-6 * sizes + 1e-6;
        assert.ok(close, `[${m},${k}]·[${k},${n}]: ${values[i]}, expected ${expected}`);
      }
    }
  });

  forEachDevice(`rows of a table in ${type} are its numbers, in either layout`, async () => {
    const [rows, width] = [50, 75];
    const table = rounded(type, floats(rows * width, 5).map((value, i) => value * 2 ** -(i % 20)));
    const turned = table.map((_, i) => table[i % rows * width + Math.floor(i / rows)]);
    const ids = Int32Array.from({ length: 40 }, (_, i) => i * 7 % rows);
    const expected = Array.from(ids, (id) => [...table.subarray(id * width, (id + 1) * width)]);
    for (const [values, shape] of [[table, [rows, width]], [turned, [width, rows]]] as const) {
      const options = { bits: 16, type, transposed: values === table } as const;
      const matrix = quantizeMatrix(values, shape, options);
      const y = quantizedEmbedding(matrix, tensor(ids));
      assert.deepEqual(await y.data(), Float32Array.from(expected.flat()));
      assert.deepEqual(await dequantizeMatrix(matrix).data(), table);
    }
  });
}

const SHAPE = { vocabSize: 29, contextLength: 32, layers: 2, heads: 2, width: 40 };
const ROTARY: Partial<ModelConfigInput> = {
  gated: true,
  activation: "silu",
  norm: "rms",
  positions: "rotary",
  bias: false,
  hidden: 52,
  keyValueHeads: 1,
};
const MODELS: readonly [name: string, type: HalfType, config: Partial<ModelConfigInput>][] = [
  ["GPT-2", "bf16", {}],
  ["Llama, tied", "f16", ROTARY],
  ["Llama, untied", "bf16", { ...ROTARY, tiedHead: false }],
];

for (const [name, type, config] of MODELS) {
  forEachDevice(`a model in ${type} has the logits and text of f32: ${name}`, async (device) => {
    const folder = await Deno.makeTempDir();
    const made = new GPT({ ...SHAPE, ...config }, { random: new Random(9) });
    for (const parameter of made.parameters()) {
      parameter.write(rounded(type, await parameter.data() as Float32Array));
    }
    await savePretrained(folder, made);
    const exact = (await loadPretrained(folder)).model;
    const { used } = device.memory();
    const half = (await loadPretrained(folder, { weights: type })).model;
    if (config === ROTARY) {
      const matrices = half.parameters().filter(({ shape }) => shape.length > 1);
      const numbers = matrices.reduce((sum, { size }) => sum + size, 0);
      assert.ok(device.memory().used - used < 2.3 * numbers + 16_000, "memory");
    }
    for (const length of [1, 11]) {
      const ids = tensor(Int32Array.from({ length }, (_, i) => 5 * i % 29), {
        shape: [1, length],
      });
      assertClose(await half.forward(ids).data(), await exact.forward(ids).data(), 1e-5);
    }
    const options = { maxNewTokens: 20, temperature: 0 };
    const [expected, text] = [exact, half].map((model) => generate(model, [1, 2, 3], options));
    assert.deepEqual((await text).tokens, (await expected).tokens);
    await quantize(exact, { bits: 16, type });
    const ids = tensor(Int32Array.of(4, 5, 6), { shape: [1, 3] });
    assert.deepEqual(await exact.forward(ids).data(), await half.forward(ids).data());
    await Deno.remove(folder, { recursive: true });
  });
}

forEachDevice("weights in 16 bits: mistakes are named", async () => {
  const model = new GPT(SHAPE);
  await assert.rejects(() => quantize(model, { bits: 16, group: 64 }), /16 bits have no group/);
  await assert.rejects(() => quantize(model, { type: "bf16" }), /type is for 16 bits, got bf16/);
  const wrong = { bits: 16, type: "f8" as "f16" } as const;
  await assert.rejects(() => quantize(model, wrong), /type must be bf16 or f16, got "f8"/);
});
