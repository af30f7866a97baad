/**
 * Rates of the kernels beside the adapter's limits, which are measured in the same run.
 *
 * @module
 */
import type { WebGpuDevice } from "../../lib/device/webgpu/webgpu_device.ts";
import { TILE_KERNELS } from "../../lib/device/webgpu/gemm_choice.ts";
import { selfAttention } from "../../lib/ops/attention.ts";
import { add } from "../../lib/ops/binary.ts";
import { crossEntropy } from "../../lib/ops/cross_entropy.ts";
import { gemm } from "../../lib/ops/gemm.ts";
import { layerNorm } from "../../lib/ops/layer_norm.ts";
import { sum } from "../../lib/ops/reduce.ts";
import { sampleToken } from "../../lib/ops/sample_token.ts";
import { transpose } from "../../lib/ops/transpose.ts";
import { gelu } from "../../lib/ops/activation.ts";
import { valueAndGrad } from "../../lib/tensor/autograd.ts";
import { compile } from "../../lib/tensor/compile.ts";
import { ones, type Tensor, tensor, zeros } from "../../lib/tensor/tensor.ts";
import { bestSeconds } from "../best_seconds.ts";
import { measureRoofline, type Roofline } from "../roofline.ts";
import type { Sections } from "./sections.ts";

/** Seconds of a call of `f`, compiled. */
async function secondsOf(sections: Sections, device: WebGpuDevice, f: () => Tensor) {
  const program = compile(f);
  const seconds = await bestSeconds(device, () => program(), sections.size(0.1, 0));
  program.dispose();
  return seconds;
}

/** The adapter's limits: arithmetic in registers, memory. */
export async function measureLimits(sections: Sections, device: WebGpuDevice): Promise<Roofline> {
  const limits = await measureRoofline(device);
  sections.add("limits", { "TFLOP/s": limits.operations / 1e12, "GB/s": limits.bytes / 1e9 });
  return limits;
}

const FORMS = { NN: {}, NT: { transposeB: true }, TN: { transposeA: true } };

/** Products by each kernel; the best share of the peak. */
export async function measureProducts(
  sections: Sections,
  device: WebGpuDevice,
  limits: Roofline | undefined,
): Promise<void> {
  const sizes = sections.size(
    [[512, 512, 512], [1024, 1024, 1024], [2048, 2048, 2048], [4096, 4096, 4096], [
      8192,
      2304,
      768,
    ], [768, 3072, 8192]],
    [[64, 64, 64]],
  );
  const before = device.gemmKernels;
  let best = 0;
  for (const [m, n, k] of sizes) {
    const [a, b] = [zeros([m * k]), zeros([k * n])];
    for (const [form, options] of Object.entries(FORMS)) {
      const rates: Record<string, number> = {};
      for (const kernel of TILE_KERNELS) {
        device.gemmKernels = { ...before, small: kernel, large: kernel };
        const product = () => gemm(a, b, { m, n, k }, [m, n], options);
        rates[kernel] = 2e-12 * m * n * k / await secondsOf(sections, device, product);
        best = Math.max(best, rates[kernel]);
      }
      sections.add(`${m} × ${k} · ${k} × ${n} ${form}, TFLOP/s`, rates);
    }
    for (const each of [a, b]) each.dispose();
  }
  device.gemmKernels = before;
  const share = limits ? 1e12 * best / limits.operations : NaN;
  sections.add("best product", { "TFLOP/s": best, "share of peak": share });
}

/** Products of a few rows, as in generation: the rate at which weights are read. */
export async function measureRows(sections: Sections, device: WebGpuDevice): Promise<void> {
  const sizes = sections.size([[768, 2304], [3072, 768], [768, 50257], [4096, 14336]], [[64, 64]]);
  const before = device.gemmKernels;
  for (const [k, n] of sizes) {
    for (const m of [1, 4]) {
      const [a, b] = [zeros([m * k]), zeros([k * n])];
      for (const form of ["NN", "NT"] as const) {
        const rates: Record<string, number> = {};
        for (const gemv of ["workgroup", "subgroup"] as const) {
          device.gemmKernels = { ...before, gemv };
          const product = () => gemm(a, b, { m, n, k }, [m, n], FORMS[form]);
          rates[gemv] = 4e-9 * k * n / await secondsOf(sections, device, product);
        }
        sections.add(`${m} row(s), ${k} × ${n} ${form}, GB/s`, rates);
      }
      for (const each of [a, b]) each.dispose();
    }
  }
  device.gemmKernels = before;
}

/** Attention forward, and forward with backward; causal, so half of the products count. */
export async function measureAttention(sections: Sections, device: WebGpuDevice): Promise<void> {
  const sizes = sections.size(
    [[8, 12, 1024, 64], [2, 16, 4096, 64], [2, 8, 2048, 128], [12, 4, 64, 32]],
    [[1, 2, 64, 32]],
  );
  for (const [batch, heads, length, headSize] of sizes) {
    const qkv = zeros([batch, length, 3 * heads * headSize]);
    const operations = 2 * batch * heads * length * length * headSize;
    const forward = await secondsOf(
      sections,
      device,
      () => selfAttention(qkv, { heads, causal: true }),
    );
    const both = await secondsOf(
      sections,
      device,
      () =>
        valueAndGrad(() => sum(selfAttention(qkv, { heads, causal: true })), [qkv]).gradients[0],
    );
    sections.add(`attention ${[batch, heads, length, headSize].join(" × ")}`, {
      "forward ms": 1e3 * forward,
      "both ms": 1e3 * both,
      "forward TFLOP/s": 1e-12 * operations / forward,
      "both TFLOP/s": 3.5e-12 * operations / both,
    });
    qkv.dispose();
  }
}

/** Kernels that memory limits: bytes that must move, per second. */
export async function measureMemory(sections: Sections, device: WebGpuDevice): Promise<void> {
  const [rows, width] = sections.size([8192, 768], [64, 64]);
  const [positions, vocabulary] = sections.size([1024, 50257], [4, 100]);
  const [x, gain, bias] = [zeros([rows, width]), ones([width]), zeros([width])];
  const logits = zeros([positions, vocabulary]);
  const targets = tensor(new Int32Array(positions));
  const kernels: [string, number, () => Tensor][] = [
    ["add", 12 * x.size, () => add(x, x)],
    ["gelu", 8 * x.size, () => gelu(x)],
    ["layer norm", 8 * x.size, () => layerNorm(x, gain, bias)],
    ["sum", 4 * x.size, () => sum(x)],
    ["transpose", 8 * x.size, () => transpose(x)],
    [
      "cross-entropy, both",
      16 * logits.size,
      () => valueAndGrad(() => crossEntropy(logits, targets), [logits]).gradients[0],
    ],
  ];
  for (const [name, bytes, f] of kernels) {
    sections.add(name, { "GB/s": 1e-9 * bytes / await secondsOf(sections, device, f) });
  }
  for (const each of [x, gain, bias, logits, targets]) each.dispose();
}

/** Drawing a token from vocabularies of GPT-2 and Qwen. */
export async function measureSampling(sections: Sections, device: WebGpuDevice): Promise<void> {
  for (const vocabulary of sections.size([50257, 151936], [100])) {
    const values = Float32Array.from({ length: vocabulary }, (_, i) => 3 * Math.sin(i * i));
    const logits = tensor(values, { shape: [1, vocabulary] });
    const state = tensor(new Int32Array(2));
    const times: Record<string, number> = {};
    for (const filters of [[0, 0, 1], [0.8, 0, 1], [0.8, 40, 1], [0.8, 40, 0.95]]) {
      const settings = tensor(filters);
      const draw = () => sampleToken(logits, settings, state);
      times[filters.join("/")] = 1e6 * await secondsOf(sections, device, draw);
    }
    sections.add(`a token of ${vocabulary}, µs`, times);
    logits.dispose();
  }
}
