/**
 * Tokenizers in files: which of a folder's files describe one, and writing them.
 *
 * What the files mean is left to lib/text.
 *
 * @module
 */

import { attempt, writeFilesAtomically } from "../files.ts";
import { openTokenizer, type TokenizerFiles } from "../text/open_tokenizer.ts";
import type { Tokenizer } from "../text/tokenizer.ts";

/** The most bytes that a file of a tokenizer may have. */
const MAXIMUM_BYTES = 256_000_000;

/**
 * Reads a tokenizer from a folder (its `tokenizer.json`, with `tokenizer_config.json` where there
 * is one, or its SentencePiece model, `tokenizer.model` or `spiece.model`), or from one such file.
 *
 * @throws {UserError} where there is none
 * @throws {SyntaxError} where a file is malformed or too large
 */
export async function readTokenizer(path: string): Promise<Tokenizer> {
  const isFolder = await attempt(`read ${path}`, () => Deno.stat(path)).then((stat) =>
    stat.isDirectory
  );
  const files = isFolder ? await filesIn(path) : await filesAt(path);
  try {
    return await openTokenizer(files);
  } catch (error) {
    if (error instanceof SyntaxError) throw new SyntaxError(`${path}: ${error.message}`);
    throw error;
  }
}

/**
 * Writes a tokenizer's files to a folder, whole or not at all, and gives their paths.
 *
 * @throws {UserError} where one cannot be written
 */
export async function saveTokenizer(tokenizer: Tokenizer, folder: string): Promise<string[]> {
  const contents = tokenizerContents(tokenizer).map(([name, bytes]) =>
    [`${folder}/${name}`, [bytes]] as const
  );
  await attempt(`make folder ${folder}`, () => Deno.mkdir(folder, { recursive: true }));
  await writeFilesAtomically(...contents);
  return contents.map(([path]) => path);
}

/** A tokenizer's files as bytes, by name. */
export function tokenizerContents(
  tokenizer: Tokenizer,
): [name: string, bytes: Uint8Array<ArrayBuffer>][] {
  return Array.from(tokenizer.files(), ([name, content]) => [
    name,
    typeof content === "string" ? new TextEncoder().encode(content) : content,
  ]);
}

async function filesIn(folder: string): Promise<TokenizerFiles> {
  if (await exists(`${folder}/tokenizer.json`)) return await filesAt(`${folder}/tokenizer.json`);
  for (const name of ["tokenizer.model", "spiece.model", "sentencepiece.bpe.model"]) {
    if (await exists(`${folder}/${name}`)) return await filesAt(`${folder}/${name}`);
  }
  return await filesAt(`${folder}/tokenizer.json`); // which says that it is missing
}

async function filesAt(path: string): Promise<TokenizerFiles> {
  if (path.endsWith(".model")) return { model: await readBytes(path) };
  const text = async (path: string) => new TextDecoder().decode(await readBytes(path));
  const beside = async (name: string) => {
    const other = path.replace(/[^/]*$/, name);
    return await exists(other) ? await text(other) : undefined;
  };
  return {
    json: await text(path),
    config: await beside("tokenizer_config.json"),
    template: await beside("chat_template.jinja"),
  };
}

async function readBytes(path: string): Promise<Uint8Array<ArrayBuffer>> {
  const { size } = await attempt(`read ${path}`, () => Deno.stat(path));
  if (size > MAXIMUM_BYTES) {
    throw new SyntaxError(`${path}: ${size} bytes are too many for a tokenizer`);
  }
  return await attempt(`read ${path}`, () => Deno.readFile(path));
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(({ isFile }) => isFile, () => false);
}
