/**
 * A heat map of many cells as one image, with axes that count rows and columns.
 *
 * @module
 */

import { colorBar, colorBarWidth, colorOf, type ColorScale } from "./color_scale.ts";
import type { Content } from "./figure.ts";
import { element } from "./markup.ts";
import type { Grid } from "./matrix.ts";
import type { Plotter } from "./plot.ts";
import { pngDataUrl } from "./png.ts";
import type { Theme } from "./theme.ts";

/** Content of a heat map without labels for each row. */
export interface PixelMap {
  /** One value for each cell. */
  readonly values: Grid;
  /** Scale from values to colors. */
  readonly scale: ColorScale;
  /** Name of the row axis. */
  readonly rowTitle: string;
  /** Name of the column axis. */
  readonly columnTitle: string;
  /** Last number of the column axis. Default: the number of columns. */
  readonly columnEnd?: number;
  /** Maximum width of the picture in pixels. Default: 640. */
  readonly width?: number;
  /** Leave out the bar that explains the colors. Default: false. */
  readonly withoutBar?: boolean;
}

const MARGIN = { left: 56, top: 24, bottom: 40 };
const BAR_GAP = 18;
const LARGEST = { width: 640, height: 480 };

/** Draws the map with row 0 at the top, a color bar at the right. */
export async function pixelMap(plotter: Plotter, theme: Theme, map: PixelMap): Promise<Content> {
  const { values, scale, withoutBar = false } = map;
  const { width, height } = pictureSize(values, map.width ?? LARGEST.width);
  const picture = await mapImage(values, scale, theme, {
    left: MARGIN.left,
    top: MARGIN.top,
    width,
    height,
  });
  const axes = plotter.draw({
    width: MARGIN.left + width + 12,
    height: MARGIN.top + height + MARGIN.bottom,
    marginLeft: MARGIN.left,
    marginTop: MARGIN.top,
    marginRight: 12,
    marginBottom: MARGIN.bottom,
    x: {
      domain: [0, map.columnEnd ?? values.columns],
      label: map.columnTitle,
      labelAnchor: "center",
      labelArrow: "none",
    },
    y: { domain: [0, values.rows], reverse: true, label: map.rowTitle },
    marks: [plotter.Plot.frame({ stroke: theme.grid })],
  });
  const left = MARGIN.left + width + BAR_GAP;
  const bar = { left, top: MARGIN.top, height: Math.min(height, 240) };
  return {
    width: withoutBar ? MARGIN.left + width + 12 : left + colorBarWidth(scale),
    height: MARGIN.top + height + MARGIN.bottom,
    body: [picture, axes.markup, withoutBar ? "" : colorBar(scale, theme, bar)].join("\n"),
  };
}

/**
 * A matrix as an `<image>`: cells enlarged without blur, or, if there are more cells than pixels,
 * the cell in the middle of each pixel; an average would have a color that no cell has. `density`
 * is the number of pixels per unit of length.
 */
export async function mapImage(
  values: Grid,
  scale: ColorScale,
  theme: Theme,
  { left, top, width, height }: { left: number; top: number; width: number; height: number },
  density = 1,
): Promise<string> {
  const columns = pixels(values.columns, width * density);
  const rows = pixels(values.rows, height * density);
  const href = await pngDataUrl(columns, rows, (x, y) => {
    const row = Math.floor((y + 0.5) * values.rows / rows);
    const column = Math.floor((x + 0.5) * values.columns / columns);
    return colorOf(values.at(row, column), scale, theme);
  });
  const place = { x: left, y: top, width, height, preserveAspectRatio: "none" };
  return element("image", { ...place, href });
}

/**
 * Pixels for a number of cells: the same number for each cell, so that no edge is blurred, or fewer
 * pixels than cells.
 */
function pixels(cells: number, length: number): number {
  return cells > length ? Math.round(length) : cells * Math.ceil(length / cells);
}

/** Square cells if they fit; otherwise each side is scaled to a readable size. */
function pictureSize(
  { rows, columns }: Grid,
  largest: number,
): { width: number; height: number } {
  const cell = Math.min(largest / columns, LARGEST.height / rows, 24);
  return { width: Math.max(160, columns * cell), height: Math.max(160, rows * cell) };
}
