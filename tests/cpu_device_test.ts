import assert from "node:assert/strict";
import { CpuDevice } from "../lib/device/cpu/cpu_device.ts";
import { usableThreads } from "../lib/device/cpu/threads.ts";
import { dependencies } from "../lib/device/cpu/dependencies.ts";
import { KernelTable } from "../lib/device/cpu/kernel_table.ts";
import { CONTROL, schedulerModule } from "../lib/device/cpu/scheduler.ts";
import { useDevice } from "../lib/device/current_device.ts";
import { add, mul } from "../lib/ops/binary.ts";
import { sum } from "../lib/ops/reduce.ts";
import { valueAndGrad } from "../lib/tensor/autograd.ts";
import { compile } from "../lib/tensor/compile.ts";
import { customOp } from "../lib/tensor/custom_op.ts";
import type { Launch, Range } from "../lib/device/launch.ts";
import { I32 } from "../lib/wasm/assembler.ts";
import { GPT } from "../lib/nn/gpt.ts";
import { full, tensor, zeros } from "../lib/tensor/tensor.ts";

Deno.test("memory beyond 2 GiB computes the same bits", async () => {
  const results: number[][] = [];
  for (const reserved of [0, 2 ** 31 + 2 ** 20]) {
    const device = new CpuDevice({ threads: 2 });
    useDevice(device);
    if (reserved) device.allocate(reserved); // not touched, so not resident
    const model = new GPT({ vocabSize: 31, contextLength: 24, layers: 1, heads: 2, width: 48 });
    const ids = tensor(Int32Array.from({ length: 96 }, (_, i) => (i * 7) % 31), { shape: [4, 24] });
    const step = compile(() => valueAndGrad(() => model.loss(ids, ids), model.parameters()));
    const { value, gradients } = step();
    results.push([await value.item(), ...await gradients[2].data()]);
    device.close();
  }
  assert.deepEqual(results[1], results[0]);
});

Deno.test("zeros are 0 in memory that held something else, and -0 is kept", async () => {
  const device = new CpuDevice({ threads: 1 });
  useDevice(device);
  for (const length of [100, 40, 160]) {
    const values = zeros([length]);
    assert.deepEqual(await values.data(), new Float32Array(length));
    device.write(values.storage, new Float32Array(length).fill(7));
    values.dispose();
  }
  assert.deepEqual(await full([2], -0).data(), new Float32Array([-0, -0]));
  device.close();
});

Deno.test("exhausted memory is an error that says so, and freed memory is used again", () => {
  const device = new CpuDevice({ threads: 1 });
  const blocks = [1, 2, 3].map(() => device.allocate(2 ** 30));
  assert.throws(() => device.allocate(2 ** 30), /no memory left/);
  for (const block of blocks) device.release(block);
  device.release(device.allocate(3 * 2 ** 30));
  device.close();
});

Deno.test("one thread, with the reason, where threads have no memory to share", () => {
  const { SharedArrayBuffer } = globalThis;
  Reflect.deleteProperty(globalThis, "SharedArrayBuffer");
  try {
    const { count, reason = "" } = usableThreads(2);
    assert.equal(count, 1);
    assert.match(reason, /no memory to share/);
  } finally {
    Object.defineProperty(globalThis, "SharedArrayBuffer", {
      value: SharedArrayBuffer,
      configurable: true,
      writable: true,
    });
  }
  assert.deepEqual(usableThreads(2), { count: 2 });
});

Deno.test("threads are a whole number from 1 to 64", () => {
  for (const threads of [0, 1.5, 65]) {
    assert.throws(() => new CpuDevice({ threads }), /threads must be a whole number/);
  }
});

/** y = x, but the last chunk of each ten reads beyond all memory. */
const trap = customOp({
  name: "trap",
  inputs: { x: "f32" },
  cpu: {
    chunks: ({ count }) => count,
    emit(k) {
      const { f, chunk } = k;
      const { x, output } = k.pointers("x", "output");
      f.if(chunk.remU(10).eq(9), () => f.storeF32(output.at(chunk), I32.of(-16).loadF32()));
      f.storeF32(output.at(chunk), x.at(chunk).loadF32());
    },
  },
});

Deno.test("a kernel that traps on any thread is an error that names it, and the device stays well", async () => {
  for (const threads of [1, 2, 4]) {
    const device = new CpuDevice({ threads });
    useDevice(device);
    const x = tensor(Float32Array.from({ length: 4000 }, (_, i) => i));
    const message = /^trap#\d+: its CPU kernel trapped/;
    const step = compile(() => add(mul(x, 2), trap({ x })));
    const sums = compile(() => sum(mul(x, 2)));
    for (let i = 0; i < 5; i++) {
      assert.throws(() => trap({ x }), { message });
      assert.throws(step, { message });
      assert.equal(await sums().item(), 4000 * 3999);
    }
    device.close();
  }
});

/** Naps until a second thread has started, whose modules Deno may check for seconds at first. */
const TRIES = 60;

/** Each of its chunks waits for half a second, then says whose scratch memory it had. */
const napOf = (chunks: number) =>
  customOp({
    name: "nap",
    inputs: { x: "f32" },
    cpu: {
      chunks: () => chunks,
      scratchBytes: () => 64,
      emit(k) {
        const { f, chunk, scratch } = k;
        const { x, output } = k.pointers("x", "output");
        f.drop(x.at(chunk).atomicWait(0, 500_000_000));
        f.storeF32(output.at(chunk), scratch.toF32());
      },
    },
  });
const [lonelyNap, nap] = [napOf(1), napOf(2)];

Deno.test("a thread that starts during a long program takes part in the next one", async () => {
  const device = new CpuDevice({ threads: 2 });
  useDevice(device);
  const x = tensor([0, 0]);
  let threads = 1;
  for (let i = 0; i < TRIES && threads < 2; i++) threads = new Set(await nap({ x }).data()).size;
  device.close();
  assert.equal(threads, 2);
});

Deno.test("an error of the scheduler itself is thrown, not tried again for ever", () => {
  const memory = new WebAssembly.Memory({ initial: 2, maximum: 2, shared: true });
  const table = new KernelTable(memory, schedulerModule());
  const words = new Int32Array(memory.buffer);
  words[CONTROL.program / 4] = -128; // beyond the memory
  words[CONTROL.programLength / 4] = 1;
  words[CONTROL.threads / 4] = 1;
  assert.throws(() => table.run(0), WebAssembly.RuntimeError);
});

Deno.test("a launch waits for those that it shares a written range with, and for no others", () => {
  const allocation = { bytes: 4096, zeroed: true };
  const range = (place: number, bytes = 256): Range => ({
    allocation,
    byteOffset: 256 * place,
    bytes,
  });
  const kernel = { name: "sum", reads: { a: "f32", b: "f32" }, writes: { c: "f32" }, scalars: {} };
  const launch = (...buffers: (Range | undefined)[]) =>
    ({ kernel, constants: {}, scalars: {}, buffers }) as unknown as Launch<Range>;
  const [x, y, z, u, v] = [0, 1, 2, 3, 4].map((place) => range(place));
  assert.deepEqual(
    dependencies([
      launch(x, y, z),
      launch(x, undefined, u), // reads what the first one reads
      launch(z, y, v), // reads what the first one writes
      launch(u, u, range(1, 64)), // writes part of what the third one reads
      launch(x, x, range(5)), // touches nothing that was written
      launch(x, x, u), // writes what the fourth one reads
      launch(x, x, u), // writes what the sixth one writes
    ]),
    [0, 0, 1, 3, 0, 4, 6],
  );
});

Deno.test("launches of one chunk that do not depend on each other run side by side", async () => {
  const device = new CpuDevice({ threads: 2 });
  useDevice(device);
  const x = tensor([0, 0]);
  const naps = compile(() => [lonelyNap({ x }), lonelyNap({ x }), nap({ x })]);
  const threads = () => Promise.all(naps().slice(0, 2).map(async (y) => (await y.data())[0]));
  let sides = new Set<number>();
  for (let i = 0; i < TRIES && sides.size < 2; i++) sides = new Set(await threads());
  device.close();
  assert.equal(sides.size, 2);
});

Deno.test("every chunk of a launch is computed once, by any number of threads", async () => {
  for (const threads of [2, 3, 11]) {
    const device = new CpuDevice({ threads });
    useDevice(device);
    for (const chunks of [1, 2, 7, 8, 100, 1001]) {
      const count = countingOp(chunks);
      const x = tensor(new Int32Array(chunks));
      for (let run = 0; run < 20; run++) {
        count({ x }).dispose();
        await new Promise((resolve) => setTimeout(resolve)); // threads start meanwhile
      }
      assert.deepEqual(new Set(await x.data()), new Set([20]), `${threads}, ${chunks}`);
    }
    device.close();
  }
});

/** Each of its chunks adds 1 to its element of x. */
const countingOp = (chunks: number) =>
  customOp({
    name: "count",
    inputs: { x: "i32" },
    cpu: {
      chunks: () => chunks,
      emit: (k) => k.f.drop(k.pointer("x").at(k.chunk).atomicAdd(1)),
    },
  });
