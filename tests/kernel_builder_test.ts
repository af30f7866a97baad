import assert from "node:assert/strict";
import { emitKernel, type KernelBuilder } from "../lib/device/kernel_builder.ts";

const BUILD = {
  name: "probe",
  buffers: ["x", "y"],
  scalars: { count: "u32", offset: "i32", scale: "f32" },
  constants: { CHUNK: 4 },
  functions: {},
} as const;

/** The block of a launch: two pointers, three scalars, the number of chunks. */
const BLOCK = 64, X = 256, Y = 512, SCRATCH = 1024;

/** Runs a kernel's chunk over x = 0, 1, 2, …; returns y. */
function run(emit: (k: KernelBuilder) => void, chunk = 0): Float32Array {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 65536, shared: true });
  const words = new Int32Array(memory.buffer);
  const floats = new Float32Array(memory.buffer);
  words.set([X, Y, 10, -3, 0, 3], BLOCK / 4);
  floats[BLOCK / 4 + 4] = 0.5;
  for (let i = 0; i < 16; i++) floats[X / 4 + i] = i;
  const module = new WebAssembly.Module(emitKernel(BUILD, emit, {}));
  const { exports } = new WebAssembly.Instance(module, { env: { memory } });
  (exports.kernel as (...numbers: number[]) => void)(BLOCK, chunk, SCRATCH);
  return floats.slice(Y / 4, Y / 4 + 16);
}

Deno.test("a kernel reads buffers and scalars by name, alone or together", () => {
  const y = run((k) => {
    const { x, y } = k.pointers("x", "y");
    const { count, offset } = k.integers("count", "offset");
    const { scale } = k.floats("scale");
    k.f.storeF32(y, count.toF32().mul(scale));
    k.f.storeF32(y, offset.toF32(), 4);
    k.f.storeF32(k.pointer("y"), x.at(2).loadF32().mul(k.float("scale")), 8);
    k.f.storeF32(y, k.integer("count").add(k.chunks).toF32(), 12);
    k.f.storeF32(y, k.chunk.toF32(), 16);
    k.f.storeF32(y, k.scratch.toF32(), 20);
  }, 2);
  assert.deepEqual([...y.slice(0, 6)], [5, -3, 1, 13, 2, SCRATCH]);
});

Deno.test("a scalar first named in a branch or a loop is there everywhere", () => {
  const y = run((k) => {
    const { f } = k;
    f.if(k.chunk, () => f.storeF32(k.pointer("y"), k.float("scale"))); // not run in chunk 0
    f.storeF32(k.pointer("y").at(1), k.float("scale"));
  });
  assert.deepEqual([...y.slice(0, 2)], [0, 0.5]);
});

Deno.test("the chunks' shares cover all items once", () => {
  const shares = [0, 1, 2].map((chunk) =>
    run((k) => {
      const { f } = k;
      const { start, end, count } = k.share(k.integer("count"), 4);
      f.storeF32(k.pointer("y"), count.toF32());
      f.for(start, end, 1, (i) => f.storeF32(k.pointer("y").at(i.add(1)), 1));
    }, chunk)
  );
  assert.deepEqual(shares.map(([count]) => count), [4, 4, 2]);
  const visits = Array.from({ length: 12 }, (_, i) => shares.reduce((n, y) => n + y[i + 1], 0));
  assert.deepEqual(visits, [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0]);
});

Deno.test("names that are not the kernel's, and reads as the wrong type, are TypeErrors", () => {
  const emit = (read: (k: KernelBuilder) => unknown) => () =>
    emitKernel(BUILD, (k) => void read(k), {});
  assert.throws(emit((k) => k.pointer("z")), /probe: no buffer is called 'z'/);
  assert.throws(emit((k) => k.integers("count", "size")), /probe: no scalar is called 'size'/);
  assert.throws(emit((k) => k.integer("scale")), /probe: 'scale' is of type f32; use float\(\)/);
  assert.throws(emit((k) => k.float("count")), /probe: 'count' is of type u32; use integer\(\)/);
});

Deno.test("a defined function receives what it needs as parameters", () => {
  const emit = (read: (k: KernelBuilder) => unknown) => () =>
    emitKernel(BUILD, (k) => void k.define({}, () => void read(k)), {});
  assert.throws(emit((k) => k.integer("count")), /a defined function cannot read 'count'/);
  assert.throws(emit((k) => k.pointer("x")), /a defined function cannot read 'x'; pass it as/);
  assert.throws(emit((k) => k.scratch), /cannot read scratch memory/);
  const y = run((k) => {
    const half = k.define({ x: "f32", scale: "f32" }, (_, { x, scale }) => x.mul(scale));
    k.f.storeF32(k.pointer("y"), k.f.call(half, { x: 3, scale: k.float("scale") }));
  });
  assert.equal(y[0], 1.5);
});
