/**
 * Token files as nanoGPT writes them: ids as unsigned 16-bit integers, little-endian, and nothing
 * else.
 *
 * @module
 */

import { attempt, writeFileAtomically } from "../files.ts";
import type { TokenArray } from "./split_corpus.ts";

/** The largest id that a token file can hold. */
export const LARGEST_TOKEN = 0xFFFF;

/**
 * Writes token ids to a file, whole or not at all.
 *
 * @param tokens [n] ids from 0 to 65,535
 * @throws {RangeError} where an id is larger, or negative
 * @throws {UserError} where the file cannot be written; an older one then stays as it was
 */
export async function writeTokenFile(path: string, tokens: TokenArray): Promise<void> {
  await writeFileAtomically(path, [tokenBytes(tokens, path)]);
}

/**
 * The content of a token file.
 *
 * @param path what the file will be called, for errors
 * @throws {RangeError} where an id is above 65,535, or negative
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
export interface ReadTokenFileOptions {
  /** V: every id must be below it; default any id. */
  vocabSize?: number;
}

/**
 * Reads a token file.
 *
 * @returns [n] token ids
 * @throws {UserError} where there is no such file, or it may not be read
 * @throws {SyntaxError} where its length in bytes is odd
 * @throws {RangeError} where an id is not below `vocabSize`
 */
export async function readTokenFile(
  path: string,
  { vocabSize = LARGEST_TOKEN + 1 }: ReadTokenFileOptions = {},
): Promise<Uint16Array<ArrayBuffer>> {
  const bytes = await attempt(`read ${path}`, () => Deno.readFile(path));
  if (bytes.length % 2 === 1) {
    throw new SyntaxError(
      `${path}: expected 16-bit tokens, got an odd number of bytes, ${bytes.length}; ` +
        "the file is cut short, or holds something else",
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
