/**
 * Matmuls: square GEMM in three forms (NN, NT, TN), all matmuls of a small model's training step,
 * and the single row of decoding (GEMV).
 *
 * The first and the last element of each result are checked against float64.
 *
 * @module
 */
import assert from "node:assert/strict";
import { compile } from "../lib/tensor/compile.ts";
import { gemm, type GemmOptions, type GemmSizes } from "../lib/ops/gemm.ts";
import { type Tensor, tensor } from "../lib/tensor/tensor.ts";
import { benchEachDevice } from "./devices.ts";

interface Product extends GemmSizes {
  options?: GemmOptions;
}

/** Deterministic numbers in [−½, ½). */
function draw(count: number): Tensor {
  const values = new Float32Array(count);
  let state = 1;
  for (let i = 0; i < count; i++) {
    state = Math.imul(state, 1664525) + 1013904223 | 0;
    values[i] = state / 2 ** 32;
  }
  return tensor(values);
}

const FORMS = {
  NN: {},
  NT: { transposeB: true },
  TN: { transposeA: true },
};

/** Creates the operands of a matmul, and checks the first and the last element of its result. */
async function prepare({ m, n, k, options = {} }: Product): Promise<() => Tensor> {
  const a = draw(m * k), b = draw(k * n);
  const run = () => gemm(a, b, { m, n, k }, [m, n], options);
  const c = await run().data();
  const [x, y] = [await a.data(), await b.data()];
  for (const [i, j] of [[0, 0], [m - 1, n - 1]]) {
    let sum = 0;
    for (let l = 0; l < k; l++) {
      sum += x[options.transposeA ? l * m + i : i * k + l] *
        y[options.transposeB ? j * k + l : l * n + j];
    }
    assert.ok(
      Math.abs(c[i * n + j] - sum) < 1e-4,
      `element ${i},${j}: ${c[i * n + j]}, not ${sum}`,
    );
  }
  return run;
}

async function bench(name: string, products: Product[], software = true): Promise<void> {
  const operations = products.reduce((sum, { m, n, k }) => sum + 2 * m * n * k, 0);
  const [{ m, n, k }] = products;
  // With one row each weight is read once and used once, so the bandwidth of memory is the limit.
  const work = m === 1 ? { bytes: 4 * n * k } : { operations, software, products: true };
  await benchEachDevice(name, work, async () => {
    const runs: (() => Tensor)[] = [];
    for (const each of products) runs.push(await prepare(each));
    return compile(() => runs.map((run) => run()));
  });
}

/** A linear layer forward, its input's gradient and its weight's. */
const layer = (rows: number, inputs: number, outputs: number): Product[] => [
  { m: rows, n: outputs, k: inputs },
  { m: rows, n: inputs, k: outputs, options: { transposeB: true } },
  { m: inputs, n: outputs, k: rows, options: { transposeA: true } },
];

/** 12 rows of 64 tokens, 4 layers of width 128, 65 characters. */
const STEP: Product[] = [
  ...Array.from({ length: 4 }, () => [
    ...layer(768, 128, 384),
    ...layer(768, 128, 128),
    ...layer(768, 128, 512),
    ...layer(768, 512, 128),
  ]).flat(),
  { m: 768, n: 65, k: 128, options: { transposeB: true } },
  { m: 768, n: 128, k: 65 },
  { m: 65, n: 128, k: 768, options: { transposeA: true } },
];

for (const size of [64, 256, 768, 1024]) {
  for (const [form, options] of Object.entries(FORMS)) {
    await bench(`${size}³ ${form}`, [{ m: size, n: size, k: size, options }], size <= 256);
  }
}
await bench("a step's products", STEP, false);
for (const [form, options] of [["NN", {}], ["NT", { transposeB: true }]] as const) {
  await bench(`1×768·768×3072 ${form}`, [{ m: 1, n: 3072, k: 768, options }]);
}
