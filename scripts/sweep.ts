/**
 * Trains every combination of settings with several seeds, and compares the runs:
 *
 *     deno task sweep --learning-rate 1e-3,3e-4 --width 64,128 --seeds 3
 *
 * Each run is one process of `deno task train` and has its own folder. Killed at any moment and
 * started again with the same flags, a sweep continues: finished runs are kept, others go on from
 * their last checkpoint. The parts are in scripts/sweep/, those of the table and the figure in
 * scripts/comparison/.
 *
 * @module
 */
import { deviceOptions } from "../lib/cli/device_flags.ts";
import { Interrupt } from "../lib/cli/interrupt.ts";
import { formatItems } from "../lib/cli/numbers.ts";
import { print } from "../lib/cli/output.ts";
import { runScript, UserError } from "../lib/cli/run.ts";
import { openDevice } from "../mod.ts";
import { readRun } from "./comparison/runs.ts";
import { writeComparison } from "./comparison/write.ts";
import { type SweepFlags, sweepFlags } from "./sweep/flags.ts";
import { sweepGrid } from "./sweep/grid.ts";
import { openSweepFolder } from "./sweep/record.ts";
import { runAll } from "./sweep/run_all.ts";

const command = {
  name: "deno task sweep",
  summary:
    "Trains every combination of the listed settings, each with several seeds, and compares " +
    "them: a table, mean ± standard deviation over seeds, as Markdown and CSV, and a figure. " +
    "Started again with the same flags, it continues and repeats no finished run.",
  flags: sweepFlags,
  examples: [
    [
      "deno task sweep --learning-rate 1e-3,3e-4 --width 64,128 --seeds 3",
      "12 runs in runs/sweep",
    ],
    ["deno task sweep --dropout 0,0.1,0.2 --steps 500 --out runs/dropout", "3 runs of 500 steps"],
  ] as const,
};

await runScript(command, async ({ flags, given }) => {
  if (flags.dataset === "-") {
    throw new UserError("--dataset -: only one run can read standard input; name a file");
  }
  const grid = sweepGrid(flags, given);
  const folder = flags.out.replace(/(?<=.)\/+$/, "");
  await openSweepFolder(folder, grid);
  const { jobs, threads } = await shareCores(flags, grid.runs.length);
  const runs = grid.runs.map((run) => ({ ...run, args: [...run.args, ...threads] }));
  print(`sweep    ${formatItems(runs.length, "run")}, ${jobs} at a time, in ${folder}`);

  using interrupt = new Interrupt(["SIGINT", "SIGTERM", "SIGHUP", "SIGPIPE"]);
  const { signal } = interrupt;
  const failed = await runAll(runs, { folder, jobs, signal });
  if (signal.aborted) {
    print("stopped; the same command continues");
    return Deno.exit(interrupt.exitCode);
  }
  const finished = runs.filter(({ name }) => failed.every((run) => run.name !== name));
  const folders = finished.map(({ name }) => `${folder}/${name}`);
  if (folders.length > 0) await writeComparison(await Promise.all(folders.map(readRun)), folder);
  if (failed.length > 0) {
    const [{ name, reason }] = failed;
    throw new UserError(
      `${failed.length} of ${
        formatItems(runs.length, "run")
      } failed, such as ${name}: ${reason}; ` +
        "the same command tries them again",
    );
  }
});

/** Processes at a time, and the threads of each as a flag of `deno task train`. */
async function shareCores(
  flags: SweepFlags,
  runs: number,
): Promise<{ jobs: number; threads: string[] }> {
  const device = await openDevice({ ...deviceOptions(flags), threads: 1 });
  const isGPU = device.traits.isAsynchronous;
  device.close();
  const cores = navigator.hardwareConcurrency;
  const most = isGPU ? 1 : Math.max(1, Math.floor(cores / (flags.threads ?? 1)));
  const jobs = Math.min(flags.jobs ?? most, runs);
  if (isGPU || flags.threads !== undefined) return { jobs, threads: [] };
  return { jobs, threads: [`--threads=${Math.max(1, Math.floor(cores / jobs))}`] };
}
