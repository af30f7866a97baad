/**
 * The attention of every head of every layer, in one grid.
 *
 * @module
 */

import { checkOptions, type OptionNames } from "../options.ts";
import { expectValue, wholeNumber } from "../rules.ts";
import { colorBar, colorBarWidth, type ColorScale } from "./color_scale.ts";
import { expectList, isText } from "./expect_list.ts";
import { Figure, FIGURE_OPTIONS, type FigureOptions } from "./figure.ts";
import { textWidth, visibleToken } from "./labels.ts";
import { element, textElement } from "./markup.ts";
import { type Grid, grid, range } from "./matrix.ts";
import { mapImage } from "./pixel_map.ts";
import type { Theme } from "./theme.ts";

/** Options of {@linkcode attentionGridFigure}, with the sizes of the weights. */
export interface AttentionGridOptions extends FigureOptions {
  /** Number of layers, one row of maps each. */
  readonly layers: number;
  /** Number of heads of a layer, one map each. */
  readonly heads: number;
  /** Number of queries, the rows of a map. */
  readonly queries: number;
  /** Number of keys, the columns of a map. Default: the number of queries. */
  readonly keys?: number;
  /**
   * The tokens of the queries, which are also the keys: named beside the maps if there is room,
   * otherwise listed below. Default: they are only counted.
   */
  readonly tokens?: readonly string[];
}

const OPTIONS: OptionNames<AttentionGridOptions> = {
  ...FIGURE_OPTIONS,
  layers: true,
  heads: true,
  queries: true,
  keys: "queries",
  tokens: "only counted",
};

const MARGIN = { left: 64, top: 20 };
const GAP = 8;

/**
 * Draws attention weights [layers, heads, queries, keys] as a grid of small heat maps, a row for
 * each layer and a column for each head, all with the same colors from 0 to the largest weight;
 * they follow the square root of the weight, so that small ones are visible.
 *
 * `weights` are in row-major order, as a tensor's data.
 *
 * ```ts
 * const weights = new Float32Array(2 * 4 * 8 * 8).fill(1 / 8);
 * const figure = attentionGridFigure(weights, { layers: 2, heads: 4, queries: 8 });
 * console.assert((await figure.toSVG()).includes("layer 2"));
 * ```
 *
 * @throws {TypeError} if the number of weights is not that of the shape, or an option is unknown
 * @throws {RangeError} if the shape is empty, or there is not a token for each query and key
 */
export function attentionGridFigure(
  weights: ArrayLike<number>,
  options: AttentionGridOptions,
): Figure {
  checkOptions("attentionGridFigure", options, OPTIONS);
  const { layers, heads, queries, keys = queries, title = "Attention by layer and head" } = options;
  for (const [name, value] of Object.entries({ layers, heads, queries, keys })) {
    expectValue(`attentionGridFigure: ${name}`, wholeNumber({ min: 1 }), value);
  }
  const { tokens } = options;
  if (tokens) expectTokens(tokens, queries, keys);
  const all = grid("attentionGridFigure", weights, layers * heads * queries, keys);
  const [least, greatest] = range(all);
  const scale = { least: Math.min(0, least), greatest };
  // Wide enough for "head 12", narrow enough for 16 heads.
  const side = Math.max(48, Math.min(140, Math.floor(720 / heads)));
  const [width, height] = [heads * (side + GAP), layers * (side + GAP)];
  const named = tokens && side / queries >= LEAST_ROOM
    ? tokens.map((token) => visibleToken(token))
    : [];
  const notes = [
    `in each map: queries from the top, keys from the left, ${queries} × ${keys}`,
    ...tokens && named.length === 0 ? tokenList(tokens, width + MARGIN.left) : [],
  ];
  const room = Math.max(0, ...named.map((name) => textWidth(name, TOKEN_SIZE) + 6));
  return new Figure(async (_plotter, theme) => {
    const ramped = { ...scale, ramp: theme.sequential, power: 0.5 };
    const size = { layers, heads, side, theme };
    const maps: string[] = [];
    for (let index = 0; index < layers * heads; index++) {
      const [layer, head] = [Math.floor(index / heads), index % heads];
      const values = { ...all, rows: queries, at: shifted(all, index * queries) };
      maps.push(await smallMap(values, ramped, theme, place(layer, head, side)));
    }
    const bar = { left: MARGIN.left + width + 8, top: MARGIN.top, height: Math.min(height, 240) };
    const body = [...maps, ...headings(size, room), ...tokenNames(named, size)];
    body.push(colorBar(ramped, theme, { ...bar, height: Math.max(80, bar.height - GAP) }));
    const shift = { transform: `translate(${room},${room})` };
    return {
      width: room + bar.left + colorBarWidth(ramped),
      height: room + MARGIN.top + Math.max(height, 90),
      body: room > 0 ? element("g", shift, body.join("\n")) : body.join("\n"),
      notes,
    };
  }, { ...options, title });
}

/** The grid: how many maps it has, and their side in pixels. */
interface GridSize {
  readonly layers: number;
  readonly heads: number;
  readonly side: number;
  readonly theme: Theme;
}

/** Least pixels of a token's row, and the size of its name. */
const LEAST_ROOM = 8;
const TOKEN_SIZE = 8.5;

function expectTokens(tokens: readonly string[], queries: number, keys: number): void {
  expectList("attentionGridFigure", 'tokens, such as ["to", " be"]', tokens, isText);
  if (tokens.length === queries && tokens.length === keys) return;
  throw new RangeError(
    `attentionGridFigure: expected ${queries} tokens for ${queries} queries and ${keys} keys, got ${tokens.length}`,
  );
}

/** The tokens with their numbers, in lines of a width. */
function tokenList(tokens: readonly string[], width: number): string[] {
  const lines = [""];
  tokens.forEach((token, i) => {
    const item = `${i + 1} ${visibleToken(token)}`;
    const longer = lines.at(-1) ? `${lines.at(-1)}   ${item}` : item;
    if (textWidth(longer, 11) > width) lines.push(item);
    else lines.splice(-1, 1, longer);
  });
  return lines;
}

/** The names of the tokens left of the first maps and above the uppermost ones. */
function tokenNames(
  names: readonly string[],
  { layers, heads, side, theme }: GridSize,
): string[] {
  const cell = side / names.length;
  const style = { fill: theme.muted, fontSize: TOKEN_SIZE, dy: "0.32em" };
  const at = (i: number) => (i + 0.5) * cell;
  const rows = Array.from({ length: layers }, (_, layer) => {
    const { left, top } = place(layer, 0, side);
    return names.map((name, i) => {
      return textElement(name, { x: left - 4, y: top + at(i), textAnchor: "end", ...style });
    });
  });
  const columns = Array.from({ length: heads }, (_, head) => {
    const { left, top } = place(0, head, side);
    return names.map((name, i) => {
      const transform = `translate(${left + at(i)},${top - 4}) rotate(-90)`;
      return textElement(name, { transform, ...style });
    });
  });
  return [...rows, ...columns].flat();
}

function shifted({ at }: Grid, firstRow: number): Grid["at"] {
  return (row, column) => at(firstRow + row, column);
}

function place(
  layer: number,
  head: number,
  side: number,
): { left: number; top: number; side: number } {
  return { left: MARGIN.left + head * (side + GAP), top: MARGIN.top + layer * (side + GAP), side };
}

async function smallMap(
  values: Grid,
  scale: ColorScale,
  theme: Theme,
  { left, top, side }: { left: number; top: number; side: number },
): Promise<string> {
  // Twice the pixels, for screens that have them.
  const picture = await mapImage(values, scale, theme, { left, top, width: side, height: side }, 2);
  const frame = { x: left, y: top, width: side, height: side, fill: "none", stroke: theme.grid };
  return picture + element("rect", frame);
}

/** Names of heads and layers, outside the room of the tokens' names. */
function headings(
  { layers, heads, side, theme }: GridSize,
  room: number,
): string[] {
  const style = { fill: theme.ink, fontSize: 11 };
  const columns = Array.from({ length: heads }, (_, head) => {
    const { left } = place(0, head, side);
    return textElement(`head ${head + 1}`, {
      x: left + side / 2,
      y: 12 - room,
      textAnchor: "middle",
      ...style,
    });
  });
  const rows = Array.from({ length: layers }, (_, layer) => {
    const y = place(layer, 0, side).top + side / 2;
    return textElement(`layer ${layer + 1}`, { x: -room, y, dy: "0.32em", ...style });
  });
  return [...columns, ...rows];
}
