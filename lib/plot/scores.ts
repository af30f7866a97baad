/**
 * Maps of scores by two axes, such as layer and head, or layer and place.
 *
 * @module
 */

import { checkOptions, type OptionNames } from "../options.ts";
import { cellMap } from "./cell_map.ts";
import { expectList, isText } from "./expect_list.ts";
import { Figure, FIGURE_OPTIONS, type FigureOptions } from "./figure.ts";
import { visibleToken } from "./labels.ts";
import { grid, type Matrix, range } from "./matrix.ts";

/** Options of {@linkcode scoresFigure}. */
export interface ScoresOptions extends FigureOptions {
  /** One label for each row, from the top. */
  readonly rows: readonly string[];
  /** One label for each column. */
  readonly columns: readonly string[];
  /** Name of the row axis. Default: `"layer"`. */
  readonly rowTitle?: string;
  /** Name of the column axis. Default: `"head"`. */
  readonly columnTitle?: string;
  /**
   * Values at the ends of the colors. Default: 0 to the greatest value, or, if some are below 0,
   * both signs as far as the largest one, with the background's color at 0.
   */
  readonly range?: readonly [least: number, greatest: number];
}

const OPTIONS: OptionNames<ScoresOptions> = {
  ...FIGURE_OPTIONS,
  rows: true,
  columns: true,
  rowTitle: "layer",
  columnTitle: "head",
  range: "of the values",
};

/**
 * Draws scores [rows, columns] as a heat map with the values in its cells if there is room: head
 * scores, ablation and patching by layer and head, patching by layer and place.
 *
 * ```ts
 * const figure = scoresFigure([[0.1, 0.9], [-0.2, 0]], { rows: ["1", "2"], columns: ["1", "2"] });
 * console.assert((await figure.toSVG()).includes("head"));
 * ```
 *
 * @throws {TypeError} if the scores are not `[rows, columns]`, or an option is unknown
 * @throws {RangeError} if there is no row or column
 */
export function scoresFigure(scores: Matrix, options: ScoresOptions): Figure {
  checkOptions("scoresFigure", options, OPTIONS);
  const { rows, columns, rowTitle = "layer", columnTitle = "head" } = options;
  expectList("scoresFigure", "labels as rows", rows, isText);
  expectList("scoresFigure", "labels as columns", columns, isText);
  const values = grid("scoresFigure", scores, rows.length, columns.length);
  const [low, high] = range(values);
  const reach = Math.max(Math.abs(low), Math.abs(high));
  const isSigned = low < 0;
  const [least, greatest] = options.range ?? (isSigned ? [-reach, reach] : [0, high]);
  const { title = "Scores" } = options;
  return new Figure((plotter, theme) =>
    cellMap(plotter, theme, {
      values,
      scale: { least, greatest, ramp: least < 0 ? theme.diverging : theme.sequential },
      rowLabels: rows.map((label) => visibleToken(label)),
      columnLabels: columns.map((label) => visibleToken(label)),
      rowTitle,
      columnTitle,
      print: (row, column) => shortValue(values.at(row, column)),
    }), { ...options, title });
}

/** Two digits, which fit into a cell. */
function shortValue(value: number): string {
  if (!Number.isFinite(value)) return "";
  return Math.abs(value) >= 10 ? value.toFixed(0) : value.toFixed(2).replace(/^(-?)0\./, "$1.");
}
