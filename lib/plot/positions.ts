/**
 * Position encodings as a heat map.
 *
 * @module
 */

import { checkOptions, type OptionNames } from "../options.ts";
import { cellMap } from "./cell_map.ts";
import { type Content, Figure, FIGURE_OPTIONS, type FigureOptions } from "./figure.ts";
import { element } from "./markup.ts";
import { type Grid, grid, type Matrix, range } from "./matrix.ts";
import { type PixelMap, pixelMap } from "./pixel_map.ts";
import type { Plotter } from "./plot.ts";
import type { Theme } from "./theme.ts";

/** Options of {@linkcode positionsFigure}, with the size of the encodings. */
export interface PositionsOptions extends FigureOptions {
  /** Number of positions, the rows. */
  readonly positions: number;
  /** Size of an embedding, the columns. */
  readonly width: number;
}

const OPTIONS: OptionNames<PositionsOptions> = { ...FIGURE_OPTIONS, positions: true, width: true };

/** Number of columns beyond which there are fewer pixels than numbers. */
const MAX_COLUMNS = 640;

/** Number of rows or columns up to which each is numbered. */
const MAX_NUMBERED = 32;

/**
 * Draws position encodings [positions, width]: positions from the top, embedding indices from the
 * left, colors from −1 to 1, or up to the largest magnitude if that is more. Beyond 640 columns,
 * the even ones (sines) and the odd ones (cosines) are drawn beside each other.
 *
 * ```ts
 * const encodings = [0, 1, 2, 3].map((position) => [Math.sin(position), Math.cos(position)]);
 * const figure = positionsFigure(encodings, { positions: 4, width: 2 });
 * console.assert((await figure.toSVG()).includes("embedding index"));
 * ```
 *
 * @throws {TypeError} if `encodings` does not have that size, or an option is unknown
 * @throws {RangeError} if the size is empty
 */
export function positionsFigure(
  encodings: Matrix,
  options: PositionsOptions,
): Figure {
  checkOptions("positionsFigure", options, OPTIONS);
  const { positions, width, title = "Position encodings" } = options;
  const values = grid("positionsFigure", encodings, positions, width);
  const greatest = Math.max(1, ...range(values).map(Math.abs));
  return new Figure((plotter, theme) => {
    const scale = { least: -greatest, greatest, ramp: theme.diverging };
    const titles = { rowTitle: "position index", columnTitle: "embedding index" };
    const map = { values, scale, ...titles };
    if (width > MAX_COLUMNS) return sinesAndCosines(plotter, theme, map);
    if (Math.max(positions, width) > MAX_NUMBERED) return pixelMap(plotter, theme, map);
    const labels = { rowLabels: numbers(positions), columnLabels: numbers(width) };
    return cellMap(plotter, theme, { ...map, ...labels });
  }, { ...options, title });
}

/** The even columns, and beside them the odd ones: each map is smooth from column to column. */
async function sinesAndCosines(plotter: Plotter, theme: Theme, map: PixelMap): Promise<Content> {
  const { values } = map;
  const halves = await Promise.all([0, 1].map((part) => {
    const columns = Math.floor((values.columns + 1 - part) / 2);
    const at: Grid["at"] = (row, column) => values.at(row, 2 * column + part);
    const columnTitle = `${part === 0 ? "even" : "odd"} embedding indices`;
    return pixelMap(plotter, theme, {
      ...map,
      values: { ...values, columns, at },
      columnTitle,
      columnEnd: values.columns,
      width: 300,
      withoutBar: part === 0,
    });
  }));
  const [left, right] = halves;
  const place = { transform: `translate(${left.width},0)` };
  return {
    width: left.width + right.width,
    height: left.height,
    body: left.body + element("g", place, right.body),
    notes: ["sines left, cosines right; each color is that of one number, none is an average"],
  };
}

function numbers(count: number): string[] {
  return Array.from({ length: count }, (_, index) => String(index));
}
