/**
 * Points on a plane, such as embeddings projected to two dimensions, each with its label.
 *
 * @module
 */

import { checkOptions, type OptionNames } from "../options.ts";
import { expectList, hasFields } from "./expect_list.ts";
import { Figure, FIGURE_OPTIONS, type FigureOptions } from "./figure.ts";
import { textWidth, visibleToken } from "./labels.ts";
import { element, textElement } from "./markup.ts";
import type { Plotter } from "./plot.ts";
import type { Theme } from "./theme.ts";

/** A labeled point. */
export interface EmbeddingPoint {
  /** Text beside the point. */
  readonly label: string;
  /** First coordinate, to the right. */
  readonly x: number;
  /** Second coordinate, upwards. */
  readonly y: number;
  /** Points of one group share a color, in order of appearance. Default: one group for all. */
  readonly group?: string;
}

/** Options of {@linkcode embeddingFigure}. */
export interface EmbeddingOptions extends FigureOptions {
  /** Width in pixels. Default: 640. */
  width?: number;
  /** Height in pixels. Default: 480. */
  height?: number;
}

const OPTIONS: OptionNames<EmbeddingOptions> = { ...FIGURE_OPTIONS, width: 640, height: 480 };

const MARGIN = 28;
const FONT_SIZE = 11;
const LINE = 12;

/** A rectangle in pixels. */
interface Box {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/**
 * Draws points with their labels beside them. A label that has no room on any side of its point is
 * omitted, and a note counts those; groups, if there are any, are named above.
 *
 * ```ts
 * const points = [{ label: "king", x: 1, y: 2 }, { label: "queen", x: 1.1, y: 2.2 }];
 * console.assert((await embeddingFigure(points).toSVG()).includes("queen"));
 * ```
 *
 * @throws {RangeError} if no point has finite coordinates
 * @throws {TypeError} if `points` is no list, or an option is unknown
 */
export function embeddingFigure(
  points: readonly EmbeddingPoint[],
  options: EmbeddingOptions = {},
): Figure {
  checkOptions("embeddingFigure", options, OPTIONS);
  const isPoint = (item: unknown) => hasFields(item, { label: "", x: 0, y: 0 });
  expectList("embeddingFigure", "points { label, x, y }", points, isPoint);
  const { title = "Embeddings" } = options;
  const drawable = points.filter(({ x, y }) => Number.isFinite(x) && Number.isFinite(y));
  if (drawable.length === 0) {
    throw new RangeError("embeddingFigure: no point with finite coordinates");
  }
  return new Figure((plotter, theme) => {
    return drawPoints(plotter, theme, drawable, options);
  }, { ...options, title });
}

function drawPoints(
  { Plot, draw }: Plotter,
  theme: Theme,
  points: readonly EmbeddingPoint[],
  { width = 640, height = 480 }: EmbeddingOptions,
) {
  const groups = [...new Set(points.map(({ group = "" }) => group))];
  const color = ({ group = "" }: EmbeddingPoint) => {
    return theme.series[groups.indexOf(group) % theme.series.length];
  };
  const top = groups.length > 1 ? MARGIN + LINE : MARGIN;
  const drawing = draw({
    width,
    height,
    marginLeft: MARGIN,
    marginRight: MARGIN,
    marginBottom: MARGIN,
    marginTop: top,
    inset: 14,
    x: { axis: null },
    y: { axis: null },
    marks: [
      Plot.frame({ stroke: theme.grid }),
      Plot.dot(points, { x: "x", y: "y", r: 2.6, fill: color }),
    ],
    color: { type: "identity" },
  });
  const pixels = points.map(({ x, y }) => ({ x: drawing.x(x), y: drawing.y(y) }));
  const texts = points.map(({ label }) => visibleToken(label, 20));
  const places = placeLabels(pixels, texts, {
    left: MARGIN,
    top,
    right: width - MARGIN,
    bottom: height - MARGIN,
  });
  const labels = places.map((box, index) => {
    if (!box) return "";
    const at = {
      x: box.left,
      y: box.top + LINE - 3,
      fontSize: FONT_SIZE,
      fill: color(points[index]),
    };
    return textElement(texts[index], at);
  });
  const hidden = places.filter((box) => !box).length;
  const body = [drawing.markup, ...labels, groupNames(groups, theme)].join("\n");
  return {
    width,
    height,
    body,
    notes: hidden > 0 ? [`${hidden} label${hidden === 1 ? "" : "s"} omitted for lack of room`] : [],
  };
}

/** A free position for each label beside its point, or undefined if every side is occupied. */
function placeLabels(
  points: readonly { x: number; y: number }[],
  texts: readonly string[],
  frame: Box,
): (Box | undefined)[] {
  const taken: Box[] = points.map(({ x, y }) => {
    return { left: x - 3, top: y - 3, right: x + 3, bottom: y + 3 };
  });
  return points.map((point, index) => {
    const box = candidates(point, textWidth(texts[index], FONT_SIZE)).find((candidate) => {
      return contains(frame, candidate) && !taken.some((other) => overlap(other, candidate));
    });
    if (box) taken.push(box);
    return box;
  });
}

/** Right, left, above, below, then the four corners. */
function candidates({ x, y }: { x: number; y: number }, width: number): Box[] {
  const places: [dx: number, dy: number][] = [
    ...[[5, -LINE / 2], [-width - 5, -LINE / 2], [-width / 2, -LINE - 4], [-width / 2, 4]],
    ...[[3, -LINE - 3], [3, 3], [-width - 3, -LINE - 3], [-width - 3, 3]],
  ] as [number, number][];
  return places.map(([dx, dy]) => {
    return { left: x + dx, top: y + dy, right: x + dx + width, bottom: y + dy + LINE };
  });
}

function contains(outer: Box, inner: Box): boolean {
  return inner.left >= outer.left && inner.right <= outer.right && inner.top >= outer.top &&
    inner.bottom <= outer.bottom;
}

function overlap(a: Box, b: Box): boolean {
  return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
}

/** The names of groups in their colors, in one row above the points. */
function groupNames(groups: readonly string[], theme: Theme): string {
  if (groups.length < 2) return "";
  let left = MARGIN;
  return groups.map((group, index) => {
    const fill = theme.series[index % theme.series.length];
    const name = visibleToken(group, 20);
    const dot = element("circle", { cx: left, cy: 8, r: 4, fill });
    const text = textElement(name, { x: left + 8, y: 8, dy: "0.32em", fontSize: FONT_SIZE, fill });
    left += 28 + textWidth(name, FONT_SIZE);
    return dot + text;
  }).join("");
}
