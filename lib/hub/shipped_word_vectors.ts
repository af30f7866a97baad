/**
 * The table of word vectors that ships in data/: its compact form, unpacked at its first use.
 *
 * The form: a line `words width`, then on each line a word, a scale, and `width` signed bytes in
 * base64; a value is its byte times the scale.
 *
 * @module
 */
import { textAt } from "../data/text_at.ts";
import { isDeno } from "../runtime.ts";
import { WordVectors } from "./word_vectors.ts";

/** Where a page, whose bundle has no `data/` beside it, finds the table. */
const PUBLISHED = "https://raw.githubusercontent.com/folio-deno/folio/main/data/word_vectors.txt";

let loading: Promise<WordVectors> | undefined;

/** The 4,096 word vectors that ship; see `loadWordVectors`. */
export function shippedWordVectors(): Promise<WordVectors> {
  loading ??= table().then(unpack).catch((error) => {
    loading = undefined; // a network that fails once may be back
    throw error;
  });
  return loading;
}

async function table(): Promise<string> {
  if (!isDeno()) return await textAt(PUBLISHED, "word vectors");
  // In a variable: Deno would fetch the 600 kB of a literal address at every start.
  const address = new URL("../../data/word_vectors.txt", import.meta.url).href;
  return (await import(address, { with: { type: "text" } })).default;
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
