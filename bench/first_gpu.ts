/**
 * Everything that a first look at a GPU should tell, in at most eight minutes: what the adapter is,
 * whether results are right, how much of its limits the kernels reach, training steps, tokens.
 *
 *     deno run -A bench/first_gpu.ts --out runs/first_gpu
 *
 * Each section is guarded, and results are written as they come, so that a crash or a time limit
 * loses one section at most. The kernels' choice is not tuned: run `deno task tune` before, and
 * once more, to see what it gives.
 *
 * @module
 */
import { integer, text, toggle } from "../lib/cli/flags.ts";
import { print } from "../lib/cli/output.ts";
import { runScript } from "../lib/cli/run.ts";
import { useDevice } from "../lib/device/current_device.ts";
import type { WebGpuDevice } from "../lib/device/webgpu/webgpu_device.ts";
import { openDevice } from "../lib/ops/open_device.ts";
import { compareLosses, describeAdapter, runTests } from "./first_gpu/correctness.ts";
import {
  measureAttention,
  measureLimits,
  measureMemory,
  measureProducts,
  measureRows,
  measureSampling,
} from "./first_gpu/kernels.ts";
import { measureGeneration, measureSteps } from "./first_gpu/models.ts";
import { Sections } from "./first_gpu/sections.ts";
import type { Roofline } from "./roofline.ts";

const command = {
  name: "deno run -A bench/first_gpu.ts",
  summary: "Measures correctness and speed on a GPU that Folio has not met: results.jsonl, lines.",
  flags: {
    out: text("runs/first_gpu", "folder of results.jsonl", { placeholder: "DIR" }),
    seconds: integer(420, "the time for all of it", { min: 1 }),
    quick: toggle(false, "tiny sizes, to see that everything runs"),
    tests: toggle(true, "run the tests that use WebGPU, two minutes at most"),
  },
};

await runScript(command, async ({ flags }) => {
  await Deno.mkdir(flags.out, { recursive: true });
  const sections = new Sections(`${flags.out}/results.jsonl`, flags.seconds, flags.quick);
  const device = await openDevice({ device: "webgpu" }) as WebGpuDevice;
  print(`device   ${device.description}`);
  await measure(sections, device, flags.tests);
  print(`\n${flags.out}/results.jsonl: ${sections.results.length} results`);
  for (const line of sections.incomplete) print(`not done: ${line}`);
  device.close();
});

async function measure(sections: Sections, device: WebGpuDevice, tests: boolean): Promise<void> {
  let limits: Roofline | undefined;
  const section = (name: string, needs: number, body: () => Promise<void>) =>
    sections.run(name, sections.size(needs, 0), () => (useDevice(device), body()));
  await section("adapter", 0, () => Promise.resolve(describeAdapter(sections, device)));
  await section("limits", 10, async () => void (limits = await measureLimits(sections, device)));
  await section("losses", 30, () => compareLosses(sections, device));
  for (const [name, needs] of [["baby", 20], ["small", 30], ["GPT-2 124M", 60]] as const) {
    await section(`training and generation: ${name}`, needs, async () => {
      const model = await measureSteps(sections, device, name);
      await measureGeneration(sections, name, model, limits);
    });
  }
  await section("products", 40, () => measureProducts(sections, device, limits));
  await section("few rows", 20, () => measureRows(sections, device));
  await section("attention", 20, () => measureAttention(sections, device));
  await section("memory", 20, () => measureMemory(sections, device));
  await section("sampling", 10, () => measureSampling(sections, device));
  if (tests) await section("tests", 60, () => runTests(sections, Math.min(120, sections.left)));
}
