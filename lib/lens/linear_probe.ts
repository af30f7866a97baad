/**
 * Linear probes: whether a property of the text can be read off activations by a linear map.
 *
 * n examples, C width, K classes.
 *
 * @module
 */
import { describe } from "../errors.ts";
import { minimize } from "../minimize.ts";
import { checkOptions, type OptionNames } from "../options.ts";

/** Options of `linearProbe`. */
export interface LinearProbeOptions {
  /** C, the size of an example. */
  width: number;
  /** The class of each example, from 0. */
  labels: ArrayLike<number>;
  /** λ, the penalty of the weights' squares. Default: 1e-3. */
  penalty?: number;
}

const OPTIONS: OptionNames<LinearProbeOptions> = { width: true, labels: true, penalty: 1e-3 };

/** A trained probe. */
export interface LinearProbe {
  /** [K,C], row by row. */
  readonly weights: Float64Array;
  /** [K]. */
  readonly biases: Float64Array;
  /** The share of its own examples that it gets right: measure others with `predict`. */
  readonly accuracy: number;
  /** The likeliest class of each example of n·C numbers. */
  predict(examples: ArrayLike<number>): Int32Array;
}

/**
 * Multinomial logistic regression: the minimum of mean −log softmax(x·Wᵀ + b)[label] + λ/2·‖W‖².
 *
 * The minimum is unique, so no seed is involved. A probe that can read a property does not show
 * that the model uses it: compare with shuffled labels, and edit the direction. Source: Alain &
 * Bengio, arXiv 1610.01644; Hewitt & Liang, arXiv 1909.03368 (controls).
 *
 * ```ts
 * const examples = [1, 0, 2, 0.5, -1, 0, -2, 0.1]; // four of two numbers
 * const probe = linearProbe(examples, { width: 2, labels: [0, 0, 1, 1] });
 * console.log(probe.accuracy, probe.predict([3, 3])); // 1, [0]
 * ```
 *
 * @param examples n·C numbers, row by row: `await cache.get(point).data()`.
 * @throws {TypeError} if an option is unknown, or labels and examples do not fit
 * @throws {RangeError} if there are fewer than two classes, or a label is no whole number from 0
 */
export function linearProbe(
  examples: ArrayLike<number>,
  options: LinearProbeOptions,
): LinearProbe {
  checkOptions("linearProbe", options, OPTIONS);
  const { width, penalty = 1e-3 } = options;
  const labels = Array.from(options.labels);
  if (labels.length === 0 || examples.length !== labels.length * width) {
    throw new TypeError(
      `linearProbe: expected a label for each of ${examples.length} / ${width} examples, got ` +
        `${labels.length}`,
    );
  }
  const wrong = labels.find((label) => !Number.isInteger(label) || label < 0);
  const classes = Math.max(...labels) + 1;
  if (wrong !== undefined || classes < 2) {
    throw new RangeError(
      `linearProbe: expected labels 0 and 1, or more, got ${describe(wrong ?? labels[0])}`,
    );
  }
  const sizes = { width, classes };
  const start = new Float64Array(classes * (width + 1));
  const w = minimize(
    (w, gradient) => loss(w, gradient, { examples, labels, penalty, ...sizes }),
    start,
  );
  const predict = (examples: ArrayLike<number>) => classesOf(w, examples, sizes);
  const right = predict(examples).reduce(
    (count, label, i) => count + Number(label === labels[i]),
    0,
  );
  return {
    weights: w.slice(0, classes * width),
    biases: w.slice(classes * width),
    accuracy: right / labels.length,
    predict,
  };
}

interface Sizes {
  readonly width: number;
  readonly classes: number;
}

/** The logits of example i. */
function logitsOf(
  w: Float64Array,
  examples: ArrayLike<number>,
  i: number,
  { width, classes }: Sizes,
): Float64Array {
  const logits = w.slice(classes * width);
  for (let k = 0; k < classes; k++) {
    for (let c = 0; c < width; c++) logits[k] += w[k * width + c] * examples[i * width + c];
  }
  return logits;
}

/** The penalized loss, and its gradient. */
function loss(
  w: Float64Array,
  gradient: Float64Array,
  { examples, labels, penalty, ...sizes }: Sizes & {
    readonly examples: ArrayLike<number>;
    readonly labels: readonly number[];
    readonly penalty: number;
  },
): number {
  const { width, classes } = sizes;
  const count = classes * width;
  let value = 0;
  gradient.fill(0);
  for (let j = 0; j < count; j++) {
    value += penalty / 2 * w[j] ** 2;
    gradient[j] = penalty * w[j];
  }
  for (const [i, label] of labels.entries()) {
    const logits = logitsOf(w, examples, i, sizes);
    const largest = Math.max(...logits);
    const total = logits.reduce((sum, logit) => sum + Math.exp(logit - largest), 0);
    value += (largest + Math.log(total) - logits[label]) / labels.length;
    for (let k = 0; k < classes; k++) {
      const share = Math.exp(logits[k] - largest) / total - Number(k === label);
      gradient[count + k] += share / labels.length;
      for (let c = 0; c < width; c++) {
        gradient[k * width + c] += share * examples[i * width + c] / labels.length;
      }
    }
  }
  return value;
}

function classesOf(w: Float64Array, examples: ArrayLike<number>, sizes: Sizes): Int32Array {
  return Int32Array.from({ length: examples.length / sizes.width }, (_, i) => {
    const logits = logitsOf(w, examples, i, sizes);
    return logits.indexOf(Math.max(...logits));
  });
}
