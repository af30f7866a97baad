/**
 * Matrix products: squares in three forms, all products of a small model's training step, and decoding's single row.
 *
 * Each is checked against float64 first. Prints the rate of each product's best run, on the CPU with one thread and with all.
 *
 * @module
 */
import assert from "node:assert/strict";
import { CpuDevice } from "../lib/device/cpu/cpu_device.ts";
import type { Device } from "../lib/device/device.ts";
import { useDevice } from "../lib/device/open_device.ts";
import { WebGpuDevice } from "../lib/device/webgpu/webgpu_device.ts";
import { compile } from "../lib/tensor/compile.ts";
import { product, type ProductOptions, type Sizes } from "../lib/tensor/product.ts";
import { type Tensor, tensor } from "../lib/tensor/tensor.ts";

interface Product extends Sizes {
  options?: ProductOptions;
}

/** Numbers in [−½, ½) without a pattern that matters. */
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

/** One thread, all threads, and WebGPU where there is an adapter. */
async function openDevices(): Promise<[string, Device][]> {
  const all = new CpuDevice();
  const devices: [string, Device][] = [["cpu, 1 thread", new CpuDevice({ threads: 1 })]];
  if (all.threads > 1) devices.push([`cpu, ${all.threads} threads`, all]);
  const adapter = await navigator.gpu?.requestAdapter();
  if (adapter) devices.push(["webgpu", await WebGpuDevice.open(adapter)]);
  await new Promise((resolve) => setTimeout(resolve, 500)); // for the threads to start
  return devices;
}

/** The operands of a product; the first and the last element of its result are checked. */
async function prepare({ m, n, k, options = {} }: Product): Promise<() => Tensor> {
  const a = draw(m * k), b = draw(k * n);
  const run = () => product(a, b, { m, n, k }, [m, n], options);
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

/** Milliseconds of the best of some runs within half a second. */
async function best(device: Device, run: () => void): Promise<number> {
  const start = performance.now();
  let least = Infinity;
  while (performance.now() - start < 500) {
    const before = performance.now();
    run();
    await device.finish();
    least = Math.min(least, performance.now() - before);
  }
  return least;
}

async function bench(name: string, device: Device, products: Product[]): Promise<void> {
  const runs: (() => Tensor)[] = [];
  for (const each of products) runs.push(await prepare(each));
  const program = compile(() => runs.map((run) => run()));
  const operations = products.reduce((sum, { m, n, k }) => sum + 2 * m * n * k, 0);
  const time = await best(device, () => program());
  const rate = (operations / time / 1e6).toPrecision(3);
  console.log(`${name}: ${time.toPrecision(3)} ms, ${rate} GFLOP/s`);
  Deno.bench({
    name,
    group: name.split(":")[0],
    async fn() {
      program();
      await device.finish();
    },
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

for (const [name, device] of await openDevices()) {
  useDevice(device);
  const sizes = device.isSoftware ? [64, 256] : [64, 256, 768, 1024];
  for (const size of sizes) {
    for (const [form, options] of Object.entries(FORMS)) {
      const cube = { m: size, n: size, k: size, options };
      await bench(`${size}³ ${form}: ${name}`, device, [cube]);
    }
  }
  if (!device.isSoftware) await bench(`a step's products: ${name}`, device, STEP);
  for (const [form, options] of [["NN", {}], ["NT", { transposeB: true }]] as const) {
    const row = { m: 1, n: 3072, k: 768, options };
    await bench(`1×768·768×3072 ${form}: ${name}`, device, [row]);
  }
}
