/**
 * Word vectors in the text formats of GloVe and word2vec.
 *
 * See word_vectors.ts for the table, load_word_vectors.ts for files.
 *
 * @module
 */
import { describe } from "../errors.ts";
import { WordVectors } from "./word_vectors.ts";

/** Maximum number of words of a table; GloVe's largest has 2,196,017. */
const MAX_WORDS = 2_500_000;

/**
 * Reads the text format of GloVe, `word number … number` on each line, or of word2vec, which has a
 * first line `words width`. A word may hold spaces: the numbers are the last ones of a line.
 *
 * ```ts
 * import { parseWordVectors } from "../../mod.ts";
 * const table = parseWordVectors("king 1 0.5\nqueen 1 0.4\npear -1 2\n");
 * console.log(table.width, table.words); // 2 [ "king", "queen", "pear" ]
 * ```
 *
 * @throws {SyntaxError} naming the line, if it has another number of values than the first, or one
 * that is no number; if there are more than 2,500,000 lines
 * @throws {RangeError} if a word occurs twice
 * @throws {TypeError} if `text` is no string
 */
export function parseWordVectors(text: string): WordVectors {
  if (typeof text !== "string") {
    throw new TypeError(`parseWordVectors: expected a text, got ${describe(text)}`);
  }
  expectFewWords(text);
  const lines = text.split("\n");
  while (lines.at(-1)?.trim() === "") lines.pop();
  const header = /^(\d+) (\d+)\s*$/.exec(lines[0] ?? "");
  const rows = header ? lines.slice(1) : lines;
  const first = header ? 1 : 0;
  if (rows.length === 0) throw new SyntaxError("parseWordVectors: expected words, got none");
  const width = header ? Number(header[2]) : rows[0].trimEnd().split(" ").length - 1;
  if (header && Number(header[1]) !== rows.length) {
    throw new SyntaxError(
      `parseWordVectors: expected ${header[1]} words, as the first line says, got ${rows.length}`,
    );
  }
  const words: string[] = [];
  if (width < 1) throw new SyntaxError("parseWordVectors: line 1: expected a word and numbers");
  // The text holds at least two characters for each value, so a false width cannot allocate more
  // memory than that.
  if (rows.length * width * 2 > text.length) {
    throw new SyntaxError(`parseWordVectors: too short for ${rows.length} words of width ${width}`);
  }
  const values = new Float32Array(rows.length * width);
  rows.forEach((line, index) => {
    words.push(readRow(line, values.subarray(index * width, (index + 1) * width), index + first));
  });
  return new WordVectors(words, values);
}

/** Counts the lines before any of them takes memory. */
function expectFewWords(text: string): void {
  let lines = 1;
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) lines++;
  if (lines <= MAX_WORDS + 2) return; // the first may be a header, the last empty
  throw new SyntaxError(
    `parseWordVectors: expected at most ${MAX_WORDS} words, got ${lines} lines; keep the first ` +
      "ones, which are the most frequent",
  );
}

/** Reads the numbers at the end of a line into `values` and returns the word before them. */
function readRow(line: string, values: Float32Array, index: number): string {
  const parts = line.trimEnd().split(" ");
  const numbers = parts.splice(Math.max(parts.length - values.length, 0));
  const word = parts.join(" ");
  if (word === "" || numbers.length !== values.length) {
    throw new SyntaxError(
      `parseWordVectors: line ${index + 1}: expected a word and ${values.length} numbers, got ${
        JSON.stringify(line.slice(0, 40))
      }`,
    );
  }
  numbers.forEach((text, column) => {
    const value = text === "" ? NaN : Number(text);
    if (!Number.isFinite(value)) {
      throw new SyntaxError(
        `parseWordVectors: line ${index + 1}: expected a number, got ${
          JSON.stringify(text.slice(0, 40))
        }`,
      );
    }
    values[column] = value;
  });
  return word;
}
