/**
 * A corpus that is tokenized once and for all: a folder with `train.bin`, `val.bin` and the
 * tokenizer.
 *
 * @module
 */

import { attempt, type Chunks, writeFilesAtomically } from "../files.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { sha256 } from "./checked_text.ts";
import { splitCorpus } from "./split_corpus.ts";
import { readTokenFile, tokenBytes } from "./token_files.ts";
import { readTokenizer, tokenizerContents } from "./tokenizer_files.ts";

const TRAIN = "train.bin";
const VALIDATION = "val.bin";
/** What a tokenizer may be kept in. */
const TOKENIZERS = ["tokenizer.json", "tokenizer.model"];

/** Options of `prepareCorpus`. */
export interface PrepareCorpusOptions {
  /** The part of the tokens set aside, from the end, in [0, 1); default 0.1. */
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
 * Encodes a text and writes it into a folder, which is made where there is none. Everything is
 * checked before anything is written, and files of an earlier time are replaced together.
 *
 * @throws {RangeError} where the tokenizer cannot encode the text, or makes ids above 65,535
 * @throws {UserError} where a file cannot be written
 */
export async function prepareCorpus(
  text: string,
  tokenizer: Tokenizer,
  folder: string,
  { validationFraction }: PrepareCorpusOptions = {},
): Promise<PreparedCounts> {
  const start = performance.now();
  const tokens = tokenizer.encode(text);
  const encodeMilliseconds = performance.now() - start;
  const { train, validation } = splitCorpus(tokens, validationFraction);
  const files: [string, Chunks][] = [
    [`${folder}/${TRAIN}`, [tokenBytes(train, TRAIN)]],
    [`${folder}/${VALIDATION}`, [tokenBytes(validation, VALIDATION)]],
    ...tokenizerContents(tokenizer).map(([name, bytes]): [string, Chunks] => [
      `${folder}/${name}`,
      [bytes],
    ]),
  ];
  await attempt(`make folder ${folder}`, () => Deno.mkdir(folder, { recursive: true }));
  await writeFilesAtomically(...files);
  return {
    trainTokens: train.length,
    validationTokens: validation.length,
    vocabSize: tokenizer.vocabSize,
    encodeMilliseconds,
    files: files.map(([path]) => path),
  };
}

/** A corpus as `readPreparedCorpus` finds it. */
export interface PreparedCorpus {
  /** [n] token ids to learn from. */
  train: Uint16Array<ArrayBuffer>;
  /** [m] token ids to measure on. */
  validation: Uint16Array<ArrayBuffer>;
  /** Whose ids they are. */
  tokenizer: Tokenizer;
  /** The SHA-256 of `train.bin` and `val.bin`, one after the other, in lower-case hexadecimal. */
  sha256: string;
}

/**
 * Reads back what `prepareCorpus` wrote.
 *
 * @throws {UserError} where a file is missing
 * @throws {SyntaxError} where a file is malformed
 * @throws {RangeError} where ids do not fit the tokenizer
 */
export async function readPreparedCorpus(folder: string): Promise<PreparedCorpus> {
  const tokenizer = await readTokenizer(folder);
  const { vocabSize } = tokenizer;
  const train = await readTokenFile(`${folder}/${TRAIN}`, { vocabSize });
  const validation = await readTokenFile(`${folder}/${VALIDATION}`, { vocabSize });
  const bytes = await new Blob([train, validation]).arrayBuffer();
  return { train, validation, tokenizer, sha256: await sha256(new Uint8Array(bytes)) };
}

/**
 * Which of the files that `prepareCorpus` writes are in a folder already; none where there is no
 * folder.
 */
export async function preparedFilesIn(folder: string): Promise<string[]> {
  const isThere = async (name: string) =>
    await Deno.lstat(`${folder}/${name}`).then(() => true, () => false);
  const there: string[] = [];
  for (const name of [TRAIN, VALIDATION, ...TOKENIZERS]) if (await isThere(name)) there.push(name);
  return there;
}

/** Whether a path is a folder that holds a `train.bin`. */
export async function isPreparedCorpus(path: string): Promise<boolean> {
  return await Deno.stat(`${path}/${TRAIN}`).then(({ isFile }) => isFile, () => false);
}
