/**
 * The baseline that a classifier of texts has to beat: counted words and pairs of words, without
 * their order and without a transformer.
 *
 * ../minimize.ts finds the weights; see lib/nn/text_classifier.ts for classifying with a language
 * model.
 *
 * @module
 */
import type { LabeledText } from "../data/labeled_files.ts";
import { describe } from "../errors.ts";
import { checkOptions } from "../options.ts";
import { minimize } from "../minimize.ts";

/** Options of `WordsClassifier.train`. */
export interface WordsClassifierOptions {
  /** Names of the classes. Default: those of the texts, in order of their first text. */
  readonly labels?: readonly string[];
  /** Count pairs of neighboring words, too. Default: true. */
  readonly pairs?: boolean;
  /** C: the loss of all texts weighs C times as much as ½‖weights‖². Default: 10. */
  readonly strength?: number;
}

/** Features of a text: their numbers, and their values. */
interface Sparse {
  readonly indices: Int32Array;
  readonly values: Float64Array;
}

/**
 * Multinomial logistic regression on TF-IDF: p(class) = softmax(W·x + b), x the words (and pairs)
 * of a text, each (1 + ln count)·(1 + ln((1 + n) / (1 + texts that have it))), of length 1.
 *
 * Words are runs of two or more letters, digits or `_`, in lower case, as in scikit-learn's
 * `TfidfVectorizer(sublinear_tf=True)`.
 *
 * ```ts
 * const rows = [{ text: "free prize now", label: "spam" }, { text: "see you soon", label: "ham" }];
 * const classifier = WordsClassifier.train(rows);
 * console.log(classifier.classify("a free prize").label); // spam
 * ```
 */
export class WordsClassifier {
  readonly #features: ReadonlyMap<string, number>;
  readonly #idf: Float64Array;
  /** [features + 1, N] */
  readonly #weights: Float64Array;

  private constructor(
    /** Names of the classes. */
    readonly labels: readonly string[],
    readonly pairs: boolean,
    { features, idf, weights }: {
      features: ReadonlyMap<string, number>;
      idf: Float64Array;
      weights: Float64Array;
    },
  ) {
    this.#features = features;
    this.#idf = idf;
    this.#weights = weights;
  }

  /**
   * Learns from labeled texts; the result depends on nothing but them and the options.
   *
   * @throws {RangeError} if there are fewer than two classes, or a text has an unknown one
   */
  static train(
    rows: readonly LabeledText[],
    options: WordsClassifierOptions = {},
  ): WordsClassifier {
    const names = { labels: true, pairs: true, strength: true };
    checkOptions("WordsClassifier.train", options, names);
    const { labels = [...new Set(rows.map(({ label }) => label))], pairs = true, strength = 10 } =
      options;
    const classes = rows.map(({ label }) => labels.indexOf(label));
    const unknown = classes.indexOf(-1);
    if (labels.length < 2 || unknown >= 0) {
      throw new RangeError(
        "WordsClassifier.train: expected texts of two or more classes, got " +
          (unknown >= 0 ? `the unknown class ${describe(rows[unknown].label)}` : labels.join(", ")),
      );
    }
    const counts = rows.map(({ text }) => countsOf(text, pairs));
    const { features, idf } = learnedFeatures(counts);
    const texts = counts.map((count) => sparse(count, features, idf));
    const start = new Float64Array((features.size + 1) * labels.length);
    const weights = minimize(
      (w, gradient) =>
        regression({ texts, classes, strength }, { w, gradient, labels: labels.length }),
      start,
    );
    return new WordsClassifier(labels, pairs, { features, idf, weights });
  }

  /** How many numbers were learned. */
  get parameterCount(): number {
    return this.#weights.length;
  }

  /** The class of a text with the highest probability, and all probabilities. */
  classify(text: string): { label: string; score: number; scores: Float64Array } {
    const x = sparse(countsOf(text, this.pairs), this.#features, this.#idf);
    const scores = probabilities(x, this.#weights, this.labels.length);
    const score = Math.max(...scores);
    return { label: this.labels[scores.indexOf(score)], score, scores };
  }
}

/** How often each word, and each pair, is in a text. */
function countsOf(text: string, pairs: boolean): Map<string, number> {
  const words = text.toLowerCase().match(/[\p{L}\p{N}_]{2,}/gu) ?? [];
  const counts = new Map<string, number>();
  const count = (term: string) => counts.set(term, (counts.get(term) ?? 0) + 1);
  words.forEach(count);
  if (pairs) { for (let i = 1; i < words.length; i++) count(`${words[i - 1]} ${words[i]}`); }
  return counts;
}

function learnedFeatures(
  counts: readonly Map<string, number>[],
): { features: Map<string, number>; idf: Float64Array } {
  const texts = new Map<string, number>();
  for (const count of counts) {
    for (const term of count.keys()) texts.set(term, (texts.get(term) ?? 0) + 1);
  }
  const features = new Map([...texts.keys()].map((term, i) => [term, i]));
  const idf = Float64Array.from(texts.values(), (n) => 1 + Math.log((1 + counts.length) / (1 + n)));
  return { features, idf };
}

/** The TF-IDF of a text, of length 1; words that were not learned are left out. */
function sparse(
  counts: ReadonlyMap<string, number>,
  features: ReadonlyMap<string, number>,
  idf: Float64Array,
): Sparse {
  const known = [...counts].filter(([term]) => features.has(term));
  const indices = Int32Array.from(known, ([term]) => features.get(term)!);
  const values = Float64Array.from(known, ([, n], i) => (1 + Math.log(n)) * idf[indices[i]]);
  const length = Math.hypot(...values) || 1;
  return { indices, values: values.map((value) => value / length) };
}

/** softmax(W·x + b). */
function probabilities({ indices, values }: Sparse, w: Float64Array, labels: number): Float64Array {
  const scores = w.slice(w.length - labels); // the biases
  for (let i = 0; i < indices.length; i++) {
    for (let c = 0; c < labels; c++) scores[c] += values[i] * w[indices[i] * labels + c];
  }
  const highest = Math.max(...scores);
  let sum = 0;
  for (let c = 0; c < labels; c++) sum += scores[c] = Math.exp(scores[c] - highest);
  return scores.map((score) => score / sum);
}

/** C·Σ −ln p(class of the text) + ½‖w‖², and its gradient. */
function regression(
  { texts, classes, strength }: {
    texts: readonly Sparse[];
    classes: readonly number[];
    strength: number;
  },
  { w, gradient, labels }: { w: Float64Array; gradient: Float64Array; labels: number },
): number {
  gradient.set(w);
  let loss = 0.5 * w.reduce((sum, value) => sum + value * value, 0);
  const bias = w.length - labels;
  texts.forEach((text, t) => {
    const p = probabilities(text, w, labels);
    loss -= strength * Math.log(p[classes[t]]);
    p[classes[t]] -= 1;
    const { indices, values } = text;
    for (let c = 0; c < labels; c++) {
      const slope = strength * p[c];
      for (let i = 0; i < indices.length; i++) {
        gradient[indices[i] * labels + c] += slope * values[i];
      }
      gradient[bias + c] += slope;
    }
  });
  return loss;
}
