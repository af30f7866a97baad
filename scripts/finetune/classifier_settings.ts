/**
 * The settings of a run with `--labels`: from the flags, with defaults by method, or from its
 * run.json.
 *
 * @module
 */
import { kebabCase } from "../../lib/cli/flags.ts";
import {
  anything,
  fields,
  oneOf,
  optional,
  realNumber,
  type Rule,
  text,
  wholeNumber,
  wrongField,
} from "../../lib/rules.ts";
import { loadRunState, type RunState, SETTING_RULES, UserError } from "../../mod.ts";
import type { Given } from "../train/choices.ts";
import { chosenModules, type FinetuneFlags, loraOptions } from "./flags.ts";
import type { LabelFiles } from "./labeled_parts.ts";

/** How a model is trained to classify. */
export type ModelMethod = "lora" | "full" | "frozen";

/** Everything that a run's numbers depend on, besides its texts and its base. */
export interface ClassifierSettings {
  readonly method: ModelMethod;
  /** A new model of this kind instead of a base. */
  readonly preset?: "encoder" | "decoder";
  /** Passes over the texts. */
  readonly epochs: number;
  /** Updates in all, instead of whole passes. */
  readonly steps?: number;
  /** Texts per update. */
  readonly batch: number;
  /** Longest text in tokens; longer ones are cut. Default: the base's context, at most 256. */
  readonly context?: number;
  /** Learning rate at the end of the warm-up. */
  readonly learningRate: number;
  /** Learning rate at the last step. */
  readonly minLearningRate: number;
  /** Steps in which the learning rate rises; by default a share that the texts decide. */
  readonly warmupSteps?: number;
  readonly weightDecay: number;
  readonly beta2: number;
  readonly clip: number;
  /** Replaces the rates of an encoder's configuration; of a language model, 0 by default. */
  readonly dropout?: number;
  /** Seed of weights, order of the texts and dropout. */
  readonly seed: number;
  /** The options of `attachLora`, with the method lora. */
  readonly adapter?: Readonly<Record<string, unknown>>;
}

/** The size and the recipe of a model from scratch, small enough for a CPU. */
export const FROM_SCRATCH = { width: 128, heads: 4, layers: 2 };

/** Defaults by what is trained. */
const DEFAULTS = {
  preset: {
    epochs: 8,
    context: 64,
    learningRate: 5e-4,
    minLearningRate: 0,
    weightDecay: 0.05,
    beta2: 0.99,
    dropout: 0.2,
  },
  full: { learningRate: 3e-4, weightDecay: 0.01 },
  lora: { learningRate: 1e-3, weightDecay: 0 },
  frozen: { learningRate: 1e-2, weightDecay: 0 },
};

/** The defaults that no method changes. */
const SHARED = { epochs: 3, batch: 32, beta2: 0.999, clip: 1, seed: 1337 };

/** The flags that are settings. */
const TYPED = [
  "steps",
  "batch",
  "context",
  "learningRate",
  "minLearningRate",
  "warmupSteps",
  "weightDecay",
  "clip",
  "dropout",
  "seed",
] as const;

/**
 * The settings of a new run by one method.
 *
 * @throws {UserError} if a flag does not fit the method
 */
export function classifierSettings(
  flags: FinetuneFlags,
  given: Given,
  method: ModelMethod,
): ClassifierSettings {
  const { preset } = flags;
  const defaults = { ...SHARED, ...DEFAULTS[preset ? "preset" : method] };
  const typed = Object.fromEntries(
    TYPED.filter((name) => given.has(name)).map((name) => [name, flags[name]]),
  );
  const epochs = given.has("epochs") ? flags.epochs : defaults.epochs;
  if (!Number.isSafeInteger(epochs) || epochs < 1) {
    throw new UserError(`--epochs ${epochs}: a run with --labels takes whole epochs`);
  }
  const settings = { ...defaults, ...typed, method, preset, epochs };
  return {
    ...settings,
    minLearningRate: flags.minLearningRate ??
      (preset ? 0 : settings.learningRate / 10),
    ...method === "lora" ? { adapter: adapterOptions(flags) } : {},
  };
}

function adapterOptions(flags: FinetuneFlags): Readonly<Record<string, unknown>> {
  const modules = chosenModules(flags);
  return { ...loraOptions(flags), ...modules === undefined ? {} : { modules } };
}

/** What run.json of a run with `--labels` holds besides the step. */
export interface ClassifierChoices {
  readonly files: LabelFiles;
  readonly base?: string;
  readonly revision?: string;
  readonly settings: ClassifierSettings;
  /** SHA-256 of the texts. */
  readonly textsHash: string;
}

/** Rules of `classification` in run.json. */
const CHOICES_RULES: { readonly [Name in keyof Required<ClassifierChoices>]: Rule } = {
  files: fields({ labels: text, validation: optional(text), test: optional(text) }),
  base: optional(text),
  revision: optional(text),
  settings: fields({
    method: oneOf(["lora", "full", "frozen"]),
    preset: optional(oneOf(["encoder", "decoder"])),
    epochs: wholeNumber({ min: 1 }),
    steps: optional(SETTING_RULES.steps),
    batch: SETTING_RULES.batch,
    context: optional(SETTING_RULES.context),
    learningRate: SETTING_RULES.learningRate,
    minLearningRate: SETTING_RULES.minLearningRate,
    warmupSteps: optional(SETTING_RULES.warmupSteps),
    weightDecay: SETTING_RULES.weightDecay,
    beta2: SETTING_RULES.beta2,
    clip: realNumber({ min: 0 }),
    dropout: optional(SETTING_RULES.dropout),
    seed: SETTING_RULES.seed,
    adapter: optional(anything),
  }),
  textsHash: text,
};

/** The content of run.json after `step` updates. */
export function classifierRecord(
  classification: ClassifierChoices,
  { step, device }: { step: number; device: string },
): RunState {
  const commandLine = ["deno task finetune", ...Deno.args].join(" ");
  return { step, classification, versions: Deno.version, device, commandLine };
}

/**
 * What a run with `--labels` was started with, and its step; undefined for a run of another kind.
 *
 * @throws {UserError} if run.json is missing or malformed, or was edited
 */
export async function loadClassifierRecord(
  folder: string,
): Promise<{ step: number; choices: ClassifierChoices } | undefined> {
  const { step, classification } = await loadRunState(folder);
  if (classification === undefined) return undefined;
  const wrong = wrongField(classification, CHOICES_RULES, "classification");
  if (wrong !== undefined) throw new UserError(`${folder}/run.json: ${wrong}`);
  return { step, choices: classification as ClassifierChoices };
}

/** Flags that a resumed run may be given. */
const RESUMABLE = [
  ...["out", "resume", "labels", "validation", "test", "logEvery", "checkpointEvery"],
  ...["tensorboard", "live", "livePort", "device", "threads", "precision"],
];

/**
 * Refuses flags that would change a resumed run.
 *
 * @throws {UserError} naming the first one
 */
export function expectResumable(given: Given): void {
  const other = [...given].find((name) => !RESUMABLE.includes(name));
  if (other === undefined) return;
  throw new UserError(`--${kebabCase(other)}: a resumed run with --labels keeps it; leave it out`);
}
