/**
 * Attention weights and masks: which query attends to which key.
 *
 * @module
 */

import { cellMap } from "./cell_map.ts";
import { Figure, type FigureOptions } from "./figure.ts";
import { visibleToken } from "./labels.ts";
import { type Grid, grid, type Matrix, range } from "./matrix.ts";
import { pixelMap } from "./pixel_map.ts";

/** What the rows and columns of a figure of attention are. */
export interface AttentionLabels {
  /** Tokens that attend, one for each row. */
  readonly queries: readonly string[];
  /** Tokens that are attended to, one for each column. Default: the queries. */
  readonly keys?: readonly string[];
}

/** Tokens on an axis beyond which they are numbered instead of named. */
const MAX_NAMED = 72;

/** Weights up to which they are printed. */
const MAX_PRINTED = 144;

/**
 * Draws attention weights as a heat map: rows are queries, columns are keys, colors run from 0 to
 * the greatest weight.
 *
 * Up to 144 weights are printed in their cells, a weight of exactly 0 (of a hidden key) as 0; more
 * have colors that follow the square root, so that small ones can be seen. Beyond 72 tokens the
 * axes count positions. Throws TypeError when the weights are not `[queries, keys]`.
 *
 * @example
 * ```ts
 * const figure = attentionFigure([[1, 0], [0.25, 0.75]], { queries: ["I", " drink"] });
 * console.assert((await figure.toSVG()).includes(">0.75<"));
 * ```
 */
export function attentionFigure(
  weights: Matrix,
  { queries, keys = queries, title = "Attention", ...options }: AttentionLabels & FigureOptions,
): Figure {
  const values = grid("attentionFigure", weights, queries.length, keys.length);
  const [least, greatest] = range(values);
  const ends = { least: Math.min(0, least), greatest };
  const titles = { rowTitle: "queries", columnTitle: "keys" };
  return new Figure((plotter, theme) => {
    const isPrinted = queries.length * keys.length <= MAX_PRINTED;
    const scale = { ...ends, ramp: theme.sequential, power: isPrinted ? 1 : 0.5 };
    const map = { values, scale, ...titles };
    if (Math.max(queries.length, keys.length) > MAX_NAMED) return pixelMap(plotter, theme, map);
    const print = (row: number, column: number) => printed(values.at(row, column));
    const labeled = { ...map, ...axes(queries, keys), print: isPrinted ? print : undefined };
    return cellMap(plotter, theme, labeled);
  }, { ...options, title });
}

/**
 * Draws an attention mask: a cell is filled where the query of its row may attend to the key of its
 * column.
 *
 * The mask holds true or 1 where attention is allowed, false or 0 where it is not. Throws TypeError
 * when it is not `[queries, keys]`.
 *
 * @example
 * ```ts
 * const figure = maskFigure([[1, 0], [1, 1]], { queries: ["to", "be"] });
 * console.assert((await figure.toSVG()).includes("may attend"));
 * ```
 */
export function maskFigure(
  mask: Matrix,
  { queries, keys = queries, title = "Attention mask", ...options }:
    & AttentionLabels
    & FigureOptions,
): Figure {
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

function printed(weight: number): string {
  return weight === 0 ? "0" : weight.toFixed(2);
}

function axes(queries: readonly string[], keys: readonly string[]) {
  return {
    rowLabels: queries.map((token) => visibleToken(token)),
    columnLabels: keys.map((token) => visibleToken(token)),
  };
}
