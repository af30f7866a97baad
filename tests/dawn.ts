/**
 * Chromium's view of WebGPU without a GPU: every kernel, in the builds that the operations use,
 * goes through Tint, and every launch through Dawn's checks, with WebGPU's default limits.
 *
 * dawn_test.ts runs this file in a process of its own.
 *
 * @module
 */
import assert from "node:assert/strict";
import { loadSources } from "../kernels/webgpu/wgsl.ts";
import { useDevice } from "../lib/device/current_device.ts";
import type { Kernel } from "../lib/device/kernel.ts";
import { WebGpuDevice } from "../lib/device/webgpu/webgpu_device.ts";
import { UserError } from "../lib/errors.ts";
import { exp } from "../lib/ops/unary.ts";
import { launch } from "../lib/tensor/launch.ts";
import { empty } from "../lib/tensor/tensor.ts";
import { type Build, nullAdapter, recordBuilds } from "./support/dawn.ts";
import { buildKernels } from "./support/kernel_builds.ts";

const found = await nullAdapter();
const REASON = typeof found === "string" ? found : undefined;

/** A test on a device of its own that Dawn validates. */
function dawnTest(name: string, body: (device: WebGpuDevice) => Promise<void> | void): void {
  Deno.test({
    name: REASON ? `${name} (${REASON})` : name,
    ignore: REASON !== undefined,
    fn: async () => {
      await loadSources();
      const device = await WebGpuDevice.open(await nullAdapter() as GPUAdapter);
      useDevice(device);
      await body(device);
      await device.finish();
    },
  });
}

dawnTest(
  "Dawn: every kernel passes Tint in each of its builds, and every launch its checks",
  async (device) => {
    const { limits } = device.gpu;
    assert.equal(limits.maxStorageBuffersPerShaderStage, 8);
    assert.equal(limits.maxStorageBufferBindingSize, 2 ** 27);
    const builds = recordBuilds(device.gpu);
    await buildKernels(device);
    await device.finish(); // rejects with the first error
    assert.deepEqual(await leftOut(builds), []);
  },
);

/** Writes its one input to both results, which must not be the same memory. */
const TWO_RESULTS: Kernel = {
  name: "two_results",
  reads: { x: "f32" },
  writes: { y: "f32", z: "f32" },
  scalars: {},
  webgpu: {
    code: () => "fn each_thread(i: u32) { if (i == 0u) { y[0] = x[0]; z[0] = x[0]; } }",
    threads: () => 1,
  },
};

dawnTest("Dawn: a launch that binds the same memory twice to write is refused", async (device) => {
  const [x, y, z] = [0, 1, 2].map(() => empty([1]));
  launch(TWO_RESULTS, { x, y, z }, {});
  await device.finish();
  launch(TWO_RESULTS, { x, y, z: y }, {});
  await assert.rejects(device.finish(), /aliasing/);
});

dawnTest(
  "Dawn: a tensor over the adapter's limit for a binding is refused in one line",
  (device) => {
    const x = empty([device.gpu.limits.maxStorageBufferBindingSize / 4 + 1]);
    assert.throws(() => exp(x), (error) => {
      assert.ok(error instanceof UserError);
      assert.match(error.message, /^webgpu: unary: expected tensors of at most 134217728 bytes on/);
      return true;
    });
  },
);

/** Sources that no build contains, and options that no build turns on, or off. */
async function leftOut(builds: readonly Build[]): Promise<string[]> {
  const missing: string[] = [];
  const folder = new URL("../kernels/webgpu/", import.meta.url);
  for await (const { name } of Deno.readDir(folder)) {
    if (!name.endsWith(".wgsl")) continue;
    const text = await Deno.readTextFile(new URL(name, folder));
    const parts = text.split(/NAME|BUFFER|PLACE|LIMIT/).map(RegExp.escape);
    const pattern = new RegExp(parts.join("[\\w.]+"));
    const own = builds.filter(({ code }) => pattern.test(code));
    if (own.length === 0) missing.push(name);
    for (const [, option] of text.matchAll(/^override (\w+): u32/gm)) {
      const values = new Set(own.map(({ constants }) => constants[option]));
      const isSwitch = [...values].every((value) => value === 0 || value === 1);
      if (isSwitch && values.size < 2) missing.push(`${name}: ${option} is always ${[...values]}`);
    }
  }
  return missing;
}
