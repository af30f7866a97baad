/**
 * A program for tests of memory that nobody disposes of: run with `--v8-flags=--expose-gc`, the
 * case as its argument; prints what it measured as JSON.
 *
 * @module
 */
import { compile, type Device, exp, mul, openDevice, sum, type Tensor, tensor } from "../../mod.ts";

const collect = async () => {
  for (let i = 0; i < 3; i++) {
    (globalThis as unknown as { gc(): void }).gc();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
};

/** Bytes in use after each thousand of eager computations whose results are read. */
async function eager(device: Device): Promise<number[]> {
  const x = tensor(new Float32Array(16));
  const used: number[] = [];
  for (let i = 1; i <= 24_000; i++) {
    await sum(mul(x, x)).item();
    if (i % 1000 === 0) used.push(device.memory().used);
  }
  return used;
}

/** Bytes in use before and after large results that are dropped, without a read between them. */
async function dropped(device: Device): Promise<number[]> {
  const x = tensor(new Float32Array(1 << 18));
  const before = device.memory().used;
  for (let i = 0; i < 20; i++) mul(x, x);
  await device.finish();
  await collect();
  return [before, device.memory().used];
}

/**
 * Bytes in use before and after compiled functions that are dropped, and what a kept result reads.
 */
async function compiled(device: Device): Promise<number[]> {
  const x = tensor(new Float32Array(1 << 18).fill(2));
  const run = () => compile((x: Tensor) => mul(exp(x), mul(x, x)))(x);
  run().dispose();
  await collect();
  const before = device.memory().used;
  const kept = run();
  for (let i = 0; i < 20; i++) run();
  await device.finish();
  await collect();
  const after = device.memory().used;
  for (let i = 0; i < 4; i++) exp(x); // takes memory that was freed
  return [before, after, (await kept.data())[9]];
}

/** What views, parts and a program read after the tensors that they were made of are dropped. */
async function kept(): Promise<number[][]> {
  const numbers = (from: number) => tensor(Float32Array.from({ length: 128 }, (_, i) => from + i));
  const made: Tensor[] = [numbers(1).view([2, 64]), numbers(2).part(64, [4])];
  const f = compile((x: Tensor) => mul(x, numbers(3)));
  const x = numbers(0);
  f(x);
  await collect();
  for (let i = 0; i < 20; i++) exp(x); // takes memory that was freed
  const results = [...made, f(x)];
  return await Promise.all(results.map(async (result) => [...await result.data()].slice(0, 4)));
}

/** Virtual memory in GB after each of some devices that were opened, used and closed. */
async function devices(): Promise<number[]> {
  const sizes: number[] = [];
  for (let i = 0; i < 12; i++) {
    const device = await openDevice({ device: "cpu", threads: 2 });
    const x = tensor(new Float32Array(5000));
    await mul(x, x).data();
    device.close();
    await collect();
    const status = await Deno.readTextFile("/proc/self/status");
    sizes.push(Number(status.match(/VmSize:\s+(\d+) kB/)![1]) / 1e6);
  }
  return sizes;
}

/** Collects tensors of devices that are closed. */
async function closed(kind: "cpu" | "webgpu"): Promise<string> {
  for (let i = 0; i < 3; i++) {
    const device = await openDevice({ device: kind, threads: 1 });
    const x = tensor(new Float32Array(5000));
    await mul(x, x).data();
    exp(x);
    device.close();
  }
  await collect();
  return "closed";
}

const [name, kind] = Deno.args as [string, "cpu" | "webgpu"];
const cases = { eager, dropped, compiled, kept };
if (name in cases) {
  const device = await openDevice({ device: kind, threads: 1 });
  console.log(JSON.stringify(await cases[name as keyof typeof cases](device)));
  device.close();
} else console.log(JSON.stringify(name === "devices" ? await devices() : await closed(kind)));
