/**
 * transformers.js, loaded only when a pipeline is opened: with its runtime it is about 490 MB.
 *
 * It is typed loosely, so that type-checking this project does not download it.
 *
 * @module
 */
import { reasonOf, UnreachableError } from "../../lib/data/unreachable.ts";
import { UserError } from "../../mod.ts";

/** The release that is loaded. */
export const TRANSFORMERS_VERSION = "4.3.1";

/** Not a literal in the import, so that nothing loads it before it runs. */
const SPECIFIER: string = `npm:@huggingface/transformers@${TRANSFORMERS_VERSION}`;

/** Turns ids into text. */
interface PipelineTokenizer {
  (text: string): { input_ids: { data: BigInt64Array } };
  decode(ids: readonly number[], options: { skip_special_tokens: boolean }): string;
}

/** One of its pipelines: a model, a tokenizer and a task. */
export interface Pipeline {
  (input: string | readonly string[], options: Record<string, unknown>): Promise<unknown>;
  /** The model's tokenizer. */
  readonly tokenizer: PipelineTokenizer;
  /** Ends its sessions. */
  dispose(): Promise<void>;
}

interface TransformersJs {
  readonly env: Record<string, unknown>;
  pipeline(task: string, model: string, options: Record<string, unknown>): Promise<Pipeline>;
}

/** The model files to load, and the folder in which they are cached. */
export interface PipelineOptions {
  /** Branch, tag or commit of a model on the hub. */
  readonly revision?: string;
  /** Folder in which models of the hub are cached. */
  readonly cacheFolder: string;
  /** Type of the weights: `fp32` is `onnx/model.onnx`, the names of others have a suffix. */
  readonly dtype: string;
}

/**
 * Opens a pipeline over a local folder, or a model on the hub. It computes on the CPU: the
 * package's other devices do not work in Deno.
 *
 * @throws {UserError} in one line, if the package or the model cannot be loaded
 */
export async function openPipeline(
  task: string,
  model: string,
  { revision, cacheFolder, dtype }: PipelineOptions,
): Promise<Pipeline> {
  const { env, pipeline } = await load();
  const isLocal = isFolder(model);
  const path = isLocal ? Deno.realPathSync(model) : model;
  const slash = isLocal ? path.lastIndexOf("/") : -1;
  if (isLocal) env.localModelPath = path.slice(0, slash + 1);
  env.allowRemoteModels = !isLocal;
  env.cacheDir = cacheFolder;
  const endpoint = Deno.env.get("HF_ENDPOINT");
  if (endpoint) env.remoteHost = `${endpoint.replace(/\/+$/, "")}/`;
  const options = { device: "cpu", dtype, revision, local_files_only: isLocal };
  try {
    return await pipeline(task, path.slice(slash + 1), options);
  } catch (cause) {
    const what = `transformers.js: ${task} with ${model}`;
    const [reason] = (cause as Error).message.split("\n");
    if (!/^fetch failed/i.test(reason)) throw new UserError(`${what}: ${reason}`, { cause });
    const advice = "without a network give the folder of an ONNX model with --model";
    throw new UnreachableError(what, `${env.remoteHost}${model}`, `${reasonOf(cause)}; ${advice}`, {
      cause,
    });
  }
}

async function load(): Promise<TransformersJs> {
  try {
    return await import(SPECIFIER);
  } catch (cause) {
    const [reason] = (cause as Error).message.split("\n");
    throw new UserError(
      `${SPECIFIER} cannot be loaded (${reason}); the first use needs the network`,
      { cause },
    );
  }
}

function isFolder(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch {
    return false;
  }
}
