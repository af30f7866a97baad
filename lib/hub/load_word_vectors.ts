/**
 * Word vectors from a place, or those that ship.
 *
 * @module
 */
import { textAt } from "../data/text_at.ts";
import { expectPlace } from "../place.ts";
import { parseWordVectors } from "./parse_word_vectors.ts";
import { shippedWordVectors } from "./shipped_word_vectors.ts";
import type { WordVectors } from "./word_vectors.ts";

/**
 * Loads word vectors: from a path or a `file:`, `http:` or `https:` address of a file as GloVe or
 * word2vec write it, or, without a place, the 4,096 that ship: frequent English words in lower
 * case, of width 100, from GloVe 6B (PDDL 1.0), rounded to 8 bits a value.
 *
 * ```ts
 * import { loadWordVectors, openDevice } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const vectors = await loadWordVectors();
 * console.log(vectors.analogy("man", "king", "woman", { count: 1 })[0].word); // queen
 * device.close();
 * ```
 *
 * @throws {UserError} if the file cannot be read
 * @throws {SyntaxError} if the file is malformed
 * @throws {TypeError} if `place` is neither a string nor a URL
 */
export async function loadWordVectors(place?: string | URL): Promise<WordVectors> {
  if (place === undefined) return await shippedWordVectors();
  expectPlace("loadWordVectors", place);
  const text = await textAt(place, "word vectors");
  try {
    return parseWordVectors(text);
  } catch (cause) {
    const { message } = cause as Error;
    throw new SyntaxError(message.replace(/^\w+/, `word vectors ${place}`), { cause });
  }
}
