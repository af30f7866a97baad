/**
 * A corpus that is tokenized once: a folder with `train.bin`, `val.bin` and the tokenizer.
 *
 * See token_files.ts for the format of the two, split_corpus.ts for the split.
 *
 * @module
 */

import { describe, UserError } from "../errors.ts";
import { attempt, makeFolder, type NamedFile, writeFilesAtomically } from "../files.ts";
import { checkOptions } from "../options.ts";
import { localPath } from "../place.ts";
import { readRegularFile } from "../regular_file.ts";
import { expectTokenizer } from "../text/expect_tokenizer.ts";
import {
  type ReadFile,
  TOKENIZER_FILES,
  tokenizerContents,
  tokenizerIn,
} from "../text/tokenizer_files.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { expectDeno } from "../runtime.ts";
import { sha256 } from "./checked_text.ts";
import { splitCorpus } from "./split_corpus.ts";
import { loadTokenFile, tokenBytes } from "./token_files.ts";

const TRAIN = "train.bin";
const VALIDATION = "val.bin";

/** What `prepareCorpus` prepares. */
export interface CorpusToPrepare {
  /** The corpus. */
  text: string;
  /** What encodes it. */
  tokenizer: Tokenizer;
  /**
   * The fraction of the tokens that is set aside for validation, from the end, in [0, 1); default
   * 0.1.
   */
  validationFraction?: number;
}

/** What `prepareCorpus` wrote. */
export interface PreparedCounts {
  /** Tokens in `train.bin`. */
  trainTokens: number;
  /** Tokens in `val.bin`. */
  validationTokens: number;
  /** V. */
  vocabSize: number;
  /** How long encoding took. */
  encodeMilliseconds: number;
  /** The paths written. */
  files: string[];
}

/**
 * Encodes a text and saves `train.bin`, `val.bin` and the tokenizer to a folder, which is created
 * if it is missing. Everything is checked before anything is written, and files of an earlier call
 * are replaced together. `loadPreparedCorpus` reads them.
 *
 * ```ts
 * import { CharacterTokenizer, loadPreparedCorpus, prepareCorpus } from "../../mod.ts";
 * const text = "to be or not to be";
 * const folder = await Deno.makeTempDir();
 * const tokenizer = CharacterTokenizer.fromText(text);
 * console.log((await prepareCorpus(folder, { text, tokenizer })).trainTokens); // 16
 * console.log((await loadPreparedCorpus(folder)).validation.length); // 2
 * ```
 *
 * @throws {RangeError} if the tokenizer cannot encode the text, or makes ids above 65,535
 * @throws {UserError} if a file cannot be written
 * @throws {TypeError} if an argument has another type, or an option is unknown
 */
export async function prepareCorpus(
  folder: string | URL,
  corpus: CorpusToPrepare,
): Promise<PreparedCounts> {
  const path = localPath("prepareCorpus", folder);
  const known = { text: true, tokenizer: true, validationFraction: 0.1 };
  checkOptions("prepareCorpus", corpus, known);
  const { text, tokenizer, validationFraction } = corpus;
  expectTokenizer("prepareCorpus", tokenizer);
  if (typeof text !== "string") {
    throw new TypeError(`prepareCorpus: expected a text, got ${describe(text)}`);
  }
  const start = performance.now();
  const tokens = tokenizer.encode(text);
  const encodeMilliseconds = performance.now() - start;
  const { train, validation } = splitCorpus(tokens, { validationFraction });
  const files: NamedFile[] = [
    [`${path}/${TRAIN}`, [tokenBytes(train, TRAIN)]],
    [`${path}/${VALIDATION}`, [tokenBytes(validation, VALIDATION)]],
    ...tokenizerContents(tokenizer)
      .map(([name, content]): NamedFile => [`${path}/${name}`, content]),
  ];
  await makeFolder(path);
  await writeFilesAtomically(...files);
  return {
    trainTokens: train.length,
    validationTokens: validation.length,
    vocabSize: tokenizer.vocabSize,
    encodeMilliseconds,
    files: files.map(([path]) => path),
  };
}

/** A corpus as `loadPreparedCorpus` returns it. */
export interface PreparedCorpus {
  /** [n] token ids to learn from. */
  train: Uint16Array<ArrayBuffer>;
  /** [m] token ids to measure on. */
  validation: Uint16Array<ArrayBuffer>;
  /** The tokenizer of these ids. */
  tokenizer: Tokenizer;
  /** The SHA-256 of `train.bin` and `val.bin`, concatenated, in lower-case hexadecimal. */
  sha256: string;
}

/**
 * Loads what `prepareCorpus` saved.
 *
 * @throws {UserError} if a file is missing
 * @throws {SyntaxError} if a file is malformed
 * @throws {RangeError} if there are ids outside the tokenizer's vocabulary
 * @throws {TypeError} if `folder` is neither a path nor a `file:` address
 */
export async function loadPreparedCorpus(folder: string | URL): Promise<PreparedCorpus> {
  const path = localPath("loadPreparedCorpus", folder);
  const tokenizer = await tokenizerOf(path);
  const { vocabSize } = tokenizer;
  const train = await loadTokenFile(`${path}/${TRAIN}`, { vocabSize });
  const validation = await loadTokenFile(`${path}/${VALIDATION}`, { vocabSize });
  const bytes = await new Blob([train, validation]).arrayBuffer();
  return { train, validation, tokenizer, sha256: await sha256(new Uint8Array(bytes)) };
}

async function tokenizerOf(folder: string): Promise<Tokenizer> {
  const read: ReadFile = (name, limit) =>
    readRegularFile(`${folder}/${name}`, limit).catch((error) => {
      if (error instanceof Deno.errors.NotFound) return undefined;
      throw error;
    });
  try {
    const tokenizer = await attempt(`read the tokenizer of ${folder}`, () => tokenizerIn(read));
    if (tokenizer) return tokenizer;
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    throw new SyntaxError(`${folder}: ${cause.message}`, { cause });
  }
  throw new UserError(
    `${folder}: it holds no tokenizer.json; prepareCorpus writes one beside ${TRAIN}`,
  );
}

/**
 * Which of the files that `prepareCorpus` writes are in a folder already; none if there is no
 * folder.
 */
export async function preparedFilesIn(folder: string): Promise<string[]> {
  const isThere = async (name: string) =>
    await Deno.lstat(`${folder}/${name}`).then(() => true, () => false);
  const there: string[] = [];
  for (const name of [TRAIN, VALIDATION, ...TOKENIZER_FILES]) {
    if (await isThere(name)) there.push(name);
  }
  return there;
}

/** Whether a path is a folder that holds a `train.bin`. */
export async function isPreparedCorpus(path: string): Promise<boolean> {
  expectDeno(`read ${path}`);
  return await Deno.stat(`${path}/${TRAIN}`).then(({ isFile }) => isFile, () => false);
}
