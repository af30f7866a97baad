/**
 * The table of word vectors that ships in data/: its compact form, unpacked at its first use.
 *
 * The form: a line `words width`, then on each line a word, a scale, and `width` signed bytes in
 * base64; a value is its byte times the scale.
 *
 * @module
 */
import { WordVectors } from "./word_vectors.ts";

// In a variable: Deno would fetch the 600 kB of a literal address at every start.
const TABLE = new URL("../../data/word_vectors.txt", import.meta.url).href;

let loading: Promise<WordVectors> | undefined;

/** The 4,002 word vectors that ship; see `loadWordVectors`. */
export function shippedWordVectors(): Promise<WordVectors> {
  loading ??= import(TABLE, { with: { type: "text" } }).then((module) => unpack(module.default));
  return loading;
}

function unpack(table: string): WordVectors {
  const [header, ...lines] = table.trimEnd().split("\n");
  const [count, width] = header.split(" ").map(Number);
  if (lines.length !== count) {
    throw new SyntaxError(`word vectors: expected ${count} lines, got ${lines.length}`);
  }
  const values = new Float32Array(count * width);
  const words = lines.map((line, row) => {
    const [word, scale, encoded] = line.split(" ");
    const bytes = atob(encoded);
    for (let k = 0; k < width; k++) {
      values[row * width + k] = Number(scale) * (bytes.charCodeAt(k) << 24 >> 24);
    }
    return word;
  });
  return new WordVectors(words, values);
}
