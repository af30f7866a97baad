import assert from "node:assert/strict";
import type { CpuKernel } from "../lib/device/kernel.ts";
import { type F32, type FunctionBuilder, type I32, V128 } from "../lib/wasm/assembler.ts";
import { valueAndGrad } from "../lib/tensor/autograd.ts";
import { mul } from "../lib/ops/binary.ts";
import { compile } from "../lib/tensor/compile.ts";
import { customOp } from "../lib/tensor/custom_op.ts";
import { sum } from "../lib/ops/reduce.ts";
import { type Tensor, tensor } from "../lib/tensor/tensor.ts";
import { forEachDevice, sharedDevice } from "./support/devices.ts";
import { assertClose, checkGradients } from "./support/gradient_check.ts";

/** WGSL of an operation that computes `value` for each element. */
const wgslOf = (value: string) => `
fn each_thread(i: u32) {
  if (i < s.count) { output[i] = ${value}; }
}`;

/**
 * y = x³ + shift, four elements at a time on the CPU; its derivative is made of the library's own
 * operations.
 */
const cube = customOp({
  name: "cube",
  inputs: { x: "f32" },
  scalars: { shift: "f32" },
  wgsl: wgslOf("x[i] * x[i] * x[i] + s.shift"),
  cpu: {
    chunks: ({ count }) => Math.ceil(count / 4096),
    emit(k) {
      const { f } = k;
      const shift = f.v128(k.float("shift").splat());
      const { start, end } = k.share(k.integer("count"), 4096);
      const { x, output } = k.pointers("x", "output");
      const value = (v: V128) => v.mul(v).mul(v).add(shift);
      f.for(start, end, 1, (i) => {
        f.storeF32(output.at(i), value(x.at(i).loadSplat()).lane(0));
      });
    },
  },
  backward: (dy, { inputs: { x } }) => ({ x: mul(mul(dy, 3), mul(x, x)) }),
});

/** y = x², in many chunks. */
const squareKernel: CpuKernel = {
  chunks: ({ count }) => Math.ceil(count / 4096),
  emit(k) {
    const { start, end } = k.share(k.integer("count"), 4096);
    const { x, output } = k.pointers("x", "output");
    k.f.for(start, end, 1, (i) => {
      const value = k.f.f32(x.at(i).loadF32());
      k.f.storeF32(output.at(i), value.mul(value));
    });
  },
};

/** y[i] = x[ids[i] + first]: another shape, an i32 input, and two scalars. */
const pickKernel: CpuKernel = {
  chunks: () => 1,
  emit(k) {
    const { f } = k;
    const { x, ids, output } = k.pointers("x", "ids", "output");
    f.for(0, k.integer("count"), 1, (i) => {
      const id = ids.at(i).loadI32().add(k.integer("first"));
      f.storeF32(output.at(i), x.at(id).loadF32());
    });
  },
};
const pick = customOp({
  name: "pick",
  inputs: { x: "f32", ids: "i32" },
  scalars: { first: "i32", unused: "f32" },
  shape: ({ ids }) => [...ids, 1],
  wgsl: `
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x < s.count) { output[id.x] = x[ids[id.x] + s.first]; }
}`,
  grid: ({ count }) => [Math.ceil(count / 64)],
  cpu: pickKernel,
});

for (const count of [1, 5, 4097]) {
  forEachDevice(
    `a custom operation on ${count} elements, run, recorded and differentiated`,
    async () => {
      const values = Float32Array.from({ length: count }, (_, i) => Math.sin(i));
      const x = tensor(values);
      const expected = values.map((v) => v ** 3 + 2);
      assertClose(await cube({ x }, { shift: 2 }).data(), expected, 1e-6);
      const compiled = compile(() => valueAndGrad(() => sum(cube({ x }, { shift: 2 })), [x]));
      compiled();
      const { gradients } = compiled();
      assertClose(await gradients[0].data(), values.map((v) => 3 * v * v), 1e-6);
    },
  );
}

forEachDevice("a custom operation with its own shape rule and integers", async () => {
  const x = tensor([10, 20, 30, 40]);
  const ids = tensor(Int32Array.of(2, 0, 1), { shape: [3] });
  const y = pick({ ids, x }, { first: 1, unused: 0 });
  assert.deepEqual(y.shape, [3, 1]);
  assertClose(await y.data(), [40, 20, 30], 0);
});

forEachDevice("a custom operation against finite differences", async () => {
  const f = (x: Tensor) => cube({ x }, { shift: 0 });
  await checkGradients(f, [{ values: [0.3, -1, 2], shape: [3] }]);
});

forEachDevice("two custom operations may have one name", async () => {
  const constant = (value: number) =>
    customOp({
      name: "constant",
      inputs: { x: "f32" },
      wgsl: wgslOf(`${value}.0 + 0.0 * x[i]`),
      cpu: {
        chunks: () => 1,
        emit: (k) => k.f.storeF32(k.pointer("output"), V128.of(value).lane(0)),
      },
    });
  const x = tensor([0]);
  assert.equal(await constant(1)({ x }).item(), 1);
  assert.equal(await constant(2)({ x }).item(), 2);
});

forEachDevice("a custom operation names what is missing", async (device) => {
  const x = tensor([1, 2]);
  const other = device.kind === "cpu"
    ? customOp({ name: "lonely", inputs: { x: "f32" }, wgsl: wgslOf("1.0") })
    : customOp({ name: "lonely", inputs: { x: "f32" }, cpu: pickKernel });
  assert.throws(() => other({ x }), /lonely.*has no (CPU|WebGPU) kernel.*device '(webgpu|cpu)'/);
  assert.throws(
    () =>
      valueAndGrad(() => sum(pick({ x, ids: tensor(Int32Array.of(0)) }, { first: 0, unused: 0 })), [
        x,
      ]),
    /pick: its derivative is needed/,
  );
  assert.throws(() => cube({ x }), /cube: expected the scalars shift; got none/);
  assert.throws(() => cube({ x: tensor(Int32Array.of(1)) }, { shift: 0 }), /cube: x: expected f32/);
  const wrong = { x, y: x } as { x: Tensor };
  assert.throws(() => cube(wrong, { shift: 0 }), /expected the inputs x; got x, y/);
  const broken = customOp({
    name: "broken",
    inputs: { x: "f32" },
    wgsl: wgslOf("x[i]"),
    cpu: { chunks: () => 0, emit() {} },
    backward: () => ({ x: tensor([1, 2, 3]) }),
  });
  assert.throws(() => valueAndGrad(() => sum(broken({ x })), [x]), /gradient of shape \[2\] for x/);
  if (device.kind === "cpu") return;
  const mistyped = customOp({
    name: "mistyped",
    inputs: { x: "f32" },
    wgsl: wgslOf("outptu[i]"),
  });
  await assert.rejects(() => mistyped({ x }).data(), /mistyped[^]*outptu/);
  // The invalid pipeline is reported once more when it is set.
  await assert.rejects(() => mistyped({ x }).data(), /mistyped/);
});

Deno.test("invalid WebAssembly is named, and the device stays usable", async () => {
  for (const name of ["cpu-1", "cpu-2"] as const) {
    const device = await sharedDevice(name);
    const step = customOp({
      name: "step",
      inputs: { x: "f32" },
      cpu: {
        chunks: () => 1,
        emit(k) {
          const { x, output } = k.pointers("x", "output");
          const isPositive = x.at(0).loadF32().gt(0); // an i32
          k.f.storeF32(output.at(0), isPositive as unknown as F32);
        },
      },
    });
    const x = tensor([1], { device });
    const message = /step.*no valid WebAssembly.*expected type f32, found f32\.gt of type i32/;
    for (let i = 0; i < 2; i++) assert.throws(() => step({ x }), message);
    const long = tensor(new Float32Array(1e5).fill(2), { device });
    const fresh = customOp({ name: "square", inputs: { x: "f32" }, cpu: squareKernel });
    assert.equal((await fresh({ x: long }).data()).at(-1), 4);
  }
});

Deno.test("JavaScript's operators on expressions are refused, not computed as NaN", async () => {
  const device = await sharedDevice("cpu-1");
  type Emit = (x: I32, output: I32, f: FunctionBuilder) => void;
  const wrong: Emit[] = [
    (x, output, f) => f.storeF32(output.at(0), x.at(0).loadF32() as unknown as number * 2),
    (x, output) => (output as unknown as I32[])[0 + (x as unknown as number)] = x,
  ];
  for (const emit of wrong) {
    const operation = customOp({
      name: "wrong",
      inputs: { x: "f32" },
      cpu: { chunks: () => 1, emit: (k) => emit(k.pointer("x"), k.pointer("output"), k.f) },
    });
    assert.throws(
      () => operation({ x: tensor([1], { device }) }),
      /no value while the kernel is b/,
    );
  }
});

Deno.test("customOp refuses an impossible definition", () => {
  const inputs = { x: "f32" } as const;
  assert.throws(() => customOp({ name: "none", inputs }), /give 'wgsl' or 'cpu'/);
  assert.throws(() => customOp({ name: "none", inputs: {}, wgsl: "…" }), /at least one input/);
  for (const word of ["output", "s", "main", "each_thread"]) {
    const inputs = { [word]: "f32" as const };
    assert.throws(() => customOp({ name: "none", inputs, wgsl: "…" }), new RegExp(`'${word}'`));
  }
  const scalars = { count: "u32" } as const;
  assert.throws(() => customOp({ name: "none", inputs, scalars, wgsl: "…" }), /'count'/);
});
