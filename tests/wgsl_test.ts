/** How a kernel's WGSL is put together: sources that require others, and declarations. */
import assert from "node:assert/strict";
import { sourceJoiner } from "../kernels/webgpu/join_sources.ts";
import { dispatchSize } from "../lib/device/webgpu/dispatch_size.ts";
import { WebGpuDevice } from "../lib/device/webgpu/webgpu_device.ts";
import { wgslModule } from "../lib/device/webgpu/wgsl_module.ts";
import type { Kernel } from "../lib/device/kernel.ts";
import { launch } from "../lib/tensor/launch.ts";
import { empty, tensor } from "../lib/tensor/tensor.ts";
import { forEachDevice } from "./support/devices.ts";

Deno.test("a join has each source once, after those that it requires", () => {
  const join = sourceJoiner({
    top: { text: "TOP", requires: ["left", "right"] },
    left: { text: "LEFT", requires: ["base"] },
    right: { text: "RIGHT", requires: ["base"] },
    base: { text: "BASE" },
    other: { text: "OTHER" },
  });
  assert.equal(join("top"), "BASE\nLEFT\nRIGHT\nTOP");
  assert.equal(join("right", "top"), "BASE\nRIGHT\nLEFT\nTOP");
});

Deno.test("a missing requirement and a circle are errors before anything is joined", () => {
  const missing = { top: { text: "", requires: ["base"] as never[] } };
  assert.throws(() => sourceJoiner(missing), new TypeError("wgsl: no source top → base"));
  const option = { top: { text: "", requires: [["top2", "base"]] as never[] }, top2: { text: "" } };
  assert.throws(() => sourceJoiner(option), new TypeError("wgsl: no source top → base"));
  assert.throws(
    () =>
      sourceJoiner({
        a: { text: "", requires: ["b"] },
        b: { text: "", requires: [["c", "d"]] },
        c: { text: "", requires: ["a"] },
        d: { text: "" },
      }),
    new TypeError("wgsl: a circle of requirements: a → b → c → a"),
  );
});

Deno.test("a join decides each choice exactly once", () => {
  const join = sourceJoiner({
    top: { text: "TOP", requires: ["middle"] },
    middle: { text: "MIDDLE", requires: [["one", "four"]] },
    one: { text: "ONE" },
    four: { text: "FOUR" },
  });
  assert.equal(join("top", "four"), "FOUR\nMIDDLE\nTOP");
  assert.throws(
    () => join("top"),
    new TypeError("wgsl: middle requires one of one, four; got none"),
  );
  assert.throws(
    () => join("top", "one", "four"),
    /middle requires one of one, four; got one, four/,
  );
  assert.throws(() => join("unknown" as "top"), new TypeError("wgsl: no source unknown"));
});

Deno.test("sources.ts imports every WGSL file once", async () => {
  const folder = new URL("../kernels/webgpu/", import.meta.url);
  const text = await Deno.readTextFile(new URL("sources.ts", folder));
  for await (const { name } of Deno.readDir(folder)) {
    if (name.endsWith(".wgsl")) assert.equal(text.split(`"./${name}"`).length, 2, name);
  }
});

const DESCRIPTOR = {
  name: "probe",
  reads: { x: "vec4f", ids: "i32" },
  updates: { y: "f32" },
  writes: { z: "u32" },
  scalars: { count: "u32", rate: "f32" },
} as const satisfies Kernel;

Deno.test("bindings, scalars and the entry point follow from the descriptor", () => {
  const code = () => "fn each_thread(i: u32) {}";
  const kernel: Kernel = { ...DESCRIPTOR, webgpu: { code, threads: () => 1 } };
  const module = wgslModule(kernel, [true, false, true, false]);
  assert.equal(
    module,
    `@group(0) @binding(0) var<storage, read> x: array<vec4f>;
const ids = array<i32, 1>();
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
var<private> z: array<u32, 1>;
struct Scalars { count: u32, rate: f32 }
@group(0) @binding(4) var<uniform> s: Scalars;
fn each_thread(i: u32) {}
@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  each_thread((group.y * groups.x + group.x) * 256u + lane);
}`,
  );
  const workgroups: Kernel = {
    ...DESCRIPTOR,
    webgpu: { code: () => "", workgroups: () => 1, workgroupSize: 64 },
  };
  assert.match(
    wgslModule(workgroups, [true, true, true, true]),
    /@workgroup_size\(64\)[^]*each_workgroup\(group\.y \* groups\.x \+ group\.x, lane\);/,
  );
  const grid: Kernel = {
    ...DESCRIPTOR,
    scalars: {},
    webgpu: { code: () => "CODE", grid: () => [1] },
  };
  assert.doesNotMatch(wgslModule(grid, [true, true, true, true]), /Scalars|main/);
});

Deno.test("a launch is folded into dimensions of at most 65,535 workgroups", () => {
  const code = () => "";
  assert.deepEqual(dispatchSize({ code, threads: () => 257 }, {}, {}), [2, 1, 1]);
  assert.deepEqual(dispatchSize({ code, workgroups: () => 65535 }, {}, {}), [65535, 1, 1]);
  assert.deepEqual(dispatchSize({ code, workgroups: () => 65536 }, {}, {}), [65535, 2, 1]);
  assert.deepEqual(dispatchSize({ code, grid: () => [2, 3, 4] }, {}, {}), [2, 3, 4]);
  assert.throws(() => dispatchSize({ code, grid: () => [65536, 2] }, {}, {}), RangeError);
});

/** Nine buffers, of which only eight can be bound. */
const NINE: Kernel = {
  name: "nine_buffers",
  reads: Object.fromEntries(Array.from("abcdefgh", (name) => [name, "f32"] as const)),
  writes: { y: "f32" },
  scalars: {},
  webgpu: {
    code: () => "fn each_thread(i: u32) { if (i == 0u) { y[0] = a[0]; } }",
    threads: () => 1,
  },
};

forEachDevice("a launch binds 8 buffers at most, which every adapter can", async (device) => {
  if (!(device instanceof WebGpuDevice)) return;
  assert.equal(device.gpu.limits.maxStorageBuffersPerShaderStage, 8);
  const [x, y] = [tensor([3]), empty([1])];
  const seven = Object.fromEntries(Array.from("abcdefg", (name) => [name, x]));
  launch(NINE, { ...seven, y }, {});
  assert.deepEqual([...await y.data()], [3]);
  assert.throws(
    () => launch(NINE, { ...seven, h: x, y }, {}),
    new TypeError("nine_buffers: expected at most 8 buffers on WebGPU, got 9"),
  );
});

/** y = a + b and two sums more, each of which one launch may leave out. */
const SUMS: Kernel = {
  name: "optional_sums",
  reads: { a: "f32", b: "f32" },
  writes: { y: "f32", twice: "f32", thrice: "f32" },
  scalars: { count: "u32" },
  webgpu: {
    code: () => `
override B: u32;
override TWICE: u32;
override THRICE: u32;
fn each_thread(i: u32) {
  if (i >= s.count) { return; }
  var sum = a[i];
  if (B == 1u) { sum += b[i]; }
  y[i] = sum;
  if (TWICE == 1u) { twice[i] = 2.0 * sum; }
  if (THRICE == 1u) { thrice[i] = 3.0 * sum; }
}`,
    threads: ({ count }) => count,
  },
};

forEachDevice("buffers that a launch leaves out are not bound", async (device) => {
  if (device.kind === "cpu") return;
  const [a, b] = [tensor([1, 2]), tensor([10, 20])];
  const [y, twice, thrice] = [0, 1, 2].map(() => empty([2]));
  launch(SUMS, { a, y }, { count: 2 }, { B: 0, TWICE: 0, THRICE: 0 });
  assert.deepEqual([...await y.data()], [1, 2]);
  launch(SUMS, { a, b, y, thrice }, { count: 2 }, { B: 1, TWICE: 0, THRICE: 1 });
  assert.deepEqual([...await y.data(), ...await thrice.data()], [11, 22, 33, 66]);
  launch(SUMS, { a, b, y, twice, thrice }, { count: 2 }, { B: 1, TWICE: 1, THRICE: 1 });
  assert.deepEqual([...await twice.data(), ...await thrice.data()], [22, 44, 33, 66]);
});
