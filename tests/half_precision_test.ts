/**
 * Products of operands in half precision: exact sums of rounded numbers, small gradients that
 * survive, and a check that says why not.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Device } from "../lib/device/device.ts";
import { openDevice } from "../lib/ops/open_device.ts";
import { checkHalfPrecision } from "../lib/ops/check_half_precision.ts";
import type { WebGpuDevice } from "../lib/device/webgpu/webgpu_device.ts";
import { valueAndGrad } from "../lib/tensor/autograd.ts";
import { mul } from "../lib/ops/binary.ts";
import { feedForward } from "../lib/ops/feed_forward.ts";
import { linear } from "../lib/ops/matmul.ts";
import { gemm, gradientScale, type Rounding } from "../lib/ops/gemm.ts";
import { mean } from "../lib/ops/reduce.ts";
import { type Tensor, tensor } from "../lib/tensor/tensor.ts";
import { forEachDevice } from "./support/devices.ts";
import { assertProduct, floats, FORMS, reference } from "./support/matmul_reference.ts";

const hasHalf = (device: Device): device is WebGpuDevice =>
  device.kind === "webgpu" && (device as WebGpuDevice).gpu.features.has("shader-f16");

/** Runs `body` while the device's products are in half precision, by kernels of this size. */
async function inHalf(device: WebGpuDevice, kernel: "tiled" | "large", body: () => Promise<void>) {
  const { gemmKernels } = device;
  Object.assign(device, { precision: "f16", gemmKernels: { ...gemmKernels, small: kernel } });
  try {
    await body();
  } finally {
    Object.assign(device, { precision: "f32", gemmKernels });
  }
}

const rounded = (values: Float32Array, scale: number) =>
  values.map((value) => Math.f16round(value * scale) / scale);

for (const kernel of ["tiled", "large"] as const) {
  forEachDevice(`half precision: '${kernel}' adds rounded operands in float32`, async (device) => {
    if (!hasHalf(device)) return;
    const rounding: Required<Rounding> = { scaleA: 4, scaleB: 1024 };
    await inHalf(device, kernel, async () => {
      for (const form of FORMS.filter(({ transposeA, transposeB }) => transposeA === transposeB)) {
        const [m, n, k] = [70, 33, 300];
        const a = floats(m * k, 1), b = floats(k * n, 2);
        const c = gemm(tensor(a), tensor(b), { m, n, k }, [m, n], { ...form, rounding });
        const expected = reference(rounded(a, 4), rounded(b, 1024), m, n, k, form);
        assertProduct(await c.data(), expected, k, `${kernel} ${form.name}`);
        const full = await gemm(tensor(a), tensor(b), { m, n, k }, [m, n], form).data();
        assertProduct(full, reference(a, b, m, n, k, form), k, "not requested");
      }
    });
  });
}

forEachDevice("half precision: small gradients survive by their scale", async (device) => {
  if (!hasHalf(device)) return;
  const [m, n, k] = [64, 16, 512];
  const a = floats(m * k, 1), b = floats(k * n, 2).map((value) => 1e-7 * value);
  const exact = reference(a, b, m, n, k, { transposeA: true, transposeB: false });
  const error = async (rounding: Rounding) => {
    const options = { transposeA: true, rounding };
    const c = await gemm(tensor(a), tensor(b), { m, n, k }, [m, n], options).data();
    const size = Math.sqrt(exact.reduce((sum, x) => sum + x * x, 0));
    return Math.sqrt(exact.reduce((sum, x, i) => sum + (x - c[i]) ** 2, 0)) / size;
  };
  await inHalf(device, "tiled", async () => {
    assert.ok(await error({ scaleB: gradientScale(2 ** 16) }) < 1e-3);
    assert.ok(await error({}) > 0.05);
  });
});

forEachDevice(
  "half precision: layers and their gradients are near those in float32",
  async (device) => {
    if (!hasHalf(device)) return;
    const make = (shape: number[], seed: number) =>
      tensor(floats(shape.reduce((x, y) => x * y), seed), { shape });
    const x = make([3, 8, 24], 1), head = make([40, 24], 2), up = make([24, 32], 3);
    const down = make([32, 24], 4);
    const results = async () => {
      const loss = () => {
        const hidden = feedForward(x, up, undefined, down, undefined, { activation: "gelu_tanh" });
        const logits = linear(hidden, head, undefined, { transposed: true });
        return mean(mul(logits, logits));
      };
      const { value, gradients } = valueAndGrad(loss, [x, up, down, head]);
      return await Promise.all([value, ...gradients].map((each: Tensor) => each.data()));
    };
    const exact = await results();
    await inHalf(device, "tiled", async () => {
      for (const [i, values] of (await results()).entries()) {
        const largest = Math.max(...exact[i].map(Math.abs));
        const errors = values.map((value, j) => Math.abs(value - exact[i][j]) / largest);
        const worst = Math.max(...errors);
        assert.ok(worst < 5e-3, `result ${i}: ${worst}`);
        assert.ok(worst > 0, `result ${i} was not computed in half precision`);
      }
    });
  },
);

forEachDevice("half precision: an adapter is checked, and trouble is said", async (device) => {
  if (device.kind === "cpu") return;
  const gpu = device as WebGpuDevice;
  if (hasHalf(device)) assert.equal(await checkHalfPrecision(device), undefined);
  const features = new Set<string>();
  const without = { gpu: { features } } as unknown as WebGpuDevice;
  assert.equal(await checkHalfPrecision(without), "the adapter has no shader-f16");
  features.add("shader-f16");
  const broken = Object.create(gpu, {
    gpu: { value: { features } },
    allocate: { value: () => ({ bytes: 0 }) },
    write: { value: () => {} },
    launch: { value: () => {} },
    release: { value: () => {} },
    read: { value: () => Promise.resolve(new ArrayBuffer(4 * 64 * 64)) },
  });
  assert.match(await checkHalfPrecision(broken) ?? "", /off by .* % in the mean/);
});

Deno.test("half precision: the CPU says that it is not for it", async () => {
  const device = await openDevice({ device: "cpu", threads: 1, precision: "f16" });
  assert.match(
    device.description,
    /as requested; products are in f32: half precision is for WebGPU$/,
  );
  device.close();
});
