/**
 * A GGUF file as a model's folder: its metadata become `config.json` and the tokenizer's files, its
 * tensors the weights.
 *
 * gguf_header.ts reads the file, gguf_config.ts, gguf_tokenizer.ts and gguf_weights.ts make the
 * parts.
 *
 * @module
 */
import { size } from "../shape.ts";
import { UserError } from "../errors.ts";
import { type ByteSource, bytesSource } from "./byte_source.ts";
import { ggufConfig, ggufFamily } from "./gguf_config.ts";
import { type GgufHeader, readGgufHeader } from "./gguf_header.ts";
import { GgufMetadata } from "./gguf_metadata.ts";
import { ggufTokenizerFiles } from "./gguf_tokenizer.ts";
import { GgufWeights, readGguf } from "./gguf_weights.ts";
import { progressSource } from "./progress_source.ts";
import type { Repository } from "./repository.ts";
import type { Weights, WeightsOptions } from "./weights.ts";

/** The model in a GGUF file of a folder. */
export function ggufRepository(
  name: string,
  folder: Repository,
  file: string,
): Required<Repository> {
  const open = async () => {
    const source = await folder.open(file);
    if (source) return source;
    throw new UserError(`model ${name}: there is no such file`);
  };
  let files: Promise<Map<string, Uint8Array>> | undefined;
  return {
    name,
    async open(file) {
      files ??= withSource(await open(), filesOf);
      const bytes = (await files).get(file);
      return bytes && bytesSource(bytes, `${name}: ${file}`);
    },
    openWeights: async (options) => await openWeights(await open(), options),
  };
}

async function withSource<Result>(
  source: ByteSource,
  body: (source: ByteSource, header: GgufHeader) => Promise<Result>,
): Promise<Result> {
  try {
    return await named(source, async () => await body(source, await readGgufHeader(source)));
  } finally {
    source.close();
  }
}

/** Puts the file's name before a message about its content. */
async function named<Result>(source: ByteSource, body: () => Promise<Result>): Promise<Result> {
  try {
    return await body();
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    throw new SyntaxError(`${source.name}: ${cause.message}`, { cause });
  }
}

/** `config.json` and the files of the tokenizer. */
async function filesOf(source: ByteSource, header: GgufHeader): Promise<Map<string, Uint8Array>> {
  const metadata = new GgufMetadata(header.metadata);
  const family = ggufFamily(metadata);
  const table = header.tensors.get("token_embd.weight");
  if (table?.shape.length !== 2) {
    throw new SyntaxError("GGUF: expected a tensor token_embd.weight of two axes");
  }
  const config = await ggufConfig({
    metadata,
    vocabSize: table.shape[0],
    has: (tensor) => header.tensors.has(tensor),
    factors: async (tensor) => {
      const found = header.tensors.get(`${tensor}.weight`);
      if (!found) return undefined;
      if (size(found.shape) > MOST_FACTORS) throw new SyntaxError(`GGUF: ${tensor} is too large`);
      return [...await readGguf(source, found)];
    },
  });
  const tokenizer = ggufTokenizerFiles(metadata, { isGemma: family.addsOne ?? false });
  const encoded = ([name, content]: readonly [string, object]) =>
    [name, new TextEncoder().encode(JSON.stringify(content))] as const;
  return new Map([["config.json", config] as const, ...tokenizer].map(encoded));
}

/** The most divisors of rotary frequencies. */
const MOST_FACTORS = 65_536;

async function openWeights(
  source: ByteSource,
  { onProgress, signal }: WeightsOptions = {},
): Promise<Weights> {
  const total = source.byteLength;
  let loaded = 0;
  const count = (bytes: number) => {
    loaded = Math.min(loaded + bytes, total);
    onProgress?.({ loaded, total });
  };
  const counted = progressSource(source, count, signal);
  try {
    return await named(source, async () => {
      const header = await readGgufHeader(counted);
      const metadata = new GgufMetadata(header.metadata);
      const width = metadata.required(metadata.own("embedding_length"));
      const heads = metadata.required(metadata.own("attention.head_count"));
      const stated = metadata.wholeNumber(metadata.own("attention.key_length"));
      const headSize = stated ?? width / heads;
      return new GgufWeights(counted, header, { family: ggufFamily(metadata), headSize });
    });
  } catch (error) {
    source.close();
    throw error;
  }
}
