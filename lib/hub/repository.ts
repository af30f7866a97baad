/**
 * The files of a model in any place, and reading one of them whole.
 *
 * See open_repository.ts for finding them.
 *
 * @module
 */
import { UserError } from "../errors.ts";
import type { ByteSource } from "./byte_source.ts";
import type { Weights, WeightsOptions } from "./weights.ts";

/** The files of one model. */
export interface Repository {
  /** Name for errors. */
  readonly name: string;
  /** Opens a file; undefined if there is none of that name. */
  open(file: string): Promise<ByteSource | undefined>;
  /** Opens its weights if they are not in files of safetensors. Default: they are. */
  openWeights?(options?: WeightsOptions): Promise<Weights>;
}

/** The maximum size of a text file of a model, in bytes; a configuration takes some thousands. */
const LONGEST_TEXT = 10_000_000;

/**
 * The text of a file; undefined if there is none of that name.
 *
 * @throws {SyntaxError} if it has more than `limit` bytes, or is not UTF-8
 */
export async function readText(
  repository: Repository,
  file: string,
  limit = LONGEST_TEXT,
): Promise<string | undefined> {
  const bytes = await readWhole(repository, file, limit);
  try {
    return bytes && new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    if (!(cause instanceof TypeError)) throw cause;
    throw new SyntaxError(`${repository.name}: ${file}: it is not UTF-8`, { cause });
  }
}

/**
 * The bytes of a file; undefined if there is none of that name.
 *
 * @throws {SyntaxError} if they are more than `limit`
 */
export async function readWhole(
  repository: Repository,
  file: string,
  limit: number,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const source = await repository.open(file);
  if (!source) return undefined;
  try {
    if (source.byteLength > limit) {
      throw new SyntaxError(
        `${source.name}: expected at most ${limit} bytes, got ${source.byteLength}`,
      );
    }
    return await source.read(0, source.byteLength);
  } finally {
    source.close();
  }
}

/**
 * The text of a file that must exist.
 *
 * @throws {UserError} if it does not
 */
export async function requireText(repository: Repository, file: string): Promise<string> {
  const text = await readText(repository, file);
  if (text !== undefined) return text;
  if (file === "config.json" && await readText(repository, "adapter_config.json") !== undefined) {
    throw new UserError(
      `model ${repository.name}: it is an adapter, not a model; merge it into its base first ` +
        "(`deno task merge`), or load the base and then the adapter (loadAdapter)",
    );
  }
  throw new UserError(
    `model ${repository.name}: it has no ${file}; pass the folder, or the address of the folder, of ` +
      "a model in Hugging Face's format",
  );
}
