/**
 * Tuning: what is measured is right and checked, the choice follows the times, and what is kept is
 * found again or does no harm.
 *
 * @module
 */
import assert from "node:assert/strict";
import { addressOf, forgetTuning, keepTuning, readTuning } from "../lib/device/webgpu/tuning.ts";
import type { WebGpuDevice } from "../lib/device/webgpu/webgpu_device.ts";
import {
  chooseGroups,
  chooseKernels,
  gemmKernelsOf,
  layerProducts,
  measureGroups,
  type ProductTiming,
  tuneProducts,
} from "../lib/ops/tune_products.ts";
import { VERSION } from "../lib/version.ts";
import deno from "../deno.json" with { type: "json" };
import { command, finished, run, scratchFolder } from "./support/command.ts";
import { forEachDevice } from "./support/devices.ts";

const BEFORE = { small: "tiled", large: "tiled", gemv: "workgroup" } as const;

Deno.test("tuning: the kernel with the least time over all products, each counting the same", () => {
  const [short, long] = [{ m: 64, n: 64, k: 8 }, { m: 64, n: 64, k: 800 }];
  const timing = (product: typeof short, kernel: string, milliseconds: number): ProductTiming => ({
    product,
    kernel,
    milliseconds,
    field: "small",
  });
  const timings = [
    timing(short, "direct", 1),
    timing(short, "tiled", 3),
    timing(short, "large", Infinity), // a wrong result
    timing(long, "direct", 120),
    timing(long, "tiled", 100),
    timing(long, "large", Infinity),
  ];
  assert.deepEqual(chooseKernels(timings, BEFORE), { ...BEFORE, small: "direct" });
  assert.deepEqual(chooseKernels([], BEFORE), BEFORE);
  const wrong = timings.map((each) => ({ ...each, milliseconds: Infinity }));
  assert.deepEqual(chooseKernels(wrong, BEFORE), BEFORE);
  assert.equal(chooseKernels([], { ...BEFORE, groups: 48 }).groups, 48);
});

Deno.test("tuning: an adapter is busy from the workgroups at which the rate no longer grows", () => {
  const timing = (groups: number, milliseconds: number) => ({ groups, milliseconds });
  const timings = [timing(16, 2), timing(32, 2), timing(64, 2.1), timing(128, 4), timing(256, 8)];
  assert.equal(chooseGroups(timings), 64);
  assert.equal(chooseGroups(timings.slice(0, 2)), 32);
});

forEachDevice("tuning: each kernel of each product is timed, and none is wrong", async (device) => {
  if (device.kind === "cpu") {
    await assert.rejects(async () => await tuneProducts(device, []).next(), TypeError);
    return;
  }
  const before = gemmKernelsOf(device);
  const products = layerProducts(32, 16, 8);
  const seen: string[] = [];
  for await (const group of tuneProducts(device, products)) {
    for (const { product, kernel, milliseconds } of group) {
      assert.ok(milliseconds > 0 && milliseconds < Infinity, `${kernel} is wrong`);
      seen.push(`${product.m} ${kernel}`);
    }
  }
  assert.equal(new Set(seen).size, 8); // four kernels of products with 32 rows and with 16
  assert.equal(seen.length, 12);
  assert.equal(gemmKernelsOf(device), before);
  const timings = await measureGroups(device, 1, 1);
  assert.ok(timings.every(({ milliseconds }) => milliseconds > 0 && milliseconds < Infinity));
  assert.equal(gemmKernelsOf(device), before);
});

Deno.test("tuning: what is kept for an adapter is found again, and nonsense is not", async () => {
  const info = { vendor: "test", architecture: "a/b", description: `?#&${crypto.randomUUID()}` };
  // A device's adapter is all that these functions look at.
  const device = { kind: "webgpu", adapter: { info } } as unknown as WebGpuDevice;
  assert.equal(await readTuning(info), undefined);
  const choice = { small: "direct", large: "large", gemv: "subgroup" } as const;
  await keepTuning(device, choice);
  assert.deepEqual(await readTuning(info), choice);
  await keepTuning(device, { ...choice, groups: 264 });
  assert.deepEqual(await readTuning(info), { ...choice, groups: 264 });
  assert.equal(await readTuning({ ...info, vendor: "other" }), undefined);
  const cache = await caches.open("folio-tuning");
  const wrong = ['"large":"x","gemv":"subgroup"', '"large":"large","gemv":"subgroup","groups":-1']
    .map((rest) => `{"small":"direct",${rest}}`);
  for (const entry of ["", "{", "null", "[]", ...wrong]) {
    await cache.put(addressOf(info), new Response(entry));
    assert.equal(await readTuning(info), undefined, entry);
  }
  assert.equal(await forgetTuning(device), true);
  assert.equal(await forgetTuning(device), false);
});

Deno.test("the version is that of deno.json", () => assert.equal(VERSION, deno.version));

Deno.test("tune: without an adapter one line and exit code 2, and so for a mistyped flag", async () => {
  await using folder = await scratchFolder();
  const env = { DENO_WEBGPU_BACKEND: Deno.build.os === "darwin" ? "dx12" : "metal" };
  const none = await finished(command("tune", [], folder.path, env));
  assert.equal(none.code, 2, none.err);
  assert.match(none.err, /^error: device 'webgpu': no adapter was found.*\n$/);
  const typo = await run("tune", ["--forgot"], folder.path);
  assert.equal(typo.code, 2);
  assert.match(typo.err, /--forget/);
});
