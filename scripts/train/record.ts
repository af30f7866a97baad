/**
 * The files of a run of `deno task train` besides the checkpoint's tensors: run.json and figures.
 * Also the line that describes its memory.
 *
 * @module
 */
import { formatBytes } from "../../lib/cli/numbers.ts";
import { stderr } from "../../lib/cli/output.ts";
import {
  anything,
  fields,
  list,
  oneOf,
  optional,
  realNumber,
  type Rule,
  text,
  truth,
  wholeNumber,
  wrongField,
} from "../../lib/rules.ts";
import type { Figure } from "../../lib/plot/mod.ts";
import {
  type AdaptableModel,
  adapterChanges,
  loadRunState,
  type LoraAdapter,
  type MemoryReport,
  type MetricsLog,
  PRESETS,
  REPORT_RULES,
  type RunState,
  SETTING_RULES,
  UserError,
} from "../../mod.ts";
import { commandOf, type RunChoices } from "./choices.ts";
import { TOKENIZER_KINDS } from "./flags.ts";

/** The content of run.json. */
export interface RunRecord extends RunState, RunChoices {
  /** SHA-256 of the text. */
  readonly corpusHash: string;
  /** Sequences drawn from the corpus; absent if all steps had the same batches. */
  readonly sequencesSeen?: number;
  /** Processes that trained together; absent if one did. */
  readonly processes?: number;
  /** Deno's version and those of its parts. */
  readonly versions: typeof Deno.version;
  /** Description of the device. */
  readonly device: string;
  /** How the run was started last. */
  readonly commandLine: string;
}

/** The fields of a record besides the user's choices and those of the process. */
type RunFacts = Pick<
  RunRecord,
  "step" | "corpusHash" | "sequencesSeen" | "processes" | "device" | "datasetPath"
>;

/** The content of run.json after `step` updates. */
export function runRecord(choices: RunChoices, facts: RunFacts): RunRecord {
  const { preset, settings, reports, patience, dataset, tokenizer, initFrom, reading } = choices;
  const { finetune, teacher, history } = choices;
  const { step, corpusHash, sequencesSeen, processes, device, datasetPath } = facts;
  return {
    step,
    preset,
    settings,
    reports,
    patience,
    dataset,
    datasetPath,
    tokenizer,
    initFrom,
    reading,
    finetune,
    teacher,
    corpusHash,
    sequencesSeen,
    processes,
    history,
    versions: Deno.version,
    device,
    commandLine: [commandOf(choices), ...Deno.args].join(" "),
  };
}

/** The valid values of each field of run.json. */
const RECORD_RULES: { readonly [Name in keyof Required<RunRecord>]: Rule } = {
  step: wholeNumber({ min: 0 }),
  preset: oneOf(Object.keys(PRESETS)),
  settings: fields(SETTING_RULES),
  reports: fields(REPORT_RULES),
  patience: optional(wholeNumber({ min: 1 })),
  dataset: optional(text),
  datasetPath: optional(text),
  tokenizer: optional(oneOf(TOKENIZER_KINDS)),
  initFrom: optional(text),
  reading: optional(fields({
    validation: optional(text),
    column: optional(text),
    pack: optional(truth),
  })),
  finetune: optional(fields({ method: oneOf(["lora", "full"]), base: text })),
  teacher: optional(fields({
    model: text,
    temperature: realNumber({ min: 0 }),
    weight: realNumber({ min: 0, max: 1 }),
  })),
  corpusHash: text,
  sequencesSeen: optional(wholeNumber({ min: 0 })),
  processes: optional(wholeNumber({ min: 1 })),
  history: optional(list),
  versions: anything,
  device: anything,
  commandLine: anything,
};

/**
 * Reads a run's run.json.
 *
 * @throws {UserError} if it is missing or malformed, or was edited
 */
export async function loadRunRecord(folder: string): Promise<RunRecord> {
  const record = await loadRunState(folder);
  if ("classification" in record) {
    throw new UserError(
      `${folder}: it is the run of a classifier; give one of a model that writes`,
    );
  }
  const wrong = wrongField(record, RECORD_RULES);
  if (wrong !== undefined) throw new UserError(`${folder}/run.json: ${wrong}`);
  return record as RunRecord;
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
 * Draws loss.svg from a run's metrics, nats per token or per text; the preset `practical` also
 * shows the runs of 2024 that it repeats, if the corpus is theirs. Returns false if it cannot be
 * drawn, as `draw` does.
 */
export async function drawLoss(
  folder: string,
  { preset, per = "token" }: { preset?: string; per?: "token" | "text" },
): Promise<boolean> {
  const path = `${folder}/metrics.jsonl`;
  return await draw(`${folder}/loss.svg`, async (plot) => {
    const { lossFigure, PRACTICAL_CORPUS, practicalRuns, parseMetrics } = plot;
    const { train, validation } = parseMetrics(await Deno.readTextFile(path), path);
    const isRepeated = preset === "practical" &&
      (await loadRunRecord(folder)).corpusHash === PRACTICAL_CORPUS;
    const others = isRepeated ? practicalRuns() : [];
    const label = others.length > 0 ? "this run" : "";
    const yLabel = `loss (nats per ${per})`;
    return lossFigure([...others, { label, train, validation }], { yLabel });
  });
}

/**
 * Draws adapter.svg: what an adapter changes. Returns false if it cannot be drawn, as `draw` does.
 */
export async function drawAdapter<Model extends AdaptableModel>(
  folder: string,
  adapter: LoraAdapter<Model>,
): Promise<boolean> {
  return await draw(
    `${folder}/adapter.svg`,
    async ({ adapterFigure }) => adapterFigure(await adapterChanges(adapter)),
  );
}

/**
 * Saves a figure. Returns false, after a line on standard error, if the plotting package cannot be
 * loaded (its first use needs the network).
 */
async function draw(
  path: string,
  figure: (plot: typeof import("../../lib/plot/mod.ts")) => Promise<Figure>,
): Promise<boolean> {
  try {
    await (await figure(await import("../../lib/plot/mod.ts"))).save(path);
    return true;
  } catch (error) {
    const name = path.split("/").at(-1);
    stderr.write(`${name} was not drawn: ${(error as Error).message.split("\n")[0]}\n`);
    return false;
  }
}

/** Seconds of training before this one, by the metrics of a resumed run. */
export function elapsedSeconds({ lines }: MetricsLog): number {
  return lines.findLast((line) => "elapsedSeconds" in line)?.elapsedSeconds ?? 0;
}
