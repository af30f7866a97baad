/**
 * Methods beside each other: accuracy against what is trained and against the time it takes.
 *
 * @module
 */

import { checkOptions } from "../options.ts";
import { expectList, hasFields } from "./expect_list.ts";
import { Figure, FIGURE_OPTIONS, type FigureOptions } from "./figure.ts";
import { shorten, spread, textWidth } from "./labels.ts";
import { textElement } from "./markup.ts";
import type { Plotter } from "./plot.ts";
import type { Theme } from "./theme.ts";

/** What a method cost and brought. */
export interface MethodPoint {
  /** Its name. */
  readonly label: string;
  /** The share of right answers, from 0 to 1. */
  readonly accuracy: number;
  /** The standard error of the accuracy. Default: none is drawn. */
  readonly error?: number;
  /** How many numbers were trained, above 0. */
  readonly trained: number;
  /** How long that took, in seconds, above 0. */
  readonly seconds: number;
}

/** One of the two panels. */
interface Panel {
  readonly name: "trained" | "seconds";
  readonly label: string;
  readonly left: number;
}

/** The area between the axes of a panel, and the room around it, in pixels. */
const SIZE = { width: 230, height: 220 };
const MARGIN = { left: 52, right: 66, top: 12, bottom: 34 };
const LABEL_HEIGHT = 14;

const PANEL_WIDTH = MARGIN.left + SIZE.width + MARGIN.right;
const PANELS: readonly Panel[] = [
  { name: "trained", label: "numbers trained →", left: 0 },
  { name: "seconds", label: "seconds →", left: PANEL_WIDTH },
];

/**
 * Draws each method twice, over the numbers it trained and over its seconds, both logarithmic; a
 * bar reaches a standard error up and down.
 *
 * ```ts
 * const figure = methodsFigure([
 *   { label: "words", accuracy: 0.992, error: 0.004, trained: 42405, seconds: 0.6 },
 *   { label: "full", accuracy: 0.99, error: 0.004, trained: 850000, seconds: 96 },
 * ]);
 * console.assert((await figure.toSVG()).includes("words"));
 * ```
 *
 * @throws {RangeError} if there is no method, or a number is not above 0
 * @throws {TypeError} if `methods` is no list of methods, or an option is unknown
 */
export function methodsFigure(
  methods: readonly MethodPoint[],
  options: FigureOptions = {},
): Figure {
  checkOptions("methodsFigure", options, FIGURE_OPTIONS);
  const isMethod = (item: unknown) =>
    hasFields(item, { label: "", accuracy: 0, trained: 0, seconds: 0 });
  expectList(
    "methodsFigure",
    "methods { label, accuracy, trained, seconds }",
    methods,
    isMethod,
  );
  const wrong = methods.find(({ trained, seconds }) => !(trained > 0 && seconds > 0));
  if (wrong || methods.length === 0) {
    throw new RangeError(
      `methodsFigure: expected methods with trained and seconds above 0, got ${
        wrong?.label ?? "none"
      }`,
    );
  }
  const { title = "Accuracy by method" } = options;
  const hasErrors = methods.some(({ error }) => error !== undefined);
  const notes = hasErrors ? ["bars: a standard error up and down"] : [];
  return new Figure((plotter, theme) => ({
    width: PANELS.length * PANEL_WIDTH,
    height: MARGIN.top + SIZE.height + MARGIN.bottom,
    body: PANELS.map((panel) => drawPanel(plotter, theme, methods, panel)).join("\n"),
    notes,
  }), { ...options, title });
}

function drawPanel(
  { Plot, draw }: Plotter,
  theme: Theme,
  methods: readonly MethodPoint[],
  { name, label, left }: Panel,
): string {
  const points = methods.map((method, index) => {
    const { accuracy, error = 0 } = method;
    const color = theme.series[index % theme.series.length];
    const [low, high] = [accuracy - error, accuracy + error].map((share) => 100 * share);
    return { ...method, percent: 100 * accuracy, low, high, color, at: method[name] };
  });
  const values = points.map(({ at }) => at);
  const domain: [number, number] = [Math.min(...values) / 1.6, Math.max(...values) * 1.6];
  const drawing = draw(
    {
      width: PANEL_WIDTH,
      height: MARGIN.top + SIZE.height + MARGIN.bottom,
      marginLeft: MARGIN.left,
      marginRight: MARGIN.right,
      marginTop: MARGIN.top,
      marginBottom: MARGIN.bottom,
      x: { type: "log", domain, label: null, ticks: decades(domain), tickFormat: "~s" },
      y: { label: null, nice: true, ticks: 5 },
      color: { type: "identity" },
      marks: [
        Plot.gridY({ stroke: theme.grid, strokeOpacity: 1 }),
        Plot.ruleX(points, { x: "at", y1: "low", y2: "high", stroke: "color", strokeWidth: 1.5 }),
        Plot.dot(points, { x: "at", y: "percent", r: 4, fill: "color" }),
      ],
    },
    left,
    0,
  );
  const bottom = MARGIN.top + SIZE.height;
  const heights = spread(
    points.map(({ percent }) => drawing.y(percent)),
    LABEL_HEIGHT,
    MARGIN.top + 4,
    bottom - 4,
  );
  const names = points.map(({ label, at, color }, index) => {
    const text = shorten(label, 12);
    const right = drawing.x(at) + 8;
    const fits = right + textWidth(text, 11) < left + PANEL_WIDTH;
    return textElement(text, {
      x: fits ? right : drawing.x(at) - 8,
      y: heights[index],
      dy: "0.32em",
      textAnchor: fits ? "start" : "end",
      fill: color,
      stroke: theme.background, // readable on the bar of another method
      strokeWidth: 3,
      paintOrder: "stroke",
    });
  });
  const titles = { fill: theme.muted, fontSize: 11 };
  return [
    drawing.markup,
    ...names,
    textElement(label, {
      x: left + MARGIN.left + SIZE.width,
      y: bottom + 30,
      textAnchor: "end",
      ...titles,
    }),
    textElement("↑ accuracy, %", { x: left + 4, y: 6, ...titles }),
  ].join("\n");
}

/** The powers of ten within a range. */
function decades([low, high]: readonly [number, number]): number[] {
  const [first, last] = [Math.ceil(Math.log10(low)), Math.floor(Math.log10(high))];
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => 10 ** (first + i));
}
