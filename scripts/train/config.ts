/**
 * `--config run.json`: a run's record as flags, so that a new run repeats it.
 *
 * @module
 */
import { kebabCase } from "../../lib/cli/flags.ts";
import { UserError } from "../../lib/cli/run.ts";
import { isObject, wrongField } from "../../lib/rules.ts";
import { SETTING_RULES, type TrainSettings } from "../../mod.ts";
import { type TrainFlags, trainFlags } from "./flags.ts";

/** The flags of a command line, with those of `--config` under them. */
export interface ConfiguredFlags {
  /** The value of every flag. */
  readonly flags: TrainFlags;
  /** The flags that were typed or read from the file. */
  readonly given: ReadonlySet<string>;
  /**
   * The recorded settings, which the flags change; those without a flag are not always a preset's
   * of today.
   */
  readonly settings?: TrainSettings;
  /** The recorded corpus, unless `--dataset` names another. */
  readonly corpus?: RecordedCorpus;
}

/** The corpus of a recorded run. */
export interface RecordedCorpus {
  /** Absolute path, if it is a file or a folder. */
  readonly path?: string;
  /** SHA-256 of the text. */
  readonly hash: string;
}

/** A record as JSON has it: nothing is checked yet. */
type Json = Record<string, unknown>;

/**
 * Takes every flag that was not typed from the file of `--config`, if there is one. Each value must
 * be one that its flag takes.
 *
 * @throws {UserError} if the file is missing or malformed
 */
export async function withConfig(
  typed: TrainFlags,
  given: ReadonlySet<string>,
): Promise<ConfiguredFlags> {
  const { config: path } = typed;
  if (path === undefined) return { flags: typed, given };
  const record = await readRecord(path);
  const recorded = recordedFlags(path, record);
  const own = [...recorded].filter(([name]) => !given.has(name));
  const flags: TrainFlags = { ...typed, ...Object.fromEntries(own) };
  if (given.has("learningRate") && !given.has("minLearningRate")) {
    const share = Number(recorded.get("minLearningRate")) / Number(recorded.get("learningRate"));
    if (Number.isFinite(share)) flags.minLearningRate = share * typed.learningRate!;
  }
  return {
    flags,
    given: new Set([...given, ...own.map(([name]) => name)]),
    settings: recordedSettings(path, record),
    corpus: given.has("dataset") ? undefined : corpusOf(record),
  };
}

/**
 * Refuses a text other than the recorded one.
 *
 * @throws {UserError} if the hashes differ
 */
export function expectRecordedCorpus(
  config: string | undefined,
  corpus: RecordedCorpus | undefined,
  data: { readonly hash: string; readonly source: string },
): void {
  if (corpus === undefined || corpus.hash === data.hash) return;
  throw new UserError(
    `--config ${config}: its run learned from a text of SHA-256 ${
      corpus.hash.slice(0, 12)
    }…, and ` +
      `${data.source} has ${data.hash.slice(0, 12)}…; name the text with --dataset`,
  );
}

async function readRecord(path: string): Promise<Json> {
  const text = await Deno.readTextFile(path).catch((cause) => {
    throw new UserError(`--config ${path}: cannot be read; give the run.json of a run`, { cause });
  });
  const record = parsed(text);
  if (isObject(record) && isObject(record.settings) && typeof record.corpusHash === "string") {
    return record;
  }
  throw new UserError(`--config ${path}: expected the run.json of a run, got another file`);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The recorded values of flags, by name. */
function recordedFlags(path: string, record: Json): Map<string, unknown> {
  const { preset, settings, reports, patience, tokenizer, initFrom, reading } = record;
  const teacher = (record.teacher ?? {}) as Json;
  const values: Json = {
    preset,
    patience,
    dataset: record.dataset,
    tokenizer,
    initFrom,
    teacher: teacher.model,
    teacherTemperature: teacher.temperature,
    teacherWeight: teacher.weight,
    ...(reading as object),
    ...(reports as object),
    ...(settings as object),
  };
  const flags = new Map<string, unknown>();
  for (const [name, value] of Object.entries(values)) {
    if (value === undefined) continue;
    if (name in trainFlags) flags.set(name, readValue(path, name as keyof TrainFlags, value));
  }
  return flags;
}

function corpusOf({ datasetPath, corpusHash }: Json): RecordedCorpus {
  const path = typeof datasetPath === "string" ? datasetPath : undefined;
  return { path, hash: String(corpusHash) };
}

function readValue(path: string, name: keyof TrainFlags, value: unknown): unknown {
  const read = trainFlags[name].read(String(value));
  if (read !== undefined) return read;
  throw new UserError(
    `--config ${path}: expected ${trainFlags[name].expected} as ${kebabCase(name)}, ` +
      `got ${JSON.stringify(value)}`,
  );
}

function recordedSettings(path: string, { settings }: Json): TrainSettings {
  const wrong = wrongField(settings, SETTING_RULES);
  if (wrong !== undefined) throw new UserError(`--config ${path}: settings: ${wrong}`);
  return settings as TrainSettings;
}
