/**
 * The word vectors of a lesson: the bundled ones, or those of a file that the reader names.
 *
 * @module
 */
import { type Flag, text } from "../cli/flags.ts";
import { userInput } from "../cli/run.ts";
import { loadWordVectors } from "../hub/load_word_vectors.ts";
import type { WordVectors } from "../hub/word_vectors.ts";

/** The flag `--vectors FILE`. */
export const vectorsFlag: Flag<string | undefined> = text(
  undefined,
  "other word vectors, as GloVe or word2vec write them",
  { placeholder: "FILE" },
);

/**
 * The bundled table, or that of a file.
 *
 * @throws {UserError} if the file cannot be read or is malformed
 */
export async function loadVectors(file: string | undefined): Promise<WordVectors> {
  return await userInput(() => loadWordVectors(file));
}
