/**
 * Which files of a folder describe a tokenizer, to read them and to write them.
 *
 * parse_tokenizer.ts reads their content; lib/hub opens the folders of models, lib/data those of
 * prepared corpora.
 *
 * @module
 */

import type { NamedFile } from "../files.ts";
import { hasMoreEntries } from "../json_entries.ts";
import { parseTokenizer } from "./parse_tokenizer.ts";
import type { Tokenizer } from "./tokenizer.ts";
import { MAXIMUM_VOCABULARY } from "./tokenizer_file.ts";
import type { BesideVocabulary } from "./beside_vocabulary.ts";

/** The files that may hold a tokenizer, in the order of preference. */
export const TOKENIZER_FILES: readonly string[] = [
  "tokenizer.json",
  "tokenizer.model",
  "spiece.model",
  "sentencepiece.bpe.model",
  "vocab.json",
  "vocab.txt",
];

/** Ranks of byte pairs in forms of their makers, which are not read. */
const RANK_FILES = ["tekken.json", "tiktoken.model", "qwen.tiktoken"];

/** The maximum size of one of these files, in bytes: three times the largest that is published. */
const LARGEST_FILE = 100_000_000;
const LARGEST_CONFIG = 16_000_000;
const LARGEST_TEMPLATE = 1_000_000;

/**
 * Reads a file of a folder by its name, of at most `limit` bytes; undefined if there is none.
 *
 * @throws {SyntaxError} if it is larger
 */
export type ReadFile = (
  name: string,
  limit: number,
) => Promise<Uint8Array<ArrayBuffer> | undefined>;

/**
 * The tokenizer of a folder, from the first of `names` that it holds; undefined if it holds none.
 *
 * @throws {SyntaxError} if a file is malformed
 */
export async function tokenizerIn(
  read: ReadFile,
  names: readonly string[] = TOKENIZER_FILES,
): Promise<Tokenizer | undefined> {
  for (const name of names) {
    const bytes = await read(name, LARGEST_FILE);
    if (bytes === undefined) continue;
    if (isRanks(name, bytes)) throw unreadRanks(name);
    const found = await contentOf(name, bytes, read);
    if (found === undefined) continue;
    if (found instanceof Uint8Array) return await parseTokenizer(found);
    const chatTemplate = await read("chat_template.jinja", LARGEST_TEMPLATE);
    return await parseTokenizer(found.file, {
      config: found.config,
      chatTemplate: chatTemplate && text(chatTemplate, "chat_template.jinja"),
    });
  }
  for (const name of RANK_FILES) {
    if (await read(name, LARGEST_FILE) !== undefined) throw unreadRanks(name);
  }
  return undefined;
}

/**
 * Whether a file holds ranks of byte pairs: Mistral's by its name, tiktoken's by its first line.
 */
function isRanks(name: string, bytes: Uint8Array): boolean {
  if (RANK_FILES.includes(name)) return true;
  const start = new TextDecoder("latin1").decode(bytes.subarray(0, 256));
  return name.endsWith(".model") && /^[A-Za-z0-9+/]+={0,2} \d+\r?\n/.test(start);
}

function unreadRanks(name: string): SyntaxError {
  return new SyntaxError(
    `${name}: ranks of byte pairs in the form of their makers are not read; add a tokenizer.json, ` +
      "which AutoTokenizer.from_pretrained(…).save_pretrained(…) writes",
  );
}

/** What `parseTokenizer` takes for a file; undefined if it needs another file that is not there. */
async function contentOf(
  name: string,
  bytes: Uint8Array<ArrayBuffer>,
  read: ReadFile,
): Promise<
  Uint8Array<ArrayBuffer> | { file: string | object; config?: string | object } | undefined
> {
  if (name.endsWith(".model")) {
    const { model_type } = await readObjectOf(read, "config.json");
    const beside = { ...await filesBeside(read), name, modelType: model_type };
    const { sentencePieceFile } = await import("./sentence_piece_files.ts");
    return sentencePieceFile(bytes, beside) ?? bytes;
  }
  if (/^vocab\.(?:json|txt)$/.test(name)) {
    return await vocabularyFile(name, text(bytes, name), read);
  }
  const config = await read("tokenizer_config.json", LARGEST_CONFIG);
  return { file: text(bytes, name), config: config && text(config, "tokenizer_config.json") };
}

/** The `tokenizer.json` of a vocabulary and the files beside it; undefined if they lack one. */
async function vocabularyFile(
  name: string,
  vocabulary: string,
  read: ReadFile,
): Promise<{ file: object; config: object } | undefined> {
  const beside = await filesBeside(read);
  const { config } = beside;
  // Loaded here, because most folders have a tokenizer.json.
  const { bytePairFile, wordPieceFile } = await import("./vocabulary_files.ts");
  if (name === "vocab.txt") {
    return { file: wordPieceFile(linesOf(vocabulary, name), beside), config };
  }
  const merges = await read("merges.txt", LARGEST_FILE);
  if (merges === undefined) return undefined;
  const lines = linesOf(text(merges, "merges.txt"), "merges.txt");
  return { file: bytePairFile(objectOf(vocabulary, name), lines, beside), config };
}

/** The lines of a text, which are counted before they take memory. */
function linesOf(content: string, name: string): string[] {
  for (const mark of ["\n", "\r"]) {
    let count = 0;
    for (let at = content.indexOf(mark); at >= 0; at = content.indexOf(mark, at + 1)) {
      if (++count > MAXIMUM_VOCABULARY) {
        throw new SyntaxError(`${name}: expected at most ${MAXIMUM_VOCABULARY} lines`);
      }
    }
  }
  return content.split(/\r\n|\r|\n/);
}

async function filesBeside(read: ReadFile): Promise<BesideVocabulary> {
  return {
    config: await readObjectOf(read, "tokenizer_config.json"),
    special: await readObjectOf(read, "special_tokens_map.json"),
    added: await readObjectOf(read, "added_tokens.json"),
  };
}

async function readObjectOf(read: ReadFile, name: string): Promise<Record<string, unknown>> {
  const bytes = await read(name, LARGEST_CONFIG);
  return bytes === undefined ? {} : objectOf(text(bytes, name), name);
}

function objectOf(json: string, name: string): Record<string, unknown> {
  if (hasMoreEntries(json, MAXIMUM_VOCABULARY)) {
    throw new SyntaxError(`${name}: expected at most ${MAXIMUM_VOCABULARY} entries`);
  }
  try {
    const value = JSON.parse(json);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  } catch {
    // Reported below.
  }
  throw new SyntaxError(`${name}: expected a JSON object`);
}

/** A tokenizer's files, to be written. */
export function tokenizerContents(tokenizer: Tokenizer): NamedFile[] {
  return Array.from(tokenizer.files(), ([name, content]) => [
    name,
    [typeof content === "string" ? new TextEncoder().encode(content) : content],
  ]);
}

function text(bytes: Uint8Array, name: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new SyntaxError(`${name}: it is not UTF-8`, { cause });
  }
}
