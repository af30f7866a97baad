/**
 * The weights of a model: finds its file or files and reads them as one list of tensors.
 *
 * @module
 */
import { notJson, UserError } from "../errors.ts";
import { hasMoreEntries } from "../json_entries.ts";
import { progressSource } from "./progress_source.ts";
import { readText, type Repository } from "./repository.ts";
import { type ElementRange, SafetensorsFile } from "./safetensors.ts";
import { MAX_TENSORS, type TensorInfo } from "./safetensors_header.ts";
import type { Weights, WeightsOptions } from "./weights.ts";

const SINGLE = "model.safetensors";
const INDEX = `${SINGLE}.index.json`;
const PICKLED = ["pytorch_model.bin", "pytorch_model.bin.index.json"];
const SHARD = /^[A-Za-z0-9_][A-Za-z0-9_.-]*\.safetensors$/;
const MAX_SHARDS = 1_000;
/** The longest index that is read, in bytes; one of 100,000 tensors takes about half. */
const LONGEST_INDEX = 25_000_000;

/**
 * Opens a model's own weights if it is one file, `model.safetensors`, or the files that
 * `model.safetensors.index.json` names, and reads their headers.
 *
 * @throws {UserError} if there is neither; if there is only a `pytorch_model.bin`, saying why
 *   it is not read
 * @throws {SyntaxError} if an index or a header is malformed
 */
export async function openWeights(
  repository: Repository,
  options: WeightsOptions = {},
): Promise<Weights> {
  if (repository.openWeights) return await repository.openWeights(options);
  const single = await repository.open(SINGLE);
  single?.close();
  if (single) return await openFiles(repository, [SINGLE], options);
  const index = await readText(repository, INDEX, LONGEST_INDEX);
  if (index !== undefined) return await openFiles(repository, readIndex(index), options);
  for (const name of PICKLED) {
    const pickled = await repository.open(name);
    pickled?.close();
    if (pickled) throw refusal(repository, name);
  }
  throw new UserError(`model ${repository.name}: it has no ${SINGLE} and no ${INDEX}`);
}

function refusal(repository: Repository, name: string): UserError {
  return new UserError(
    `model ${repository.name}: its weights are in ${name}, a Python pickle, which can run any ` +
      `program when it is read; Folio reads ${SINGLE}. Look for a revision that has it (on the ` +
      "hub often refs/pr/1), or, if you trust the file, convert it with transformers' " +
      "model.save_pretrained(folder, safe_serialization=True)",
  );
}

/**
 * The files that an index names, in order, each once.
 *
 * @throws {SyntaxError} if it is malformed, or names a file outside its folder
 */
export function readIndex(text: string): string[] {
  const fail = (message: string, cause?: unknown) =>
    new SyntaxError(`${INDEX}: ${message}`, { cause });
  if (hasMoreEntries(text, MAX_TENSORS)) throw fail(`expected at most ${MAX_TENSORS} tensors`);
  let index: { weight_map?: unknown };
  try {
    index = JSON.parse(text);
  } catch (cause) {
    throw fail(notJson(cause), cause);
  }
  const map = index?.weight_map;
  if (typeof map !== "object" || map === null || Array.isArray(map)) {
    throw fail('expected an object "weight_map" of tensors and files');
  }
  const files = new Set<unknown>(Object.values(map));
  for (const file of files) {
    if (typeof file === "string" && SHARD.test(file) && !file.includes("..")) continue;
    throw fail(`expected names of safetensors files beside it, got ${JSON.stringify(file)}`);
  }
  if (files.size === 0 || files.size > MAX_SHARDS) {
    throw fail(`expected 1 to ${MAX_SHARDS} files, got ${files.size}`);
  }
  return [...files as Set<string>].sort();
}

async function openFiles(
  repository: Repository,
  names: readonly string[],
  { onProgress, signal }: WeightsOptions,
): Promise<Weights> {
  let loaded = 0;
  let total = 0;
  let tensors = 0;
  const count = (bytes: number) => {
    loaded = Math.min(loaded + bytes, total);
    onProgress?.({ loaded, total });
  };
  const files: SafetensorsFile[] = [];
  try {
    for (const name of names) {
      const source = await repository.open(name);
      if (!source) {
        throw new UserError(`model ${repository.name}: ${INDEX} names ${name}, which is missing`);
      }
      total += source.byteLength;
      try {
        files.push(await SafetensorsFile.open(progressSource(source, count, signal)));
        const { size } = files.at(-1)!.tensors;
        if (size === 0 && names.length > 1) {
          throw new SyntaxError(`${source.name}: it holds no tensor, though ${INDEX} names it`);
        }
        tensors += size;
        if (tensors > MAX_TENSORS) {
          throw new SyntaxError(`${source.name}: expected at most ${MAX_TENSORS} tensors in all`);
        }
      } catch (error) {
        source.close();
        throw error;
      }
      files.at(-1)!.rest();
    }
    return new WeightFiles(repository.name, files);
  } catch (error) {
    for (const file of files) file.close();
    throw error;
  }
}

class WeightFiles implements Weights {
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  readonly #owners = new Map<string, SafetensorsFile>();
  readonly #files: readonly SafetensorsFile[];
  #current: SafetensorsFile | undefined;

  constructor(readonly model: string, files: readonly SafetensorsFile[]) {
    this.#files = files;
    const tensors = new Map<string, TensorInfo>();
    for (const file of files) {
      for (const [name, info] of file.tensors) {
        const other = this.#owners.get(name);
        if (other) throw new SyntaxError(`${file.name}: tensor ${name} is in ${other.name} too`);
        this.#owners.set(name, file);
        tensors.set(name, info);
      }
    }
    this.tensors = tensors;
  }

  get name(): string {
    return this.#files.length === 1 ? this.#files[0].name : `model ${this.model}`;
  }

  async float32(name: string, range?: ElementRange): Promise<Float32Array<ArrayBuffer>> {
    const file = this.#owners.get(name) ?? this.#files[0]; // which names what is missing
    if (this.#current !== file) this.#current?.rest();
    this.#current = file;
    return await file.float32(name, range);
  }

  async verify(): Promise<void> {
    for (const file of this.#files) await file.verify();
  }

  close(): void {
    for (const file of this.#files) file.close();
  }
}
