/**
 * The model that a command is given: a run of `deno task train`, a folder in Hugging Face's format,
 * an address or a name on the hub.
 *
 * @module
 */

import { UserError } from "../../errors.ts";
import { isFolder } from "../../hub/folder_files.ts";
import { loadPretrained } from "../../hub/load_pretrained.ts";
import type { GPT } from "../../nn/gpt.ts";
import { quantize } from "../../nn/quantize.ts";
import type { Tokenizer } from "../../text/tokenizer.ts";
import { holdsCheckpoint, loadModel, loadRunTokenizer } from "../../train/checkpoint.ts";
import { followDownload } from "../progress.ts";
import { userInput } from "../run.ts";

/** A model to write with. */
export interface OpenedModel {
  /** The model, ready to generate. */
  readonly model: GPT;
  /** Its tokenizer. */
  readonly tokenizer: Tokenizer;
  /** What ends its texts: as its configuration says, or its tokenizer; none for a run's. */
  readonly endTokens: readonly number[];
}

/** How to open a model. */
export interface OpenModelOptions {
  /** A branch, tag or commit of a model on the hub. */
  readonly revision?: string;
  /** Tokens of its context to use. */
  readonly context?: number;
  /** How the weights are kept. */
  readonly weights: "f32" | "int8";
}

/**
 * Loads a model with its tokenizer.
 *
 * @throws {UserError} where there is none, a file is malformed, or the tokenizer is missing
 */
export async function openModel(
  location: string,
  { weights, ...options }: OpenModelOptions,
): Promise<OpenedModel> {
  const opened = holdsCheckpoint(location)
    ? await openRun(location, options)
    : await openPretrained(location, options);
  if (weights === "int8") await quantize(opened.model);
  return opened;
}

/** Whoever mistypes a folder should not read of the hub alone. */
function fromHub(location: string, error: unknown): unknown {
  if (!(error instanceof UserError) || location.includes(":")) return error;
  return new UserError(`${location}: no such folder, and on the hub: ${error.message}`, {
    cause: error,
  });
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false; // a folder's error, or the hub's, says more
  }
}

type Version = Omit<OpenModelOptions, "weights">;

async function openRun(folder: string, { revision, context }: Version): Promise<OpenedModel> {
  if (revision !== undefined || context !== undefined) {
    throw new UserError(`${folder}: --revision and --context are for published models, not runs`);
  }
  const tokenizer = await loadRunTokenizer(folder);
  return { model: await loadModel(folder, { dropout: 0 }), tokenizer, endTokens: [] };
}

async function openPretrained(
  location: string,
  { revision, context }: Version,
): Promise<OpenedModel> {
  const progress = isFolder(location) ? undefined : followDownload(location);
  const { onProgress } = progress ?? {};
  if (isFile(location)) {
    throw new UserError(`${location}: it is a file; give the folder of a run or of a model`);
  }
  const { model, tokenizer, endTokens } = await userInput(() =>
    loadPretrained(location, { revision, contextLength: context, onProgress })
  ).catch((error) => {
    throw progress ? fromHub(location, error) : error;
  });
  progress?.finish();
  if (!tokenizer) {
    throw new UserError(
      `${location}: it has no tokenizer; put its tokenizer.json beside the weights`,
    );
  }
  const own = tokenizer.endId === undefined ? [] : [tokenizer.endId];
  return { model, tokenizer, endTokens: endTokens.length > 0 ? endTokens : own };
}
