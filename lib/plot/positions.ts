/**
 * Position encodings as a heat map.
 *
 * @module
 */

import { cellMap } from "./cell_map.ts";
import { Figure, type FigureOptions } from "./figure.ts";
import { grid, type Matrix, range } from "./matrix.ts";
import { pixelMap } from "./pixel_map.ts";

/** Positions, or width, up to which every one has its number. */
const MAX_NUMBERED = 32;

/**
 * Draws position encodings [positions, width]: positions from the top, embedding indices from the
 * left, colors from −1 to 1, or to the greatest magnitude where that is more.
 *
 * Throws TypeError when `encodings` does not have the given size, RangeError when that is empty.
 *
 * @example
 * ```ts
 * const encodings = Array.from({ length: 4 }, (_, position) => [Math.sin(position), Math.cos(position)]);
 * const figure = positionsFigure(encodings, { positions: 4, width: 2 });
 * console.assert((await figure.toSVG()).includes("embedding index"));
 * ```
 */
export function positionsFigure(
  encodings: Matrix,
  { positions, width, title = "Position encodings", ...options }:
    & { positions: number; width: number }
    & FigureOptions,
): Figure {
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
