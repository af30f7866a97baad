/**
 * Token files as nanoGPT writes them: only ids, as unsigned 16-bit little-endian integers.
 *
 * @module
 */

import { describe } from "../errors.ts";
import { attempt, writeFileAtomically } from "../files.ts";
import { checkOptions } from "../options.ts";
import { localPath } from "../place.ts";
import { readRegularFile } from "../regular_file.ts";
import type { TokenArray } from "./split_corpus.ts";

/** The largest id that a token file can hold. */
const LARGEST_TOKEN = 0xFFFF;

/**
 * Saves token ids, `tokens` [n] from 0 to 65,535, to a file: all or nothing.
 *
 * ```ts
 * import { loadTokenFile, saveTokenFile } from "../../mod.ts";
 * const path = `${await Deno.makeTempDir()}/train.bin`;
 * await saveTokenFile(path, Uint16Array.of(1, 2, 3));
 * console.log([...await loadTokenFile(path)]); // [ 1, 2, 3 ]
 * ```
 *
 * @throws {RangeError} if an id is larger, or negative
 * @throws {UserError} if the file cannot be written; an older one is then unchanged
 * @throws {TypeError} if `file` is neither a path nor a `file:` address, or `tokens` no typed array
 */
export async function saveTokenFile(file: string | URL, tokens: TokenArray): Promise<void> {
  const path = localPath("saveTokenFile", file);
  if (!ArrayBuffer.isView(tokens)) {
    throw new TypeError(
      `saveTokenFile: expected ids in a typed array, got ${describe(tokens)}`,
    );
  }
  await writeFileAtomically(path, [tokenBytes(tokens, path)]);
}

/**
 * The content of a token file that will be called `path` in errors.
 *
 * @throws {RangeError} if an id is above 65,535, or negative
 */
export function tokenBytes(tokens: TokenArray, path: string): Uint8Array<ArrayBuffer> {
  let largest = 0;
  let smallest = 0;
  for (const id of tokens) {
    if (id > largest) largest = id;
    if (id < smallest) smallest = id;
  }
  if (largest > LARGEST_TOKEN || smallest < 0) {
    throw new RangeError(
      `${path}: expected ids from 0 to ${LARGEST_TOKEN} (16 bits), got ` +
        `${smallest < 0 ? smallest : largest}; use a tokenizer with a smaller vocabulary`,
    );
  }
  const bytes = new Uint8Array(2 * tokens.length);
  const view = new DataView(bytes.buffer);
  for (let index = 0; index < tokens.length; index++) {
    view.setUint16(2 * index, tokens[index], true);
  }
  return bytes;
}

/** What a token file must fit. */
export interface LoadTokenFileOptions {
  /** V: every id must be below it; default any id. */
  vocabSize?: number;
}

/**
 * Loads a token file: its ids, [n].
 *
 * @throws {UserError} if there is no such file, or it cannot be read
 * @throws {SyntaxError} if its length in bytes is odd
 * @throws {RangeError} if an id is not below `vocabSize`
 * @throws {TypeError} if `file` is neither a path nor a `file:` address, or an option is unknown
 */
export async function loadTokenFile(
  file: string | URL,
  options: LoadTokenFileOptions = {},
): Promise<Uint16Array<ArrayBuffer>> {
  const path = localPath("loadTokenFile", file);
  checkOptions("loadTokenFile", options, { vocabSize: true });
  const { vocabSize = LARGEST_TOKEN + 1 } = options;
  const bytes = await attempt(`read ${path}`, () => readRegularFile(path));
  if (bytes.length % 2 === 1) {
    throw new SyntaxError(
      `${path}: expected 16-bit tokens, got an odd number of bytes, ${bytes.length}; ` +
        "the file is truncated, or has another format",
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const tokens = new Uint16Array(bytes.length / 2);
  for (let index = 0; index < tokens.length; index++) {
    tokens[index] = view.getUint16(2 * index, true);
    if (tokens[index] >= vocabSize) {
      throw new RangeError(
        `${path}: expected ids below ${vocabSize}, the size of the vocabulary, got ` +
          `${tokens[index]} at token ${index}; is this another tokenizer's file?`,
      );
    }
  }
  return tokens;
}
