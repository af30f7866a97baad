/**
 * How a device computes a matrix product: GEMV, tiles, BLAS, half precision and split-K, by sizes
 * and traits alone.
 *
 * @module
 */
import assert from "node:assert/strict";
import { chooseCpuGemm } from "../lib/device/cpu/gemm_choice.ts";
import type { GemmRequest } from "../lib/device/gemm.ts";
import { rowsOfChunk, rowsOfPart, rowsOfStreams } from "../lib/device/kernel_chunks.ts";
import { GEMM_KERNELS } from "../lib/device/webgpu/adapter_class.ts";
import { chooseWebGpuGemm, type GemmAdapter } from "../lib/device/webgpu/gemm_choice.ts";

const request = (
  m: number,
  n: number,
  k: number,
  form: Partial<GemmRequest> = {},
): GemmRequest => ({
  m,
  n,
  k,
  batch: 1,
  transposeA: false,
  transposeB: false,
  hasEpilogue: false,
  mayRound: false,
  ...form,
});

const wide: GemmAdapter = {
  gemmKernels: GEMM_KERNELS.wide,
  precision: "f32",
  hasSubgroups: true,
  traits: { manyCores: true },
};
const software: GemmAdapter = {
  ...wide,
  gemmKernels: GEMM_KERNELS.software,
  traits: { manyCores: false },
};

Deno.test("the CPU: GEMV for few rows, split-K if B is [k,n], otherwise tiles or BLAS", () => {
  const kernel = (m: number, form?: Partial<GemmRequest>, hasBlas = false) => {
    const { form: how, kernel, splitK } = chooseCpuGemm(request(m, 4096, 1024, form), {
      hasBlas,
      isWide: false,
    });
    return [how, kernel, splitK];
  };
  assert.deepEqual(kernel(1), ["gemv", "scalar", 16]);
  assert.deepEqual(kernel(4, { transposeB: true }), ["gemv", "scalar", 1]);
  assert.deepEqual(kernel(3), ["tiles", "tiled", 1]);
  assert.deepEqual(kernel(1, { batch: 2 }), ["tiles", "tiled", 1]);
  assert.deepEqual(kernel(1, { transposeA: true }), ["tiles", "tiled", 1]);
  assert.deepEqual(kernel(3, {}, true), ["tiles", "blas", 1]);
});

Deno.test("a GPU: few rows by vectorized loads if sizes allow, in subgroups if it has them", () => {
  const kernel = (adapter: GemmAdapter, n: number, transposeB: boolean) => {
    const plan = chooseWebGpuGemm(adapter, request(2, n, 128, { transposeB }));
    assert.ok(plan.form === "gemv");
    return plan.kernel === "scalar" ? `scalar ${plan.slices}` : plan.kernel;
  };
  assert.equal(kernel(wide, 65, true), "subgroup");
  assert.equal(kernel(wide, 512, false), "subgroup");
  assert.equal(kernel({ ...wide, hasSubgroups: false }, 512, true), "workgroup");
  assert.equal(kernel(wide, 65, false), "scalar 8");
  assert.equal(kernel(software, 512, true), "scalar 1");
  const odd = chooseWebGpuGemm(wide, request(1, 512, 127, { transposeB: true }));
  assert.ok(odd.form === "gemv" && odd.kernel === "scalar" && odd.slices === 32);
});

Deno.test("a GPU: large results, aligned sizes and half precision decide the tiles", () => {
  const kernel = (adapter: GemmAdapter, asked: GemmRequest) => {
    const plan = chooseWebGpuGemm(adapter, asked);
    assert.ok(plan.form === "tiles");
    return plan.rounds ? `${plan.kernel}, rounded` : plan.kernel;
  };
  assert.equal(kernel(wide, request(768, 128, 512)), "tiled");
  assert.equal(kernel(wide, request(4096, 1024, 64)), "large");
  assert.equal(kernel(software, request(768, 128, 512)), "direct");
  assert.equal(kernel(software, request(768, 128, 510)), "tiled");
  assert.equal(kernel(software, request(768, 126, 512)), "tiled");
  assert.equal(kernel(software, request(768, 126, 512, { transposeB: true })), "direct");
  assert.equal(kernel(software, request(766, 128, 512, { transposeA: true })), "tiled");
  const half: GemmAdapter = { ...wide, precision: "f16" };
  assert.equal(kernel(half, request(768, 128, 512)), "tiled");
  assert.equal(kernel(half, request(768, 128, 512, { mayRound: true })), "tiled_half, rounded");
  assert.equal(kernel(half, request(4096, 1024, 64, { mayRound: true })), "large_half, rounded");
});

Deno.test("a GPU: a small result with a long k is split along k, until the GPU is busy", () => {
  const splitK = (adapter: GemmAdapter, asked: GemmRequest) =>
    chooseWebGpuGemm(adapter, { ...asked, transposeA: true }).splitK;
  assert.equal(splitK(wide, request(128, 512, 768)), 4);
  assert.equal(splitK(wide, request(64, 64, 65536)), 128);
  assert.equal(splitK(wide, request(64, 64, 250)), 1); // parts would have fewer than 128
  assert.equal(splitK(wide, request(128, 512, 768, { hasEpilogue: true })), 1);
  assert.equal(splitK(wide, request(128, 512, 768, { transposeB: true })), 1);
  assert.equal(splitK(wide, request(128, 512, 768, { batch: 2 })), 1);
  assert.equal(splitK(software, request(128, 512, 768)), 1);
});

Deno.test("a GPU: the workgroups that keep it busy decide what is large and what is split", () => {
  const plan = (groups: number, asked: GemmRequest) =>
    chooseWebGpuGemm({ ...wide, gemmKernels: { ...GEMM_KERNELS.wide, groups } }, asked);
  const result = request(1024, 1024, 64); // 64 tiles of 128 × 128
  assert.deepEqual([64, 128, 264].map((groups) => plan(groups, result).kernel), [
    "large",
    "large",
    "tiled",
  ]);
  const gradient = request(768, 768, 8192, { transposeA: true }); // 144 tiles of 64 × 64
  assert.deepEqual([128, 264].map((groups) => plan(groups, gradient).splitK), [1, 2]);
});

Deno.test("parts of k and the rows of a part agree, so that no part is empty", () => {
  for (let k = 1; k < 3000; k += 7) {
    for (const n of [64, 300, 4096]) {
      const rows = rowsOfChunk(k, n), parts = Math.ceil(k / rows);
      assert.equal(rowsOfPart(k, parts), rows, `${k} ${n}`);
    }
  }
});

Deno.test("chunks of weights in few bits read half a megabyte, or there are two", () => {
  const chunks = (rows: number, rowBytes: number) =>
    Math.ceil(rows / rowsOfStreams(rows, rowBytes));
  assert.equal(chunks(128, 512), 1);
  assert.equal(chunks(768, 816), 2);
  assert.equal(chunks(768, 3264), 4);
  assert.equal(chunks(50257, 816), 16);
});
