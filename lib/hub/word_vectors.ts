/**
 * Word vectors: a vector for each word of a table, with look-up, similarity, nearest words and
 * analogies.
 *
 * parse_word_vectors.ts reads the text formats of GloVe and word2vec, load_word_vectors.ts files
 * and the table that ships.
 *
 * @module
 */
import { describe } from "../errors.ts";
import { checkOptions } from "../options.ts";
import { type Tensor, tensor } from "../tensor/tensor.ts";

/** The vectors of the words that a table knows, and the words that it does not. */
export interface WordLookup {
  /** The known words, as given and in that order. */
  readonly words: readonly string[];
  /** The words that the table lacks, in the order given. */
  readonly unknown: readonly string[];
  /** f32 [n,d], a row for each known word. */
  readonly vectors: Tensor;
  /** One line that names the unknown words; undefined if there are none. */
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
  /** Number of words to return. Default 10. */
  count?: number;
}

/**
 * A table of word vectors.
 *
 * A word that is not in the table is looked for in lower case, because most tables hold nothing
 * else.
 *
 * ```ts
 * import { openDevice, parseWordVectors } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const table = parseWordVectors("king 1 0.5\nqueen 1 0.4\npear -1 2\n");
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
   * From words and `values`, [words·d] row by row.
   *
   * @throws {TypeError} if the values do not make a row for each word
   * @throws {RangeError} if there is no word, one is given twice, or a value is not finite
   */
  constructor(readonly words: readonly string[], readonly values: Float32Array<ArrayBuffer>) {
    if (!Array.isArray(words) || !(values instanceof Float32Array)) {
      const got = `${describe(words)} and ${describe(values)}`;
      throw new TypeError(
        `WordVectors: expected words and a Float32Array of their values, got ${got}; ` +
          "parseWordVectors reads a text, loadWordVectors a place",
      );
    }
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

  /** Whether the table has a word, as given or in lower case. */
  has(word: string): boolean {
    return this.#find(word) !== undefined;
  }

  /**
   * The vector of a word, [d].
   *
   * @throws {RangeError} if the table lacks the word
   */
  vector(word: string): Float32Array<ArrayBuffer> {
    const index = this.#expect(word);
    return this.values.slice(index * this.width, (index + 1) * this.width);
  }

  /** The whole table on the current device, f32 [words,d]. */
  tensor(): Tensor {
    return tensor(this.values, { shape: [this.words.length, this.width] });
  }

  /**
   * The vectors of `words` as one tensor; unknown words are named in the result.
   *
   * @throws {RangeError} if no word is known
   * @throws {TypeError} if `words` is no list, or an option is unknown
   */
  lookup(words: readonly string[], options: LookupOptions = {}): WordLookup {
    checkOptions("lookup", options, { unit: false });
    if (!Array.isArray(words)) {
      const advice = typeof words === "string" ? "; embedSentence takes a sentence" : "";
      throw new TypeError(`lookup: expected a list of words, got ${describe(words)}${advice}`);
    }
    const { unit = false } = options;
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
   * except within a word (`don't`).
   *
   * @throws {RangeError} if no word is known
   * @throws {TypeError} if an option is unknown
   */
  embedSentence(sentence: string, options: LookupOptions = {}): WordLookup {
    const words = sentence.match(/[\p{L}\p{M}\p{N}]+(?:['’-][\p{L}\p{M}\p{N}]+)*/gu) ?? [];
    const found = this.lookup(words, options);
    return { ...found, vectors: found.vectors.view([1, ...found.vectors.shape]) };
  }

  /**
   * The cosine of two words' vectors, a·b/(|a||b|), from −1 to 1.
   *
   * @throws {RangeError} if the table lacks a word
   */
  similarity(a: string, b: string): number {
    const [i, j] = [this.#expect(a) * this.width, this.#expect(b) * this.width];
    let sum = 0;
    for (let k = 0; k < this.width; k++) sum += this.#unit[i + k] * this.#unit[j + k];
    return sum;
  }

  /**
   * The words whose vectors have the greatest cosine with that of `word`, which is left out.
   *
   * @throws {RangeError} if the table lacks the word
   * @throws {TypeError} if an option is unknown
   */
  nearest(word: string, options: NearestOptions = {}): SimilarWord[] {
    checkOptions("nearest", options, { count: 10 });
    const index = this.#expect(word);
    return this.#closest(this.vector(word), new Set([index]), options);
  }

  /**
   * Words for "`a` is to `b` as `c` is to …": those nearest to b − a + c of unit vectors, without
   * the three themselves. Source: Mikolov et al., NAACL 2013, "Linguistic regularities in
   * continuous space word representations".
   *
   * @throws {RangeError} if the table lacks a word
   * @throws {TypeError} if an option is unknown
   */
  analogy(a: string, b: string, c: string, options: NearestOptions = {}): SimilarWord[] {
    checkOptions("analogy", options, { count: 10 });
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

function indexWords(words: readonly string[]): Map<string, number> {
  const indices = new Map<string, number>();
  words.forEach((word, index) => {
    const before = indices.get(word);
    if (before !== undefined) {
      throw new RangeError(
        `WordVectors: "${word}" occurs twice, as word ${before + 1} and ${index + 1}`,
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
