/**
 * Plans the rest of a run of `deno task train`: what its run.json says, with the changes that the
 * flags ask for.
 *
 * @module
 */
import { kebabCase } from "../../lib/cli/flags.ts";
import { type TrainSettings, UserError } from "../../mod.ts";
import { type ChangedChoices, type Given, pick, type Plan, type RunChoices } from "./choices.ts";
import { modelPlace } from "./corpus_place.ts";
import {
  expectEvaluations,
  givenSettings,
  readingChoices,
  REPORT_FLAGS,
  resumedReading,
  type TrainFlags,
} from "./flags.ts";
import type { RunRecord } from "./record.ts";
import { riseNotes, warmupNotes } from "./schedule.ts";

/**
 * Settings that a run keeps: the shape of its model, the seed of its batches, its weights' mean.
 */
const FIXED = ["layers", "heads", "width", "context", "seed", "average"] as const;

/**
 * Plans the rest of a run.
 *
 * @throws {UserError} if a flag contradicts the run
 */
export function resumedPlan(folder: string, flags: TrainFlags, given: Given, run: RunRecord): Plan {
  const typed = givenSettings(flags, given, run.settings);
  for (const name of FIXED) {
    if (name in typed) expectSame(folder, name, run.settings[name], typed[name]);
  }
  const chosen = { ...flags, initFrom: flags.initFrom && modelPlace(flags.initFrom) };
  for (const name of ["preset", "tokenizer", "initFrom"] as const) {
    if (given.has(name)) expectSame(folder, name, run[name], chosen[name]);
  }
  expectSameTeacher(folder, { typed: flags, given, run });
  const settings: TrainSettings = { ...run.settings, ...typed };
  const reports = {
    ...run.reports,
    ...pick(flags, REPORT_FLAGS.filter((name) => given.has(name))),
  };
  const patience = given.has("patience") ? flags.patience || undefined : run.patience;
  expectEvaluations({ patience, evalEvery: reports.evalEvery });
  const { step } = run;
  if (settings.steps < step) {
    throw new UserError(
      `${folder}: its run has done ${step} steps, more than --steps ${settings.steps}`,
    );
  }
  const changes = changesOf(run, { settings, reports, patience });
  const { processes = 1, settings: { accumulate, batch } } = run;
  const history = [...run.history ?? []];
  if (Object.keys(changes).length > 0) history.push({ step, changes });
  return {
    folder,
    preset: run.preset,
    settings,
    reports,
    patience,
    dataset: flags.dataset ?? run.dataset,
    datasetPath: flags.dataset === undefined ? run.datasetPath : undefined,
    tokenizer: run.tokenizer,
    initFrom: run.initFrom,
    reading: resumedReading(folder, readingChoices(flags, given), run.reading),
    finetune: run.finetune,
    teacher: run.teacher,
    history: history.length > 0 ? history : undefined,
    resume: true,
    force: false,
    step,
    sequencesSeen: run.sequencesSeen ?? step * run.settings.accumulate * run.settings.batch,
    before: { processes, sequences: processes * accumulate * batch },
    corpusHash: run.corpusHash,
    notes: [
      ...Object.entries(changes).map(changeNote),
      ...given.has("learningRate") ? [] : riseNotes(run.settings, settings, step),
      ...step < settings.steps ? warmupNotes(settings) : [],
    ],
  };
}

type Changeable = Pick<RunChoices, "settings" | "reports" | "patience">;

function changesOf(run: RunRecord, now: Changeable): ChangedChoices["changes"] {
  const valuesOf = ({ settings, reports, patience = 0 }: Changeable): Record<string, unknown> => {
    return { ...settings, ...reports, patience };
  };
  const after = valuesOf(now);
  const changed = Object.entries(valuesOf(run)).filter(([name, value]) =>
    JSON.stringify(value) !== JSON.stringify(after[name])
  );
  return Object.fromEntries(changed.map(([name, value]) => [name, [value, after[name]] as const]));
}

function changeNote(
  [name, [from, to]]: [string, readonly [unknown, unknown]],
): string {
  return `--${kebabCase(name)} is ${shown(to)} from here on; it was ${shown(from)}`;
}

/** A number without the last digits, which only rounding has made. */
function shown(value: unknown): string {
  return String(typeof value === "number" ? Number(value.toPrecision(9)) : value);
}

function expectSameTeacher(
  folder: string,
  { typed, given, run: { teacher } }: { typed: TrainFlags; given: Given; run: RunRecord },
): void {
  const all = {
    teacher: [teacher?.model, typed.teacher && modelPlace(typed.teacher)],
    teacherTemperature: [teacher?.temperature, typed.teacherTemperature],
    teacherWeight: [teacher?.weight, typed.teacherWeight],
  };
  for (const [name, [saved, typed]] of Object.entries(all)) {
    if (given.has(name)) expectSame(folder, kebabCase(name), saved, typed);
  }
}

function expectSame(folder: string, name: string, saved: unknown, typed: unknown): void {
  if (saved === typed) return;
  throw new UserError(
    `${folder}: its run has ${name} ${saved ?? "none"}, so --resume cannot take ${typed}; ` +
      "leave the flag out or start a new run",
  );
}
