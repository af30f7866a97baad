/**
 * Position encodings as a heat map.
 *
 * @module
 */

import { checkOptions, type OptionNames } from "../options.ts";
import { cellMap } from "./cell_map.ts";
import { Figure, FIGURE_OPTIONS, type FigureOptions } from "./figure.ts";
import { grid, type Matrix, range } from "./matrix.ts";
import { pixelMap } from "./pixel_map.ts";

/** Options of {@linkcode positionsFigure}, with the size of the encodings. */
export interface PositionsOptions extends FigureOptions {
  /** Number of positions, the rows. */
  readonly positions: number;
  /** Size of an embedding, the columns. */
  readonly width: number;
}

const OPTIONS: OptionNames<PositionsOptions> = { ...FIGURE_OPTIONS, positions: true, width: true };

/** Number of rows or columns up to which each is numbered. */
const MAX_NUMBERED = 32;

/**
 * Draws position encodings [positions, width]: positions from the top, embedding indices from the
 * left, colors from −1 to 1, or up to the largest magnitude if that is more.
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
    if (Math.max(positions, width) > MAX_NUMBERED) return pixelMap(plotter, theme, map);
    const labels = { rowLabels: numbers(positions), columnLabels: numbers(width) };
    return cellMap(plotter, theme, { ...map, ...labels });
  }, { ...options, title });
}

function numbers(count: number): string[] {
  return Array.from({ length: count }, (_, index) => String(index));
}
