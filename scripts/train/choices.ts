/**
 * The choices of a user for a run of `deno task train`, and the plan made of them.
 *
 * plan.ts and resume.ts make plans, record.ts writes the choices to run.json.
 *
 * @module
 */
import type { PresetName, TrainSettings } from "../../mod.ts";
import type { ReadingChoices, Reports, TrainFlags } from "./flags.ts";

/** The user's choices for a run: the part of run.json that `--resume` reads. */
export interface RunChoices {
  /** Name of the preset that the settings started from. */
  readonly preset: PresetName;
  /** Everything that the run's numbers depend on, except its corpus. */
  readonly settings: TrainSettings;
  /** How often the run reports. */
  readonly reports: Reports;
  /** Evaluations without a lower loss after which the run stops early; absent if it never does. */
  readonly patience?: number;
  /** The corpus that the user named. */
  readonly dataset?: string;
  /** Its absolute path, if it is a file or a folder. */
  readonly datasetPath?: string;
  /** Kind of a new tokenizer; absent if it is that of another run or of a prepared corpus. */
  readonly tokenizer?: TrainFlags["tokenizer"];
  /** The run or model whose weights and tokenizer this one started from. */
  readonly initFrom?: string;
  /** The model whose predictions are learned too, if there is one. */
  readonly teacher?: TeacherChoices;
  /** How the corpus is read, if any flag says so. */
  readonly reading?: ReadingChoices;
  /** What `deno task finetune` trains of which model; absent in a run of `deno task train`. */
  readonly finetune?: FinetuneChoices;
  /** What `--resume` changed, oldest first. */
  readonly history?: readonly ChangedChoices[];
}

/** How a run of `deno task finetune` trains a model. */
export interface FinetuneChoices {
  /** Train a LoRA adapter, or all weights. */
  readonly method: "lora" | "full";
  /** The model: the absolute path of its folder, or its address or name on the hub. */
  readonly base: string;
}

/** A model to learn from, and how much. */
export interface TeacherChoices {
  /** Its folder as an absolute path, or its address or name on the hub. */
  readonly model: string;
  /** Both models' logits are divided by it. */
  readonly temperature: number;
  /** The teacher's share in the loss. */
  readonly weight: number;
}

/** The command that makes a run and continues it. */
export function commandOf({ finetune }: Pick<RunChoices, "finetune">): string {
  return `deno task ${finetune ? "finetune" : "train"}`;
}

/** What changed when a run was resumed. */
export interface ChangedChoices {
  /** Updates done before. */
  readonly step: number;
  /** Old and new value by the name of a setting or a report. */
  readonly changes: Readonly<Record<string, readonly [from: unknown, to: unknown]>>;
}

/** A run to start or to continue. */
export interface Plan extends RunChoices {
  /** Where the run is stored. */
  readonly folder: string;
  /** Whether the folder holds the checkpoint to continue from, of `step` and `corpusHash`. */
  readonly resume: boolean;
  /** Whether a new run may replace what the folder holds. */
  readonly force: boolean;
  /** Steps done before. */
  readonly step: number;
  /** Sequences drawn from the corpus before. */
  readonly sequencesSeen: number;
  /** Processes before, and the sequences of an update of them all; absent in a new run. */
  readonly before?: { readonly processes: number; readonly sequences: number };
  /** SHA-256 of the text that a resumed run was trained on. */
  readonly corpusHash?: string;
  /** Notes for the user about the plan, one line each. */
  readonly notes: readonly string[];
}

/** The flags that were typed. */
export type Given = ReadonlySet<string>;

/** Some fields of an object. */
export function pick<T, Name extends keyof T>(object: T, names: readonly Name[]): Pick<T, Name> {
  return Object.fromEntries(names.map((name) => [name, object[name]])) as Pick<T, Name>;
}
