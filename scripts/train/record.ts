/**
 * What a run of `deno task train` leaves in its folder besides the checkpoint's tensors: run.json
 * and loss.svg. Also how it describes its memory.
 *
 * @module
 */
import { formatBytes } from "../../lib/cli/numbers.ts";
import { stderr } from "../../lib/cli/output.ts";
import { loadRunState, type MemoryReport, type RunState, type TrainSettings } from "../../mod.ts";
import type { ReadingChoices, Reports, TrainFlags } from "./flags.ts";

/** What the user chose for a run: the part of run.json that `--resume` reads. */
export interface RunChoices {
  /** Name of the preset that the settings started from. */
  readonly preset: string;
  /** Everything that the run's numbers depend on, besides its corpus. */
  readonly settings: TrainSettings;
  /** How often the run reports. */
  readonly reports: Reports;
  /** The corpus that the user named. */
  readonly dataset?: string;
  /** How text is cut into tokens, unless the tokenizer of another run is used. */
  readonly tokenizer: TrainFlags["tokenizer"];
  /** The run whose weights and tokenizer this one started from. */
  readonly initFrom?: string;
  /** How the corpus is read, if any flag says so. */
  readonly reading?: ReadingChoices;
}

/** The content of run.json. */
export interface RunRecord extends RunState, RunChoices {
  /** SHA-256 of the text. */
  readonly corpusHash: string;
  /** Deno's version and those of its parts. */
  readonly versions: typeof Deno.version;
  /** Description of the device. */
  readonly device: string;
  /** How the run was started last. */
  readonly commandLine: string;
}

/** The content of run.json after `step` updates. */
export function runRecord(
  choices: RunChoices,
  { step, corpusHash, device }: Pick<RunRecord, "step" | "corpusHash" | "device">,
): RunRecord {
  const { preset, settings, reports, dataset, tokenizer, initFrom, reading } = choices;
  return {
    step,
    preset,
    settings,
    reports,
    dataset,
    tokenizer,
    initFrom,
    reading,
    corpusHash,
    versions: Deno.version,
    device,
    commandLine: ["deno task train", ...Deno.args].join(" "),
  };
}

/**
 * Reads a run's run.json.
 *
 * @throws {UserError} if it is missing or malformed
 */
export async function loadRunRecord(folder: string): Promise<RunRecord> {
  return await loadRunState(folder) as RunRecord;
}

/** For example `memory   3.24 MB parameters, 3.24 MB gradients, …`, after a first step. */
export function memoryLine(report: MemoryReport): string {
  const { parameters, gradients, optimizer, activations, scratch } = report;
  const parts = [
    `${formatBytes(parameters)} parameters`,
    `${formatBytes(gradients)} gradients`,
    `${formatBytes(optimizer)} optimizer`,
    `${formatBytes(activations)} activations`,
  ];
  if (scratch > 0) parts.push(`${formatBytes(scratch)} scratch`);
  return `memory   ${parts.join(", ")}`;
}

/**
 * Draws loss.svg from a run's metrics; the preset `practical` also shows the runs of 2024 that it
 * repeats. Returns false, after a line on standard error, if the plotting package cannot be loaded
 * (its first use needs the network).
 */
export async function drawLoss(folder: string, preset: string): Promise<boolean> {
  const path = `${folder}/metrics.jsonl`;
  try {
    const { lossFigure, practicalRuns, parseMetrics } = await import("../../lib/plot/mod.ts");
    const { train, validation } = parseMetrics(await Deno.readTextFile(path), path);
    const others = preset === "practical" ? practicalRuns() : [];
    const label = others.length > 0 ? "this run" : "";
    await lossFigure([...others, { label, train, validation }]).save(`${folder}/loss.svg`);
    return true;
  } catch (error) {
    stderr.write(`loss.svg was not drawn: ${(error as Error).message.split("\n")[0]}\n`);
    return false;
  }
}
