/**
 * The word vectors of a lesson: those that ship, or those of a file that its reader names.
 *
 * @module
 */
import { type Flag, text } from "../cli/flags.ts";
import { userInput } from "../cli/run.ts";
import { loadWordVectors } from "../hub/load_word_vectors.ts";
import type { WordVectors } from "../hub/word_vectors.ts";

/** `--vectors FILE`. */
export const vectorsFlag: Flag<string | undefined> = text(
  undefined,
  "other word vectors, as GloVe or word2vec write them",
  { placeholder: "FILE" },
);

/**
 * The table that ships, or that of a file.
 *
 * @throws {UserError} if the file cannot be read or is malformed
 */
export async function loadVectors(file: string | undefined): Promise<WordVectors> {
  return await userInput(() => loadWordVectors(file));
}
