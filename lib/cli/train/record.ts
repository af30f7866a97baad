/**
 * What a run of `deno task train` leaves in its folder besides the checkpoint: what run.json says
 * of it, elapsed time, loss.svg.
 *
 * @module
 */
import type { MetricsLog } from "../../train/checkpoint_metrics.ts";
import type { RunState } from "../../train/checkpoint.ts";
import { stderr } from "../output.ts";
import type { TrainData } from "./data.ts";
import type { Plan } from "./plan.ts";

/** What run.json keeps after `step` updates. */
export function runState(plan: Plan, data: TrainData, step: number, device: string): RunState {
  return {
    step,
    preset: plan.preset,
    settings: plan.settings,
    reports: plan.reports,
    dataset: plan.dataset,
    tokenizer: plan.tokenizer,
    initFrom: plan.initFrom,
    corpusHash: data.hash,
    versions: Deno.version,
    device,
    commandLine: ["deno task train", ...Deno.args].join(" "),
  };
}

/** Seconds of training before this one, by the metrics of a run that is resumed. */
export function elapsedBefore({ lines }: MetricsLog): number {
  const last = lines.findLast((line) => "elapsedSeconds" in line);
  return last?.elapsedSeconds ?? 0;
}

/**
 * Draws loss.svg, for the preset `practical` beside the runs that it repeats; without the plotting
 * package (no network at the first use) it says so and gives false.
 */
export async function drawLoss(
  { folder, preset }: Plan,
  { path }: MetricsLog,
): Promise<boolean> {
  try {
    const { lossFigure } = await import("../../plot/loss.ts");
    const { readMetrics } = await import("../../plot/metrics.ts");
    const { train, validation } = readMetrics(await Deno.readTextFile(path), path);
    const { practicalRuns } = await import("../../plot/practical.ts");
    const beside = preset === "practical" ? practicalRuns() : [];
    const label = beside.length > 0 ? "this run" : "";
    await lossFigure([...beside, { label, train, validation }]).save(`${folder}/loss.svg`);
    return true;
  } catch (error) {
    stderr.write(`loss.svg was not drawn: ${(error as Error).message.split("\n")[0]}\n`);
    return false;
  }
}

/** A path as a shell takes it. */
export function shellWord(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}
