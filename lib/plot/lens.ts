/**
 * What the logit lens predicts, by layer and place.
 *
 * @module
 */

import { checkOptions, type OptionNames } from "../options.ts";
import { cellMap } from "./cell_map.ts";
import { expectList, hasFields, isText } from "./expect_list.ts";
import { Figure, FIGURE_OPTIONS, type FigureOptions } from "./figure.ts";
import { visibleToken } from "./labels.ts";
import { grid } from "./matrix.ts";
import type { TokenProbability } from "./next_token.ts";

/** Options of {@linkcode lensFigure}. */
export interface LensOptions extends FigureOptions {
  /** The tokens of the text, one for each place. */
  readonly tokens: readonly string[];
  /** One label for each row of predictions, from the top. Default: numbers from 0. */
  readonly rows?: readonly string[];
}

const OPTIONS: OptionNames<LensOptions> = { ...FIGURE_OPTIONS, tokens: true, rows: "numbers" };

/** Characters of a token that a cell has room for. */
const SHOWN = 7;

/**
 * Draws the likeliest next token at each layer and place, in colors of its probability:
 * `predictions[layer][place]`, the last layer last. The last one is drawn at the top, as in the
 * literature.
 *
 * ```ts
 * const row = [{ token: "b", probability: 0.7 }, { token: "a", probability: 0.2 }];
 * const figure = lensFigure([row, row], { tokens: ["a", "b"] });
 * console.assert((await figure.toSVG()).includes("layer"));
 * ```
 *
 * @throws {TypeError} if there is not one prediction for each token, or an option is unknown
 * @throws {RangeError} if there are none
 */
export function lensFigure(
  predictions: readonly (readonly TokenProbability[])[],
  options: LensOptions,
): Figure {
  checkOptions("lensFigure", options, OPTIONS);
  const { tokens, rows = predictions.map((_, row) => String(row)) } = options;
  expectList("lensFigure", "the text's tokens", tokens, isText);
  expectList("lensFigure", "labels as rows", rows, isText);
  const isToken = (item: unknown) => hasFields(item, { token: "", probability: 0 });
  for (const row of predictions) {
    expectList("lensFigure", "{ token, probability } for each place", row, isToken);
  }
  const upwards = predictions.toReversed();
  const values = grid(
    "lensFigure",
    upwards.map((row) => row.map(({ probability }) => probability)),
    rows.length,
    tokens.length,
  );
  const { title = "The logit lens" } = options;
  return new Figure((plotter, theme) => ({
    ...cellMap(plotter, theme, {
      values,
      scale: { least: 0, greatest: 1, ramp: theme.sequential },
      rowLabels: rows.toReversed(),
      columnLabels: tokens.map((token) => visibleToken(token, 12)),
      rowTitle: "layer",
      columnTitle: "text",
      print: (row, column) => visibleToken(upwards[row][column].token, SHOWN),
    }),
    notes: ["in each cell the likeliest next token; color: its probability"],
  }), { ...options, title });
}
