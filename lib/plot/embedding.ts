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
  /**
   * Points of one group share a color and a shape, in order of appearance. Default: one group for
   * all.
   */
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
 * Draws points with their labels beside them, or, where there is no room, further away with a line
 * to the point. Groups, if there are any, are named above; each has a color and a shape.
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
      // Places the scales; the points are drawn below.
      Plot.dot(points, { x: "x", y: "y", r: 0 }),
    ],
  });
  const pixels = points.map(({ x, y }) => ({ x: drawing.x(x), y: drawing.y(y) }));
  const texts = points.map(({ label }) => visibleToken(label, 20));
  const places = placeLabels(pixels, texts, {
    left: MARGIN,
    top,
    right: width - MARGIN,
    bottom: height - MARGIN,
  });
  const dots = points.map(({ group = "" }, index) => {
    return marker(groups.indexOf(group), pixels[index], theme);
  });
  const labels = places.map((box, index) => {
    const fill = color(points[index]);
    const at = { x: box.left, y: box.top + LINE - 3, fontSize: FONT_SIZE, fill };
    return leader(pixels[index], box, fill) + textElement(texts[index], at);
  });
  const body = [drawing.markup, ...dots, ...labels, groupNames(groups, theme)].join("\n");
  return { width, height, body };
}

/**
 * A free position for each label: beside its point, or further away if every side is occupied. If
 * there is none at all, it covers others.
 */
function placeLabels(
  points: readonly { x: number; y: number }[],
  texts: readonly string[],
  frame: Box,
): Box[] {
  const taken: Box[] = points.map(({ x, y }) => {
    return { left: x - 3, top: y - 3, right: x + 3, bottom: y + 3 };
  });
  return points.map((point, index) => {
    const width = textWidth(texts[index], FONT_SIZE);
    const isFree = (candidate: Box) =>
      contains(frame, candidate) && !taken.some((other) => overlap(other, candidate));
    const near = candidates(point, width);
    const box = near.find(isFree) ?? distant(point, width).find(isFree) ??
      near.find((candidate) => contains(frame, candidate)) ?? near[0];
    taken.push(box);
    return box;
  });
}

/** Positions around a point at growing distances. */
function* distant({ x, y }: { x: number; y: number }, width: number): Generator<Box> {
  for (let distance = 20; distance < 400; distance += 8) {
    for (let turn = 0; turn < 24; turn++) {
      const angle = turn * Math.PI / 12;
      const middle = x + distance * Math.cos(angle);
      const top = y + distance * Math.sin(angle) - LINE / 2;
      yield { left: middle - width / 2, top, right: middle + width / 2, bottom: top + LINE };
    }
  }
}

/** A thin line from a point to a label that is not beside it. */
function leader({ x, y }: { x: number; y: number }, box: Box, stroke: string): string {
  const x2 = Math.max(box.left, Math.min(box.right, x));
  const y2 = Math.max(box.top + 2, Math.min(box.bottom - 1, y));
  if (Math.hypot(x2 - x, y2 - y) < 8) return "";
  return element("line", { x1: x, y1: y, x2, y2, stroke, strokeWidth: 0.5, strokeOpacity: 0.7 });
}

/** Outlines of markers around 0, 0: each group has a shape as well as a color. */
const SHAPES = [
  "M-3,0A3,3 0 1 0 3,0A3,3 0 1 0 -3,0Z",
  "M-2.8,-2.8H2.8V2.8H-2.8Z",
  "M0,-3.8L3.6,2.8H-3.6Z",
  "M0,-4.2L4.2,0L0,4.2L-4.2,0Z",
  "M0,3.8L3.6,-2.8H-3.6Z",
  "M-1.3,-4H1.3V-1.3H4V1.3H1.3V4H-1.3V1.3H-4V-1.3H-1.3Z",
];

/** The marker of a group at a point. */
function marker(group: number, { x, y }: { x: number; y: number }, theme: Theme): string {
  const fill = theme.series[group % theme.series.length];
  const transform = `translate(${x.toFixed(2)},${y.toFixed(2)})`;
  return element("path", { d: SHAPES[group % SHAPES.length], transform, fill });
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
    const dot = marker(index, { x: left, y: 8 }, theme);
    const text = textElement(name, { x: left + 8, y: 8, dy: "0.32em", fontSize: FONT_SIZE, fill });
    left += 28 + textWidth(name, FONT_SIZE);
    return dot + text;
  }).join("");
}
