/**
 * The folder of a new run of `deno task train`: the first free one, and protection of the user's
 * files.
 *
 * See lib/train/checkpoint_folder.ts for its lock and for how checkpoints are saved.
 *
 * @module
 */
import { CheckpointFolder, holdsCheckpoint, UserError } from "../../mod.ts";
import type { Plan } from "./choices.ts";

/** Maximum number of file names in a message. */
const SHOWN = 3;
/** What a run that was killed before its first save leaves behind, beside its lock. */
const LEFT_BEHIND = /^metrics\.jsonl$|^events\.out\.tfevents\./;

/** The first free folder of base, base-2, …, or the last one that holds a run. */
export function defaultFolder(base: string, inUse: boolean): string {
  let path = base;
  for (let i = 2; filesIn(path).length > 0; i++) {
    const next = `${base}-${i}`;
    if (inUse && !holdsCheckpoint(next)) return path;
    path = next;
  }
  return path;
}

/**
 * Refuses flags that ask for a new run and for the rest of one.
 *
 * @throws {UserError} if both were typed
 */
export function expectNewOrResumed({ force, resume }: Pick<Plan, "force" | "resume">): void {
  if (!force || !resume) return;
  throw new UserError("--force starts a new run and --resume continues one; leave one of them out");
}

/**
 * Refuses a folder that holds a run, or any file that a run has not written, unless `force` is set.
 *
 * @throws {UserError} saying what it holds
 */
export function expectFree({ folder, force }: Pick<Plan, "folder" | "force">): void {
  const files = filesIn(folder);
  if (force || files.length === 0) return;
  if (holdsCheckpoint(folder)) {
    throw new UserError(
      `${folder} already holds a run; continue it with --resume, name another folder with --out, ` +
        "or replace it with --force",
    );
  }
  const shown = files.slice(0, SHOWN).join(", ") + (files.length > SHOWN ? ", …" : "");
  throw new UserError(
    `${folder} holds files that are no run's: ${shown}; name another folder with --out, or give ` +
      "--force to train in this one",
  );
}

/**
 * Locks a plan's folder.
 *
 * @throws {UserError} if it is not free any more, or cannot be written
 */
export async function openRunFolder(plan: Plan): Promise<CheckpointFolder> {
  const folder = await CheckpointFolder.open(plan.folder);
  try {
    if (!plan.resume) expectFree(plan);
    return folder;
  } catch (error) {
    folder.close();
    throw error;
  }
}

/** Files that `loadPretrained` reads although a run may not write them. */
const READ_WITH_A_MODEL = [
  "config.json",
  "generation_config.json",
  "model.safetensors",
  "adapter_config.json",
  "adapter_model.safetensors",
  "tokenizer.json",
  "tokenizer.model",
  "spiece.model",
  "sentencepiece.bpe.model",
  "vocab.json",
  "vocab.txt",
  "merges.txt",
  "tokenizer_config.json",
  "special_tokens_map.json",
  "added_tokens.json",
  "chat_template.jinja",
];

/** Removes files left by the model that a forced run replaces, except those of these names. */
export async function removeReplaced(folder: string, own: Iterable<string>): Promise<void> {
  const kept = new Set(own);
  for (const name of READ_WITH_A_MODEL.filter((name) => !kept.has(name))) {
    await Deno.remove(`${folder}/${name}`).catch((error) => {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    });
  }
}

/** The files in a folder, without hidden ones, and `best/`; none if there is no such folder. */
function filesIn(folder: string): string[] {
  if (holdsCheckpoint(folder)) return ["run.json"];
  try {
    const entries = [...Deno.readDirSync(folder)];
    const wasBegun = entries.some(({ name }) => name === ".lock");
    return entries.map(({ name, isDirectory }) => isDirectory ? `${name}/` : name)
      .filter((name) => name === "best/" || !name.endsWith("/") && !name.startsWith("."))
      .filter((name) => !wasBegun || !LEFT_BEHIND.test(name)).sort();
  } catch {
    return []; // CheckpointFolder.open reports what is wrong
  }
}
