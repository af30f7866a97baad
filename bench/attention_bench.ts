/**
 * Causal self-attention, forward and with its gradient, of a small model and of GPT-2, and one step of decoding.
 *
 * The first rows are checked against float64 before anything is timed. Prints the rate of each one's best run, on the CPU with one thread
 * and with all: a query counts for the keys it sees, two products forward and five backward.
 *
 * @module
 */
import { CpuDevice } from "../lib/device/cpu/cpu_device.ts";
import type { Device } from "../lib/device/device.ts";
import { useDevice } from "../lib/device/open_device.ts";
import { WebGpuDevice } from "../lib/device/webgpu/webgpu_device.ts";
import { selfAttention } from "../lib/tensor/attention.ts";
import { attentionDecode } from "../lib/tensor/attention_decode.ts";
import { valueAndGrad } from "../lib/tensor/autograd.ts";
import { compile } from "../lib/tensor/compile.ts";
import { sum } from "../lib/tensor/reduce.ts";
import { tensor } from "../lib/tensor/tensor.ts";
import { referenceAttention, testValues } from "../tests/attention_reference.ts";
import { assertClose } from "../tests/gradient_check.ts";

interface Sizes {
  readonly batch: number;
  readonly heads: number;
  readonly time: number;
  readonly headSize: number;
}

/** One thread, all threads, and WebGPU where there is an adapter. */
async function openDevices(): Promise<[string, Device][]> {
  const all = new CpuDevice();
  const devices: [string, Device][] = [["cpu, 1 thread", new CpuDevice({ threads: 1 })]];
  if (all.threads > 1) devices.push([`cpu, ${all.threads} threads`, all]);
  const adapter = await navigator.gpu?.requestAdapter();
  if (adapter) devices.push(["webgpu", await WebGpuDevice.open(adapter)]);
  return devices;
}

/** Prints the best of some runs within a second, and registers the bench. */
async function bench(
  name: string,
  group: string,
  device: Device,
  operations: number,
  run: () => void,
): Promise<void> {
  let best = Infinity;
  for (const start = performance.now(); performance.now() - start < 1000;) {
    const before = performance.now();
    run();
    await device.finish();
    best = Math.min(best, performance.now() - before);
  }
  const rate = (operations / best / 1e6).toPrecision(3);
  console.log(`${group}: ${name}: ${best.toPrecision(3)} ms, ${rate} GFLOP/s`);
  Deno.bench({
    name: `${group}: ${name}`,
    group,
    async fn() {
      run();
      await device.finish();
    },
  });
}

async function benchTraining(name: string, device: Device, sizes: Sizes): Promise<void> {
  const { batch, heads, time, headSize } = sizes;
  const width = heads * headSize;
  const values = testValues(batch * time * 3 * width, 1);
  const qkv = tensor(values, { shape: [batch, time, 3 * width] });
  const forward = compile((x) => selfAttention(x, { heads }));
  const loss = () => sum(selfAttention(qkv, { heads }));
  const backward = compile(() => valueAndGrad(loss, [qkv]).gradients);
  checkFirstRows(values, await forward(qkv).data(), sizes);
  const seen = batch * heads * time * (time + 1) / 2;
  const product = 2 * seen * headSize;
  const shape = `[${batch},${heads},${time},${headSize}]`;
  await bench(name, `attention ${shape}`, device, 2 * product, () => forward(qkv));
  await bench(name, `attention ${shape} and its gradient`, device, 7 * product, backward);
}

/** Compares the first rows of the first sequence: they see no later ones. */
function checkFirstRows(values: Float32Array, output: ArrayLike<number>, sizes: Sizes): void {
  const { heads, headSize } = sizes;
  const [rows, width] = [8, heads * headSize];
  const columns = (from: number) =>
    Float32Array.from(
      { length: rows * width },
      (_, i) => values[Math.floor(i / width) * 3 * width + from + i % width],
    );
  const [q, k, v] = [0, width, 2 * width].map(columns);
  const one = { batch: 1, heads, keyValueHeads: heads, queries: rows, keys: rows, headSize };
  const expected = referenceAttention({ ...one, causal: true }, { q, k, v }).output;
  assertClose(Array.from(output).slice(0, rows * width), expected, 1e-5, "first rows");
}

/** The last place of a full cache. */
async function benchDecode(name: string, device: Device, sizes: Sizes): Promise<void> {
  const { batch, heads, time, headSize } = sizes;
  const width = heads * headSize;
  const [keys, values] = [2, 3].map((seed) => testValues(batch * time * width, seed));
  const row = testValues(batch * 3 * width, 1);
  const shape = [batch, time, width];
  const cache = { keys: tensor(keys, { shape }), values: tensor(values, { shape }) };
  const packed = tensor(row, { shape: [batch, 1, 3 * width] });
  const position = tensor(new Int32Array([time - 1]));
  const decode = compile((x) => attentionDecode(x, cache, position, { heads }));
  const output = await decode(packed).data();
  keys.set(row.subarray(width, 2 * width), keys.length - width);
  values.set(row.subarray(2 * width), values.length - width);
  const one = { batch, heads, keyValueHeads: heads, queries: 1, keys: time, headSize };
  const of = { q: row.subarray(0, width), k: keys, v: values };
  const expected = referenceAttention({ ...one, causal: true }, of).output;
  assertClose(output, expected, 1e-5, "decoding");
  const group = `decoding [${batch},${heads},${time},${headSize}]`;
  await bench(name, group, device, 4 * batch * time * width, () => decode(packed));
}

for (const [name, device] of await openDevices()) {
  useDevice(device);
  await benchTraining(name, device, { batch: 12, heads: 4, time: 64, headSize: 32 });
  const software = device.isSoftware;
  if (!software) {
    await benchTraining(name, device, { batch: 1, heads: 12, time: 1024, headSize: 64 });
  }
  await benchDecode(name, device, { batch: 1, heads: 12, time: 1024, headSize: 64 });
}
