/**
 * What the adapter is, and whether results on it are right.
 *
 * @module
 */
import { openDevice } from "../../lib/ops/open_device.ts";
import { useDevice } from "../../lib/device/current_device.ts";
import type { Device } from "../../lib/device/device.ts";
import type { WebGpuDevice } from "../../lib/device/webgpu/webgpu_device.ts";
import { prepareStep, type StepSizes } from "../training_step.ts";
import type { Sections } from "./sections.ts";

const LIMITS = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxStorageBuffersPerShaderStage",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
] as const;

/** Names, features and limits of the adapter. */
export function describeAdapter(sections: Sections, { gpu, adapter, ...rest }: WebGpuDevice): void {
  const { vendor, architecture, description, subgroupMinSize, subgroupMaxSize } = adapter.info;
  const kernels = JSON.stringify(rest.gemmKernels);
  sections.add("adapter", { vendor, architecture, description, kernels });
  sections.add("subgroups", { least: subgroupMinSize, most: subgroupMaxSize });
  sections.add("features", { granted: [...gpu.features].join(" ") });
  for (const limit of LIMITS) sections.add(limit, { limit: gpu.limits[limit] });
}

/** Tests that compare kernels, published models and training with references. */
const TESTS = [
  ...["matmul", "matmul_kernels", "attention", "attention_dropout", "attention_decode", "norm"],
  ...["softmax", "cross_entropy", "embedding", "reduce", "sample_token", "top_k", "half_precision"],
  ...["quantized_linear", "unary", "optimizer", "trainer", "generator", "families"],
  "pretrained_parity",
];

/** Runs those tests that use WebGPU, in a process of their own, for at most `seconds`. */
export async function runTests(sections: Sections, seconds: number): Promise<void> {
  const names = sections.size(TESTS, ["sample_token"]);
  const root = new URL("../../", import.meta.url);
  const files = names.map((name) => `tests/${name}_test.ts`);
  const child = new Deno.Command(Deno.execPath(), {
    args: ["test", "-A", "--no-check", "--parallel", "--filter", "webgpu", ...files],
    cwd: root,
    env: { NO_COLOR: "1", DENO_JOBS: "4" },
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const timer = setTimeout(() => child.kill(), 1e3 * seconds);
  const output = await child.output();
  clearTimeout(timer);
  const text = new TextDecoder().decode(output.stdout);
  const failed = [...new Set(text.match(/^.* FAILED.*$/gm) ?? [])].slice(0, 20);
  const summary = /\d+ passed[^\n]*/.exec(text)?.[0] ?? `cut off after ${seconds} s`;
  sections.add("tests", { files: files.length, summary, failed });
}

const BABY: StepSizes = { layers: 4, heads: 4, width: 128, context: 64, batch: 12 };
const TINY: StepSizes = { layers: 1, heads: 2, width: 32, context: 16, batch: 2 };

/** The same steps on the CPU and on the GPU: their losses must agree. */
export async function compareLosses(sections: Sections, gpu: Device): Promise<void> {
  const curves: number[][] = [];
  const cpu = await openDevice({ device: "cpu" });
  for (const device of [cpu, gpu]) {
    useDevice(device);
    const { trainer, run } = await prepareStep(sections.size(BABY, TINY));
    for (let step = 1; step < sections.size(50, 5); step++) run();
    curves.push((await trainer.figures()).map(({ loss }) => loss));
  }
  cpu.close();
  const worst = Math.max(...curves[0].map((loss, i) => Math.abs(loss - curves[1][i])));
  sections.add("losses of a repeated batch", {
    cpu: curves[0].at(-1),
    gpu: curves[1].at(-1),
    "largest difference": worst,
  });
}
