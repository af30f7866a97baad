/**
 * How good predictions of classes are: accuracy, precision, recall and F1 of each class, and the
 * confusion matrix.
 *
 * @module
 */

/** How one class was predicted. */
export interface ClassReport {
  /** Its name. */
  readonly label: string;
  /** The share of right ones among the texts predicted as this class; 0 if there are none. */
  readonly precision: number;
  /** The share of this class's texts that were predicted as such; 0 if there are none. */
  readonly recall: number;
  /** 2·precision·recall / (precision + recall); 0 if both are 0. */
  readonly f1: number;
  /** Its number of texts. */
  readonly texts: number;
}

/** How good predictions are. */
export interface ClassificationReport {
  /** Number of texts. */
  readonly texts: number;
  /** Share of right predictions. */
  readonly accuracy: number;
  /** Mean of the classes' F1. */
  readonly macroF1: number;
  /** Each class, in the order of the labels. */
  readonly classes: readonly ClassReport[];
  /** How many texts of class i (row) were predicted as class j (column). */
  readonly confusion: readonly (readonly number[])[];
}

/**
 * Compares predictions with the right classes, both indices into `labels`.
 *
 * ```ts
 * const report = classificationReport(["ham", "spam"], { right: [0, 0, 1], predicted: [0, 1, 1] });
 * console.log(report.classes[1]); // { label: "spam", precision: 0.5, recall: 1, f1: 0.667, texts: 1 }
 * ```
 *
 * @throws {RangeError} if there are no texts, or not a prediction for each
 */
export function classificationReport(
  labels: readonly string[],
  { right, predicted }: { right: ArrayLike<number>; predicted: ArrayLike<number> },
): ClassificationReport {
  if (right.length === 0 || right.length !== predicted.length) {
    throw new RangeError(
      `classificationReport: expected a prediction for each text, got ${predicted.length} for ` +
        `${right.length}`,
    );
  }
  const confusion = labels.map(() => labels.map(() => 0));
  for (let i = 0; i < right.length; i++) confusion[right[i]][predicted[i]]++;
  const classes = labels.map((label, c) => classReport(label, c, confusion));
  const correct = confusion.reduce((sum, row, c) => sum + row[c], 0);
  const macroF1 = classes.reduce((sum, { f1 }) => sum + f1, 0) / classes.length;
  return { texts: right.length, accuracy: correct / right.length, macroF1, classes, confusion };
}

function classReport(label: string, c: number, confusion: readonly number[][]): ClassReport {
  const hits = confusion[c][c];
  const texts = confusion[c].reduce((sum, count) => sum + count, 0);
  const guesses = confusion.reduce((sum, row) => sum + row[c], 0);
  const precision = guesses > 0 ? hits / guesses : 0;
  const recall = texts > 0 ? hits / texts : 0;
  const f1 = hits > 0 ? 2 * precision * recall / (precision + recall) : 0;
  return { label, precision, recall, f1, texts };
}
