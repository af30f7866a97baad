/**
 * Word vectors: a vector for each word of a table, and what can be asked of them.
 *
 * The text formats of GloVe and word2vec are read here; the table that ships is unpacked in
 * shipped_word_vectors.ts.
 *
 * @module
 */
import { type Tensor, tensor } from "../tensor/tensor.ts";

/** The vectors of the words that a table knows, and the words that it does not. */
export interface WordLookup {
  /** The known words, as they were given and in that order. */
  readonly words: readonly string[];
  /** The words that the table lacks, in the order given. */
  readonly unknown: readonly string[];
  /** f32 [n,d], a row for each known word. */
  readonly vectors: Tensor;
  /** One line that names the unknown words; undefined where there are none. */
  readonly warning?: string;
}

/** Options of `WordVectors.lookup` and `WordVectors.embedSentence`. */
export interface LookupOptions {
  /** Scale every vector to length 1, so that a dot product is the cosine. Default false. */
  unit?: boolean;
}

/** A word and the cosine of its vector with another. */
export interface SimilarWord {
  /** The word. */
  readonly word: string;
  /** From −1 to 1. */
  readonly similarity: number;
}

/** Options of `WordVectors.nearest` and `WordVectors.analogy`. */
export interface NearestOptions {
  /** How many words to give. Default 10. */
  count?: number;
}

/**
 * A table of word vectors.
 *
 * A word that is not there as it stands is looked for in lower case, because most tables hold
 * nothing else.
 *
 * ```ts
 * import { openDevice, WordVectors } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const table = WordVectors.fromText("king 1 0.5\nqueen 1 0.4\npear -1 2\n");
 * console.log(table.nearest("king", { count: 1 })); // [ { word: "queen", similarity: 0.997 } ]
 * const { vectors, warning } = table.lookup(["King", "pear", "plum"]);
 * console.log(`${vectors}`, warning); // f32 [2,2] "not in the table of word vectors: plum"
 * device.close();
 * ```
 */
export class WordVectors {
  /** d, the length of a vector. */
  readonly width: number;
  readonly #indices: ReadonlyMap<string, number>;
  readonly #unit: Float32Array;

  /**
   * From words and `values`, [words·d] row after row.
   *
   * TypeError when the values do not make a row for each word; RangeError for no words, a word
   * given twice, or a value that is not finite.
   */
  constructor(readonly words: readonly string[], readonly values: Float32Array<ArrayBuffer>) {
    this.width = values.length / words.length;
    if (words.length === 0) throw new RangeError("WordVectors: expected words, got none");
    if (!Number.isInteger(this.width) || this.width < 1) {
      throw new TypeError(
        `WordVectors: ${values.length} values do not make a row for each of ${words.length} words`,
      );
    }
    const wrong = values.findIndex((value) => !Number.isFinite(value));
    if (wrong >= 0) {
      const word = words[Math.floor(wrong / this.width)];
      throw new RangeError(`WordVectors: the vector of "${word}" holds ${values[wrong]}`);
    }
    this.#indices = indexWords(words);
    this.#unit = unitRows(values, this.width);
  }

  /**
   * Reads the text format of GloVe, `word number … number` on each line, or of word2vec, which has
   * a first line `words width`.
   *
   * A word may hold spaces: the numbers are the last ones of a line. SyntaxError, with the line,
   * for another number of values than the first line's or one that is no number; RangeError for a
   * word that stands there twice.
   */
  static fromText(text: string): WordVectors {
    const lines = text.split("\n");
    while (lines.at(-1)?.trim() === "") lines.pop();
    const header = /^(\d+) (\d+)\s*$/.exec(lines[0] ?? "");
    const rows = header ? lines.slice(1) : lines;
    const first = header ? 1 : 0;
    if (rows.length === 0) throw new SyntaxError("WordVectors: expected words, got none");
    const width = header ? Number(header[2]) : rows[0].trimEnd().split(" ").length - 1;
    if (header && Number(header[1]) !== rows.length) {
      throw new SyntaxError(
        `WordVectors: the first line says ${header[1]} words, got ${rows.length}`,
      );
    }
    const words: string[] = [];
    if (width < 1) throw new SyntaxError("WordVectors: line 1: expected a word and numbers");
    // The text holds at least two characters for each value, so a false width cannot ask for more
    // memory than that.
    if (rows.length * width * 2 > text.length) {
      throw new SyntaxError(`WordVectors: too short for ${rows.length} words of width ${width}`);
    }
    const values = new Float32Array(rows.length * width);
    rows.forEach((line, index) => {
      words.push(readRow(line, values.subarray(index * width, (index + 1) * width), index + first));
    });
    return new WordVectors(words, values);
  }

  /** Whether the table knows a word, as it stands or in lower case. */
  has(word: string): boolean {
    return this.#find(word) !== undefined;
  }

  /** The vector of a word, [d]. RangeError, which names the word, when the table lacks it. */
  vector(word: string): Float32Array<ArrayBuffer> {
    const index = this.#expect(word);
    return this.values.slice(index * this.width, (index + 1) * this.width);
  }

  /** The whole table on the current device, f32 [words,d]. */
  tensor(): Tensor {
    return tensor(this.values, { shape: [this.words.length, this.width] });
  }

  /**
   * The vectors of `words` as one tensor; unknown words are named in the result. RangeError when no
   * word is known.
   */
  lookup(words: readonly string[], { unit = false }: LookupOptions = {}): WordLookup {
    const known = words.filter((word) => this.has(word));
    const unknown = words.filter((word) => !this.has(word));
    const warning = unknown.length > 0
      ? `not in the table of word vectors: ${unknown.join(", ")}`
      : undefined;
    if (known.length === 0) {
      throw new RangeError(`lookup: ${warning ?? "expected words, got none"}`);
    }
    const source = unit ? this.#unit : this.values;
    const rows = new Float32Array(known.length * this.width);
    known.forEach((word, row) => {
      const start = this.#expect(word) * this.width;
      rows.set(source.subarray(start, start + this.width), row * this.width);
    });
    const vectors = tensor(rows, { shape: [known.length, this.width] });
    return { words: known, unknown, vectors, warning };
  }

  /**
   * The words of a sentence as a batch of one: `vectors` is f32 [1,T,d]. Punctuation is removed,
   * except within a word (`don't`). RangeError when no word is known.
   */
  embedSentence(sentence: string, options: LookupOptions = {}): WordLookup {
    const words = sentence.match(/[\p{L}\p{M}\p{N}]+(?:['’-][\p{L}\p{M}\p{N}]+)*/gu) ?? [];
    const found = this.lookup(words, options);
    return { ...found, vectors: found.vectors.view([1, ...found.vectors.shape]) };
  }

  /**
   * The cosine of two words' vectors, a·b/(|a||b|), from −1 to 1. RangeError for an unknown word.
   */
  similarity(a: string, b: string): number {
    const [i, j] = [this.#expect(a) * this.width, this.#expect(b) * this.width];
    let sum = 0;
    for (let k = 0; k < this.width; k++) sum += this.#unit[i + k] * this.#unit[j + k];
    return sum;
  }

  /**
   * The words whose vectors have the greatest cosine with that of `word`, which is left out.
   * RangeError for an unknown word.
   */
  nearest(word: string, options: NearestOptions = {}): SimilarWord[] {
    const index = this.#expect(word);
    return this.#closest(this.vector(word), new Set([index]), options);
  }

  /**
   * Words for "`a` is to `b` as `c` is to …": those nearest to b − a + c of unit vectors, without
   * the three themselves. RangeError for an unknown word. Source: Mikolov et al., NAACL 2013,
   * "Linguistic regularities in continuous space word representations".
   */
  analogy(a: string, b: string, c: string, options: NearestOptions = {}): SimilarWord[] {
    const [i, j, k] = [a, b, c].map((word) => this.#expect(word));
    const at = (index: number, column: number) => this.#unit[index * this.width + column];
    const target = Float32Array.from({ length: this.width }, (_, column) => {
      return at(j, column) - at(i, column) + at(k, column);
    });
    return this.#closest(target, new Set([i, j, k]), options);
  }

  #closest(
    target: Float32Array<ArrayBuffer>,
    left: ReadonlySet<number>,
    options: NearestOptions,
  ): SimilarWord[] {
    const { count = 10 } = options;
    const unit = unitRows(target, this.width);
    const similar = this.words.map((word, index) => {
      let similarity = 0;
      for (let k = 0; k < this.width; k++) {
        similarity += this.#unit[index * this.width + k] * unit[k];
      }
      return { word, similarity, index };
    });
    return similar.filter(({ index }) => !left.has(index))
      .sort((one, other) => other.similarity - one.similarity)
      .slice(0, count).map(({ word, similarity }) => ({ word, similarity }));
  }

  #find(word: string): number | undefined {
    return this.#indices.get(word) ?? this.#indices.get(word.toLowerCase());
  }

  #expect(word: string): number {
    const index = this.#find(word);
    if (index === undefined) {
      throw new RangeError(
        `word vectors: "${word}" is not among the ${this.words.length} words of the table`,
      );
    }
    return index;
  }
}

/** Reads the numbers at the end of a line into `values` and gives the word before them. */
function readRow(line: string, values: Float32Array, index: number): string {
  const parts = line.trimEnd().split(" ");
  const numbers = parts.splice(Math.max(parts.length - values.length, 0));
  const word = parts.join(" ");
  if (word === "" || numbers.length !== values.length) {
    throw new SyntaxError(
      `WordVectors: line ${index + 1}: expected a word and ${values.length} numbers, got ${
        JSON.stringify(line.slice(0, 40))
      }`,
    );
  }
  numbers.forEach((text, column) => {
    const value = text === "" ? NaN : Number(text);
    if (!Number.isFinite(value)) {
      throw new SyntaxError(
        `WordVectors: line ${index + 1}: expected a number, got ${
          JSON.stringify(text.slice(0, 40))
        }`,
      );
    }
    values[column] = value;
  });
  return word;
}

function indexWords(words: readonly string[]): Map<string, number> {
  const indices = new Map<string, number>();
  words.forEach((word, index) => {
    const before = indices.get(word);
    if (before !== undefined) {
      throw new RangeError(
        `WordVectors: "${word}" stands twice, as word ${before + 1} and ${index + 1}`,
      );
    }
    indices.set(word, index);
  });
  return indices;
}

/** The rows divided by their lengths; a row of zeros stays so. */
function unitRows(values: Float32Array, width: number): Float32Array {
  const unit = Float32Array.from(values);
  for (let start = 0; start < unit.length; start += width) {
    const row = unit.subarray(start, start + width);
    const length = Math.sqrt(row.reduce((sum, value) => sum + value * value, 0)) || 1;
    for (let k = 0; k < width; k++) row[k] /= length;
  }
  return unit;
}
