/**
 * A heat map of few cells with labeled rows and columns, for tokens and classes.
 *
 * @module
 */

import { colorBar, colorBarWidth, colorOf, type ColorScale } from "./color_scale.ts";
import type { Content } from "./figure.ts";
import { textWidth } from "./labels.ts";
import { textElement } from "./markup.ts";
import type { Grid } from "./matrix.ts";
import type { Mark, Plotter } from "./plot.ts";
import { hex, inkOn, type Theme } from "./theme.ts";

/** Content of a labeled heat map. */
export interface CellMap {
  /** One value for each cell. */
  readonly values: Grid;
  /** Scale from values to colors. */
  readonly scale: ColorScale;
  /** One label for each row, from the top. */
  readonly rowLabels: readonly string[];
  /** One label for each column, from the left. */
  readonly columnLabels: readonly string[];
  /** Name of the row axis. */
  readonly rowTitle: string;
  /** Name of the column axis. */
  readonly columnTitle: string;
  /** Text of a cell's value, printed if there is room. Default: nothing is printed. */
  readonly print?: (row: number, column: number) => string;
  /** Leave out the bar that explains the colors. Default: false. */
  readonly withoutBar?: boolean;
}

const TITLE_HEIGHT = 18;
const BAR_GAP = 18;

/** Side of a square cell in pixels, for a map of about 560 pixels. */
function cellSize({ rows, columns }: Grid): number {
  return Math.max(12, Math.min(56, Math.floor(560 / Math.max(rows, columns))));
}

/**
 * Draws the map, its row labels at the left, its column labels above, the color bar at the right.
 */
export function cellMap(plotter: Plotter, theme: Theme, map: CellMap): Content {
  const { values, scale, rowLabels, columnLabels } = map;
  const cell = cellSize(values);
  const fontSize = cell < 16 ? 9.5 : 11;
  const rotate = columnAngle(columnLabels, cell, fontSize);
  const left = TITLE_HEIGHT + 8 + longest(rowLabels, fontSize);
  const top = TITLE_HEIGHT + 8 + labelHeight(columnLabels, fontSize, rotate);
  const [mapWidth, mapHeight] = [values.columns * cell, values.rows * cell];
  // The last slanted label leans out to the right.
  const lean = rotate === -45 ? longest(columnLabels.slice(-1), fontSize) * Math.SQRT1_2 : 0;
  const barLeft = left + mapWidth + BAR_GAP;
  const bar = { left: barLeft, top, height: Math.max(80, Math.min(mapHeight, 240)) };
  const barRight = map.withoutBar ? 0 : barLeft + colorBarWidth(scale);
  const width = Math.max(left + mapWidth + Math.max(lean - cell / 2, 8), barRight);
  const height = Math.max(top + mapHeight, map.withoutBar ? 0 : bar.top + bar.height) + 8;
  const drawing = plotter.draw({
    width: left + mapWidth,
    height: top + mapHeight,
    marginLeft: left,
    marginTop: top,
    marginRight: 0,
    marginBottom: 0,
    padding: 0,
    x: { type: "band", domain: indices(values.columns), axis: null },
    y: { type: "band", domain: indices(values.rows), axis: null },
    color: { type: "identity" },
    marks: marks(plotter, theme, map, { cell, fontSize, rotate }),
  });
  const titles = { fill: theme.muted, fontSize: 11 };
  const body = [
    drawing.markup,
    textElement(`${map.columnTitle} →`, { x: left, y: 10, ...titles }),
    textElement(`← ${map.rowTitle}`, {
      transform: `translate(10,${top}) rotate(-90)`,
      textAnchor: "end",
      ...titles,
    }),
    map.withoutBar ? "" : colorBar(scale, theme, bar),
  ];
  return { width, height, body: body.join("\n") };
}

function marks(
  { Plot }: Plotter,
  theme: Theme,
  { values, scale, rowLabels, columnLabels, print }: CellMap,
  { cell, fontSize, rotate }: { cell: number; fontSize: number; rotate: number },
): Mark[] {
  const cells = indices(values.rows).flatMap((row) => {
    return indices(values.columns).map((column) => {
      const color = colorOf(values.at(row, column), scale, theme);
      return {
        row,
        column,
        fill: hex(color),
        ink: inkOn(color),
        text: print?.(row, column) ?? "",
      };
    });
  });
  const place = { x: "column", y: "row" };
  const inset = cell >= 24 ? 0.5 : 0.25;
  const drawn: Mark[] = [Plot.cell(cells, { ...place, fill: "fill", inset })];
  const printed = Math.max(...cells.map(({ text }) => textWidth(text, 1)));
  const printSize = Math.min(11, (cell - 4) / Math.max(1, printed));
  if (print && printSize >= 7) {
    drawn.push(Plot.text(cells, { ...place, text: "text", fill: "ink", fontSize: printSize }));
  }
  const label = { text: (index: number) => columnLabels[index], fontSize };
  const textAnchor = rotate === 0 ? "middle" as const : "start" as const;
  const above = { x: (index: number) => index, frameAnchor: "top" as const, dy: -6 };
  const lineAnchor = rotate === 0 ? "bottom" as const : "middle" as const;
  return [
    ...drawn,
    Plot.text(indices(values.columns), { ...label, ...above, textAnchor, lineAnchor, rotate }),
    Plot.text(indices(values.rows), {
      text: (index: number) => rowLabels[index],
      y: (index: number) => index,
      frameAnchor: "left",
      textAnchor: "end",
      dx: -6,
      fontSize,
    }),
  ];
}

/**
 * Column labels are horizontal if they fit or are one character, slanted if the columns are wide
 * enough, otherwise vertical.
 */
function columnAngle(labels: readonly string[], cell: number, fontSize: number): number {
  const single = labels.every((label) => [...label].length <= 1);
  if (single || longest(labels, fontSize) <= cell - 4) return 0;
  return cell >= 22 ? -45 : -90;
}

function labelHeight(labels: readonly string[], fontSize: number, rotate: number): number {
  if (rotate === 0) return fontSize;
  const length = longest(labels, fontSize);
  return rotate === -90 ? length : length * Math.SQRT1_2 + fontSize;
}

function longest(labels: readonly string[], fontSize: number): number {
  return Math.max(0, ...labels.map((label) => textWidth(label, fontSize)));
}

function indices(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}
