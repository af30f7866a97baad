/**
 * Attention weights and masks: which query attends to which key.
 *
 * @module
 */

import { checkOptions } from "../options.ts";
import { cellMap } from "./cell_map.ts";
import { expectList, isText } from "./expect_list.ts";
import { Figure, FIGURE_OPTIONS, type FigureOptions } from "./figure.ts";
import { visibleToken } from "./labels.ts";
import { type Grid, grid, type Matrix, range } from "./matrix.ts";
import { pixelMap } from "./pixel_map.ts";

/** Options of {@linkcode attentionFigure} and {@linkcode maskFigure}. */
export interface AttentionFigureOptions extends FigureOptions {
  /** Tokens that attend, one for each row. */
  readonly queries: readonly string[];
  /** Tokens that are attended to, one for each column. Default: the queries. */
  readonly keys?: readonly string[];
}

/** Options of {@linkcode attentionFigure} alone. */
export interface WeightsFigureOptions extends AttentionFigureOptions {
  /**
   * Colors from the smallest weight instead of 0, and three decimals: for weights that differ
   * little. Default: false.
   */
  readonly fromLeast?: boolean;
}

const OPTIONS = { ...FIGURE_OPTIONS, queries: true, keys: "the queries" };

/** Number of tokens on an axis beyond which they are numbered instead of named. */
const MAX_NAMED = 72;

/** Number of weights up to which they are printed. */
const MAX_PRINTED = 144;

/**
 * Draws attention weights as a heat map: rows are queries, columns are keys, colors are from 0 to
 * the largest weight.
 *
 * Up to 144 weights are printed in their cells, a weight of exactly 0 (of a hidden key) as 0; with
 * more, colors follow the square root, so that small weights are visible. Beyond 72 tokens the
 * axes count positions.
 *
 * ```ts
 * const figure = attentionFigure([[1, 0], [0.25, 0.75]], { queries: ["I", " drink"] });
 * console.assert((await figure.toSVG()).includes(">0.75<"));
 * ```
 *
 * @throws {TypeError} if the weights are not `[queries, keys]`, or an option is unknown
 * @throws {RangeError} if there are no tokens
 */
export function attentionFigure(
  weights: Matrix,
  options: WeightsFigureOptions,
): Figure {
  checkOptions("attentionFigure", options, { ...OPTIONS, fromLeast: false });
  const { queries, keys = queries, title = "Attention", fromLeast = false } = options;
  expectTokens("attentionFigure", queries, keys);
  const values = grid("attentionFigure", weights, queries.length, keys.length);
  const [least, greatest] = range(values);
  const ends = { least: fromLeast ? least : Math.min(0, least), greatest };
  const decimals = fromLeast ? 3 : 2;
  const titles = { rowTitle: "queries", columnTitle: "keys" };
  return new Figure((plotter, theme) => {
    const isPrinted = queries.length * keys.length <= MAX_PRINTED;
    const scale = { ...ends, ramp: theme.sequential, power: isPrinted ? 1 : 0.5 };
    const map = { values, scale, ...titles };
    if (Math.max(queries.length, keys.length) > MAX_NAMED) return pixelMap(plotter, theme, map);
    const print = (row: number, column: number) => printed(values.at(row, column), decimals);
    const labeled = { ...map, ...axes(queries, keys), print: isPrinted ? print : undefined };
    return cellMap(plotter, theme, labeled);
  }, { ...options, title });
}

/**
 * Draws an attention mask: a cell is filled if the query of its row may attend to the key of its
 * column.
 *
 * The mask holds true or 1 if attention is allowed, otherwise false or 0.
 *
 * ```ts
 * const figure = maskFigure([[1, 0], [1, 1]], { queries: ["to", "be"] });
 * console.assert((await figure.toSVG()).includes("may attend"));
 * ```
 *
 * @throws {TypeError} if the mask is not `[queries, keys]`, or an option is unknown
 * @throws {RangeError} if there are no tokens
 */
export function maskFigure(
  mask: Matrix,
  options: AttentionFigureOptions,
): Figure {
  checkOptions("maskFigure", options, OPTIONS);
  const { queries, keys = queries, title = "Attention mask" } = options;
  expectTokens("maskFigure", queries, keys);
  const given = grid("maskFigure", mask, queries.length, keys.length);
  const values: Grid = { ...given, at: (row, column) => given.at(row, column) ? 1 : 0 };
  const titles = { rowTitle: "queries", columnTitle: "keys" };
  const notes = ["filled: the query may attend to the key"];
  return new Figure(async (plotter, theme) => {
    const map = { values, scale: { least: 0, greatest: 1.2, ramp: theme.sequential }, ...titles };
    const bare = { ...map, withoutBar: true };
    const content = Math.max(queries.length, keys.length) > MAX_NAMED
      ? await pixelMap(plotter, theme, bare)
      : cellMap(plotter, theme, { ...bare, ...axes(queries, keys) });
    return { ...content, notes };
  }, { ...options, title });
}

function expectTokens(figure: string, queries: unknown, keys: unknown): void {
  expectList(figure, 'tokens as queries, such as ["to", " be"]', queries, isText);
  expectList(figure, 'tokens as keys, such as ["to", " be"]', keys, isText);
}

function printed(weight: number, decimals: number): string {
  return weight === 0 ? "0" : weight.toFixed(decimals);
}

function axes(queries: readonly string[], keys: readonly string[]) {
  return {
    rowLabels: queries.map((token) => visibleToken(token)),
    columnLabels: keys.map((token) => visibleToken(token)),
  };
}
