/**
 * The model that the playground opens: a run or a model in a folder, whose files go into the page,
 * or an address or a name on the hub, which the page loads.
 *
 * @module
 */
import { expectFolder } from "../../lib/cli/expect_folder.ts";
import { fromModelPlace } from "../../lib/cli/model_place.ts";
import { UserError, userInput } from "../../lib/cli/run.ts";
import { loadModelConfig } from "../../mod.ts";
import type { Source } from "./page/protocol.ts";
import { runHistory } from "./run_history.ts";

/** The files of a model that the page needs, if they are there. */
const FILES = [
  "config.json",
  "generation_config.json",
  "model.safetensors",
  "tokenizer.json",
  "tokenizer_config.json",
];
/** Maximum size of the weights in a page, in bytes: a browser reads it as one text. */
export const MAX_WEIGHTS = 200_000_000;

/** How a folder is opened. */
export interface SourceOptions {
  /** Where the files of the model are. Default: in the folder. */
  readonly model?: string;
}

/** How the files of a model are read. */
export interface FileOptions {
  /** Maximum size of the weights, in bytes. Default: 200 MB. */
  readonly maxWeights?: number;
  /** The folder that errors name. Default: the one that is read. */
  readonly folder?: string;
}

/**
 * What the page opens; without a place, nothing: it trains its own.
 *
 * @throws {UserError} if a folder holds no model, or one too large
 */
export async function openSource(
  place: string | undefined,
  { model }: SourceOptions = {},
): Promise<Source> {
  if (place === undefined) return { name: "a model without training yet" };
  const isFolder = await Deno.stat(place).then(({ isDirectory }) => isDirectory, () => false);
  if (!isFolder && !/^\.{0,2}[/\\]|^\.{1,2}$/.test(place)) {
    await fromModelPlace(place, () => loadModelConfig(place)); // what the page could not open
    return { name: place, place };
  }
  await expectFolder(place);
  const folder = place.replace(/(?<=.)[/\\]+$/, "");
  const files = await modelFiles(model ?? folder, { folder });
  return { name: folder.split(/[/\\]/).at(-1)!, files, ...await runHistory(folder) };
}

/**
 * The files of a model that a page needs, in base64.
 *
 * @throws {UserError} if a folder holds no model, or one too large
 */
export async function modelFiles(
  from: string,
  { folder = from, maxWeights = MAX_WEIGHTS }: FileOptions = {},
): Promise<Record<string, string>> {
  await userInput(() => loadModelConfig(from));
  const files: Record<string, string> = {};
  for (const name of FILES) {
    // A checkpoint that is complete, but not in its place yet, counts.
    const bytes = await read(`${from}/.checkpoint/${name}`) ?? await read(`${from}/${name}`);
    if (name === "model.safetensors" && (bytes?.length ?? 0) > maxWeights) {
      throw new UserError(`${folder}: its weights are ${bytes!.length} bytes, too many for a page`);
    }
    if (bytes) files[name] = bytes.toBase64();
  }
  for (const name of ["model.safetensors", "tokenizer.json"]) {
    if (!files[name]) throw new UserError(`${folder}: the page needs its ${name}`);
  }
  return files;
}

async function read(path: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
  try {
    return await Deno.readFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
