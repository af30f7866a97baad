/**
 * Measures how many workgroups keep this GPU busy and which matmul kernels are the fastest on it,
 * and stores the choice for later runs.
 *
 *     deno task tune
 *
 * @module
 */
import { choice, toggle } from "../lib/cli/flags.ts";
import { print } from "../lib/cli/output.ts";
import { runScript } from "../lib/cli/run.ts";
import {
  chooseGroups,
  chooseKernels,
  forgetTuning,
  gemmKernelsOf,
  keepTuning,
  layerProducts,
  measureGroups,
  type ProductTiming,
  tuneProducts,
} from "../lib/kernel/mod.ts";
import { type Device, openDevice } from "../mod.ts";

const flags = {
  forget: toggle(false, "delete the choice stored for this GPU, and measure nothing"),
  keep: toggle(true, "store the choice; --no-keep only prints it"),
  models: choice("auto", "model sizes to measure: baby (width 128), or all: also GPT-2 124M", {
    choices: ["auto", "baby", "all"],
    shownDefault: "all; baby on a software adapter",
  }),
};

const command = {
  name: "deno task tune",
  summary:
    "Measures how many workgroups keep this GPU busy and which matmul kernels are the fastest " +
    "on it, checks each result, and " +
    "stores the choice in the Web Cache for every later run.",
  flags,
  examples: [
    ["deno task tune", "measure, and store the choice"],
    ["deno task tune --forget", "return to the default kernels"],
  ] as const,
};

/** The matmuls of the preset `baby`: 12 × 64 tokens, width 128. */
const BABY = [
  ...[[128, 384], [128, 512], [512, 128]].flatMap(([k, n]) => layerProducts(768, k, n)),
  { m: 1, n: 512, k: 128, transposeB: true },
];

/**
 * The matmuls of GPT-2 124M: 8 × 1,024 tokens, width 768; one row is a generated token's logits.
 */
const GPT2 = [
  ...[[768, 2304], [768, 3072], [3072, 768]].flatMap(([k, n]) => layerProducts(8192, k, n)),
  { m: 1, n: 50257, k: 768, transposeB: true },
];

await runScript(command, async ({ flags }) => {
  const device = await openDevice({ device: "webgpu" });
  print(`device   ${device.description}`);
  if (flags.forget) {
    const deleted = await forgetTuning(device);
    print(deleted ? "stored choice deleted" : "no choice is stored for this GPU");
  } else {
    const all = flags.models === "all" || (flags.models === "auto" && device.traits.manyCores);
    await tune(device, all ? [...BABY, ...GPT2] : BABY, flags.keep);
  }
  device.close();
});

async function tune(device: Device, products: typeof BABY, keep: boolean): Promise<void> {
  // A software adapter runs one workgroup a core, and nothing is split for it.
  const groups = device.traits.manyCores ? await tuneGroups(device) : undefined;
  print(`${"product".padEnd(24)} form  ${"kernel".padEnd(10)} ${"ms".padStart(9)}  GFLOP/s`);
  const timings: ProductTiming[] = [];
  for await (const group of tuneProducts(device, products, groups)) {
    const best = Math.min(...group.map(({ milliseconds }) => milliseconds));
    for (const timing of group) print(line(timing, timing.milliseconds === best));
    timings.push(...group);
  }
  const before = gemmKernelsOf(device);
  const chosen = chooseKernels(timings, groups === undefined ? before : { ...before, groups });
  print(`chosen   small ${chosen.small}, large ${chosen.large}, GEMV ${chosen.gemv}`);
  if (!keep) return;
  await keepTuning(device, chosen);
  print("stored   for this GPU; deno task tune --forget deletes it");
}

async function tuneGroups(device: Device): Promise<number> {
  const timings = await measureGroups(device);
  for (const { groups, milliseconds } of timings) {
    const rate = (2 * 64 * 64 * 2048 * groups / milliseconds / 1e6).toPrecision(3);
    print(
      `${String(groups).padStart(5)} tiles ${milliseconds.toPrecision(3).padStart(9)} ms ${rate}`,
    );
  }
  const groups = chooseGroups(timings);
  print(`busy     from ${groups} workgroups of 64 × 64 on`);
  return groups;
}

function line({ product, kernel, milliseconds }: ProductTiming, isBest: boolean): string {
  const { m, n, k, transposeA, transposeB } = product;
  const sizes = `${m}×${k} · ${k}×${n}`.padEnd(24);
  const form = `${transposeA ? "T" : "N"}${transposeB ? "T" : "N"}`;
  const name = kernel.padEnd(10);
  if (milliseconds === Infinity) return `${sizes} ${form}    ${name} wrong result, not chosen`;
  const rate = (2 * m * n * k / milliseconds / 1e6).toPrecision(3);
  const time = milliseconds.toPrecision(3).padStart(9);
  return `${sizes} ${form}    ${name} ${time}  ${rate.padStart(7)}${isBest ? "  best" : ""}`;
}
