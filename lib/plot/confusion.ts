/**
 * Confusion matrices of classifiers.
 *
 * @module
 */

import { checkOptions } from "../options.ts";
import { cellMap } from "./cell_map.ts";
import { expectList, isText } from "./expect_list.ts";
import { Figure, FIGURE_OPTIONS, type FigureOptions } from "./figure.ts";
import { shorten } from "./labels.ts";
import { type Grid, grid, type Matrix } from "./matrix.ts";

/** Options of {@linkcode confusionFigure}. */
export interface ConfusionOptions extends FigureOptions {
  /** The names of the classes, in the order of the rows. */
  readonly labels: readonly string[];
}

/**
 * Draws a confusion matrix: rows are the true classes, columns the predicted ones. Numbers count
 * examples, colors are the fraction of the row, so that rare classes are visible, too.
 *
 * `counts[i][j]` is the number of examples of class i that were predicted as class j.
 *
 * ```ts
 * const figure = confusionFigure([[90, 2], [5, 31]], { labels: ["ham", "spam"] });
 * console.assert((await figure.toSVG()).includes("accuracy 94.5 % of 128 examples"));
 * ```
 *
 * @throws {TypeError} if the counts are not `[classes, classes]`, or an option is unknown
 * @throws {RangeError} if there is no class
 */
export function confusionFigure(
  counts: Matrix,
  options: ConfusionOptions,
): Figure {
  checkOptions("confusionFigure", options, { ...FIGURE_OPTIONS, labels: true });
  const { labels, title = "Confusion matrix" } = options;
  expectList("confusionFigure", 'class names as labels, such as ["ham", "spam"]', labels, isText);
  const count = grid("confusionFigure", counts, labels.length, labels.length);
  const classes = labels.map((_, index) => index);
  const rowSums = classes.map((row) => sum(classes.map((column) => count.at(row, column))));
  const shares: Grid = {
    ...count,
    at: (row, column) => rowSums[row] === 0 ? 0 : count.at(row, column) / rowSums[row],
  };
  const names = labels.map((label) => shorten(label, 20));
  const right = sum(classes.map((index) => count.at(index, index)));
  const accuracy = (100 * right / Math.max(1, sum(rowSums))).toFixed(1);
  const notes = [
    `accuracy ${accuracy} % of ${sum(rowSums)} examples; color: fraction of the true class`,
  ];
  return new Figure((plotter, theme) => {
    const content = cellMap(plotter, theme, {
      values: shares,
      scale: { least: 0, greatest: 1, ramp: theme.sequential },
      rowLabels: names,
      columnLabels: names,
      rowTitle: "true",
      columnTitle: "predicted",
      print: (row, column) => String(count.at(row, column)),
    });
    return { ...content, notes };
  }, { ...options, title });
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
