/**
 * How far each launch of a training step is from its roofline: a Markdown table of the launches of
 * one kernel and one size, the time of all of them together, and what the machine's limits allow.
 *
 *     deno run -A bench/step_roofline.ts [--preset modern] [--threads 1] [--blas auto]
 *       [--layers N --heads N --width N --context N --batch N]
 *
 * A launch needs its multiplications and additions at the rate of the innermost GEMM tile, and its
 * buffers' bytes at the rate of a copy of 1 MB, which is in the caches as most of a step's tensors
 * are; whichever takes longer is its limit. Launches run one at a time, on their real inputs; the
 * minimum of the rounds counts.
 *
 * @module
 */
import { choice, type FlagValues, integer, text } from "../lib/cli/flags.ts";
import { print } from "../lib/cli/output.ts";
import { runScript } from "../lib/cli/run.ts";
import { useDevice } from "../lib/device/current_device.ts";
import type { Launch, Range } from "../lib/device/launch.ts";
import { compile } from "../lib/tensor/compile.ts";
import { copy } from "../lib/tensor/copy.ts";
import { full } from "../lib/tensor/tensor.ts";
import { modelOf, optimizerOf, PRESETS } from "../lib/train/presets.ts";
import { Trainer } from "../lib/train/trainer.ts";
import { bestSeconds } from "./best_seconds.ts";
import { ProfilingDevice } from "./profiling_device.ts";
import { measureRoofline } from "./roofline.ts";
import { VOCABULARY } from "./training_step.ts";

const size = { min: 1, shownDefault: "the preset's" };

const command = {
  name: "deno run -A bench/step_roofline.ts",
  summary: "Compares each launch of a training step with the machine's limits.",
  flags: {
    preset: choice("baby", "whose step", { choices: ["baby", "modern", "small"] }),
    threads: integer(1, "threads", { min: 1 }),
    blas: text(undefined, "products by this system BLAS", { placeholder: "auto|PATH" }),
    rounds: integer(30, "runs of each launch", { min: 1 }),
    layers: integer(undefined, "blocks", size),
    heads: integer(undefined, "attention heads", size),
    width: integer(undefined, "size of a token's vector", size),
    context: integer(undefined, "tokens in a sequence", size),
    batch: integer(undefined, "sequences in a batch", size),
  },
};

await runScript(command, async ({ flags }) => {
  const device = new ProfilingDevice(flags);
  useDevice(device);
  const { operations } = await measureRoofline(device);
  const x = full([2 ** 17], 0.5);
  const copying = compile(() => copy(x));
  const bytes = 8 * x.size / await bestSeconds(device, () => copying());
  print(`${device.description}: ${giga(operations)} GFLOP/s, ${giga(bytes)} GB/s in the caches\n`);
  const launches = await stepOf(device, flags);
  const minima = device.minima(launches, flags.rounds);
  const rows = new Map<string, { count: number; time: number; limit: number }>();
  launches.forEach((launch, i) => {
    const name = nameOf(launch);
    const row = rows.get(name) ?? { count: 0, time: 0, limit: 0 };
    const limit = 1e3 * Math.max(operationsOf(launch) / operations, bytesOf(launch) / bytes);
    rows.set(name, {
      count: row.count + 1,
      time: row.time + minima[i],
      limit: row.limit + limit,
    });
  });
  print("| launches | count | ms | limit, ms | of the limit | lost, ms |");
  print("| --- | --- | --- | --- | --- | --- |");
  const sorted = [...rows].sort(([, a], [, b]) => b.time - b.limit - (a.time - a.limit));
  for (const [name, { count, time, limit }] of sorted) {
    const share = `${Math.round(100 * limit / time)} %`;
    const numbers = [time, limit].map((ms) => ms.toFixed(3));
    print(`| ${[name, count, ...numbers, share, (time - limit).toFixed(3)].join(" | ")} |`);
  }
  device.close();
});

function giga(rate: number): string {
  return (rate / 1e9).toFixed(1);
}

/** The launches of a step of a preset, with the sizes that are given, after one step. */
async function stepOf(
  device: ProfilingDevice,
  { preset, layers, heads, width, context, batch }: FlagValues<typeof command.flags>,
): Promise<readonly Launch<Range>[]> {
  const given = Object.entries({ layers, heads, width, context, batch })
    .filter(([, value]) => value !== undefined);
  const settings = { ...PRESETS[preset], ...Object.fromEntries(given) };
  const model = modelOf(settings, VOCABULARY);
  const optimizer = optimizerOf(settings, model);
  const trainer = new Trainer(model, optimizer, { learningRate: settings.learningRate });
  const { batch: batchSize, context: contextLength } = settings;
  const ids = Int32Array.from({ length: batchSize * contextLength }, (_, i) => i * i % VOCABULARY);
  trainer.step({ batchSize, contextLength, next: () => ({ inputs: ids, targets: ids }) });
  await trainer.figures();
  return device.loaded.reduce((longest, each) => each.length > longest.length ? each : longest);
}

/** The kernel and what its time depends on. */
function nameOf({ kernel, scalars, constants }: Launch<Range>): string {
  const { m, n, k, batch } = scalars;
  if (!kernel.name.startsWith("matmul") || n === undefined) return kernel.name;
  const [a, b] = [constants.TRANSPOSE_A, constants.TRANSPOSE_B].map((each) => each ? "T" : "N");
  const done = ["BIAS", "ACTIVATE", "BACKWARD", "RESIDUAL"].filter((name) => constants[name]);
  const after = done.length > 0 ? `, ${done.join(" ").toLowerCase()}` : "";
  return `${kernel.name} ${a}${b} ${batch > 1 ? `${batch} × ` : ""}${m} × ${n} × ${k}${after}`;
}

/** Multiplications and additions that cannot be left out. */
function operationsOf({ kernel, scalars, constants }: Launch<Range>): number {
  const { m, n, k, batch, heads, queries } = scalars;
  if (kernel.name.startsWith("matmul")) return 2 * m * n * k * (batch ?? 1);
  if (kernel.name.startsWith("symmetric_product")) return m * (m + 1) * k * batch;
  const pairs = batch * heads * queries * (queries + 1) / 2;
  if (kernel.name === "attention") return 4 * pairs * constants.HEAD_SIZE;
  if (kernel.name === "attention_backward") return 10 * pairs * constants.HEAD_SIZE;
  return 0;
}

/** Bytes to read and to write; what is updated counts twice. */
function bytesOf({ kernel, buffers }: Launch<Range>): number {
  const reads = Object.keys(kernel.reads).length;
  const updates = Object.keys(kernel.updates ?? {}).length;
  return buffers.reduce((sum, buffer, i) => {
    const isUpdated = i >= reads && i < reads + updates;
    return sum + (buffer?.bytes ?? 0) * (isUpdated ? 2 : 1);
  }, 0);
}
