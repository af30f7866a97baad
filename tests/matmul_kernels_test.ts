/**
 * The kernels between which a GPU has a choice, each against float64 on the adapter that is here,
 * and the choice itself.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Device } from "../lib/device/device.ts";
import { type GemmKernels, TILE_KERNELS } from "../lib/device/webgpu/gemm_choice.ts";
import type { WebGpuDevice } from "../lib/device/webgpu/webgpu_device.ts";
import { adapterClass } from "../lib/device/webgpu/adapter_class.ts";
import { gemm } from "../lib/ops/gemm.ts";
import { tensor } from "../lib/tensor/tensor.ts";
import { forEachDevice } from "./support/devices.ts";
import { checkEpilogue } from "./support/matmul_epilogue_check.ts";
import { assertProduct, floats, FORMS, reference } from "./support/matmul_reference.ts";

/**
 * Runs `body` as if the device were a GPU that takes these kernels, which an adapter made of
 * software does not choose by itself.
 */
async function withKernels(device: Device, gemmKernels: GemmKernels, body: () => Promise<void>) {
  const { gemmKernels: before, traits } = device as WebGpuDevice;
  Object.assign(device, { gemmKernels, traits: { ...traits, manyCores: true } });
  try {
    await body();
  } finally {
    Object.assign(device, { gemmKernels: before, traits });
  }
}

/**
 * Between them these read each operand in both ways; more forms would be more pipelines, which
 * llvmpipe takes seconds to build.
 */
const BOTH = FORMS.filter(({ transposeA, transposeB }) => transposeA === transposeB);

/** Sizes that kernels read by fours in both forms, in none, and in one of the two. */
const WHOLE = [[64, 64, 16], [132, 68, 20]];
const ODD = [[65, 63, 33], [5, 200, 17]];
const EITHER = [[5, 200, 20], [131, 68, 20], [132, 67, 20]];

for (const kernel of TILE_KERNELS) {
  forEachDevice(`matmul: the kernel '${kernel}'`, async (device) => {
    if (device.kind === "cpu") return;
    const choice = { small: kernel, large: kernel, gemv: "workgroup" } as const;
    await withKernels(device, choice, async () => {
      for (const form of BOTH) {
        for (const [m, n, k] of [...WHOLE, ...ODD, ...EITHER]) {
          const a = floats(m * k, 1), b = floats(k * n, 2), residual = floats(m * n, 3);
          const options = { ...form, activation: "relu", residual: tensor(residual) } as const;
          const c = gemm(tensor(a), tensor(b), { m, n, k }, [m, n], options);
          const expected = reference(a, b, m, n, k, form)
            .map((sum, i) => Math.max(0, sum) + residual[i]);
          assertProduct(await c.data(), expected, k, `${form.name} ${m},${n},${k}`);
        }
        await checkBatch(form.transposeA, form.transposeB);
      }
    });
  });
}

forEachDevice("matmul: a long k cut into parts", async (device) => {
  if (device.kind === "cpu") return;
  await withKernels(device, { small: "tiled", large: "tiled", gemv: "workgroup" }, async () => {
    const [m, n, k] = [70, 40, 1024];
    const a = floats(m * k, 1), b = floats(k * n, 2), form = { transposeA: true };
    const c = gemm(tensor(a), tensor(b), { m, n, k }, [m, n], form);
    const expected = reference(a, b, m, n, k, { transposeA: true, transposeB: false });
    assertProduct(await c.data(), expected, k, "parts");
  });
});

async function checkBatch(transposeA: boolean, transposeB: boolean) {
  const [batch, m, n, k] = [3, 12, 20, 8];
  const a = floats(batch * m * k, 3), b = floats(batch * k * n, 4);
  const strides = { batch, strideA: m * k, strideB: k * n };
  const options = { transposeA, transposeB, activation: "relu", ...strides } as const;
  const residual = tensor(new Float32Array(batch * m * n));
  const sizes = { m, n, k };
  const c = await gemm(tensor(a), tensor(b), sizes, [batch, m, n], { ...options, residual })
    .data();
  for (let i = 0; i < batch; i++) {
    const [ai, bi] = [a.subarray(i * m * k), b.subarray(i * k * n)];
    const expected = reference(ai, bi, m, n, k, options).map((sum) => Math.max(0, sum));
    assertProduct(c.subarray(i * m * n, (i + 1) * m * n), expected, k, `batch ${i}`);
  }
}

forEachDevice("matmul: few rows, by workgroup memory and in subgroups", async (device) => {
  if (device.kind === "cpu") return;
  assert.ok((device as WebGpuDevice).hasSubgroups, "Deno grants subgroups to llvmpipe");
  for (const gemv of ["workgroup", "subgroup"] as const) {
    await withKernels(device, { small: "tiled", large: "tiled", gemv }, async () => {
      for (const form of FORMS.filter(({ transposeA }) => !transposeA)) {
        // Columns that are read four at a time, by one place and by more than a workgroup's; sizes
        // for which numbers are read one at a time.
        for (const [m, n, k] of [[1, 72, 300], [2, 4, 4], [4, 36, 516], [3, 33, 7]]) {
          await checkEpilogue(form, m, n, k, "gelu_tanh");
        }
      }
    });
  }
});

Deno.test("adapters are classified by vendor, and by subgroups if the vendor is hidden", () => {
  const cases = [
    ["65541", "llvmpipe (LLVM 15.0.6, 256 bits)", "software"],
    ["4318", "NVIDIA GeForce RTX 4090", "wide"],
    ["nvidia", "", "wide"],
    ["4098", "AMD Radeon RX 7900 XTX (RADV NAVI31)", "wide"],
    ["4098", "AMD Radeon Graphics (RADV RENOIR)", "wide"],
    ["4098", "Radeon RX Vega 64", "wide"],
    ["32902", "Intel(R) Arc(tm) A770 Graphics (DG2)", "narrow"],
    ["32902", "Intel(R) UHD Graphics 770", "narrow"],
    ["0", "Apple M2", "apple"],
    ["apple", "", "apple"],
    ["qualcomm", "", "narrow"],
    ["", "", "narrow"],
  ];
  for (const [vendor, description, expected] of cases) {
    const found = adapterClass({ vendor, description, architecture: "" });
    assert.equal(found, expected, `${vendor} ${description}`);
  }
  const hidden = { vendor: "", description: "", architecture: "" };
  assert.equal(adapterClass({ ...hidden, isFallbackAdapter: true }), "software");
  assert.equal(adapterClass({ ...hidden, subgroupMinSize: 32 }), "wide");
  assert.equal(adapterClass({ ...hidden, subgroupMinSize: 8 }), "narrow");
});
