/**
 * Lines over steps, each labeled at its right-hand end. loss.ts, learning_rate.ts and
 * seeds.ts draw them.
 *
 * @module
 */

import { spread, textWidth } from "./labels.ts";
import { element, textElement } from "./markup.ts";
import type { Mark, Plotter } from "./plot.ts";
import { type Point, thin } from "./series.ts";
import type { Theme } from "./theme.ts";

/** One line. */
export interface Line {
  /** Its points, in the order of their steps. */
  readonly points: readonly Point[];
  /** Its color, as SVG writes it. */
  readonly color: string;
  /** Label at its end. Default: none. */
  readonly text?: string;
  /** Dashed, with a dot at each measured value. */
  readonly dashed?: boolean;
  /** A dot at each measured value. */
  readonly dots?: boolean;
  /** Pale and thin, for a line behind another. */
  readonly pale?: boolean;
  /** A band around the line, filled in its color. Default: none. */
  readonly band?: readonly Band[];
}

/** Where a band is at a step. */
export interface Band {
  /** Steps done, from 0. */
  readonly step: number;
  /** Its lower edge. */
  readonly low: number;
  /** Its upper edge. */
  readonly high: number;
}

/** Size and axes of a chart. */
export interface ChartOptions {
  /** Width of the area between the axes, in pixels. */
  readonly width: number;
  /** Height of that area, in pixels. */
  readonly height: number;
  /** Room right of that area, in pixels; `labelMargin` computes what labels need. */
  readonly marginRight: number;
  /** First and last step. */
  readonly steps: readonly [number, number];
  /** Logarithmic step axis, in powers of 2. Default: false. */
  readonly logX?: boolean;
  /** Steps that get a tick. Default: round ones. */
  readonly xTicks?: number[];
  /** Name of the step axis. Default: none. */
  readonly xLabel?: string;
  /** Name of the value axis. Default: none. */
  readonly yLabel?: string;
  /** Logarithmic value axis. Default: false. */
  readonly logY?: boolean;
  /**
   * Format of the numbers at the value axis, a d3-format specifier. Default: `"~f"`, on a
   * logarithmic axis `"~g"`.
   */
  readonly yFormat?: string;
  /** Start the value axis at 0. Default: false. */
  readonly zero?: boolean;
  /**
   * Approximate number of ticks of the value axis, or the values of the ticks. Default: one for
   * each 50 pixels.
   */
  readonly ticks?: number | number[];
}

/** A drawn chart and its size. */
export interface Chart {
  /** SVG markup. */
  readonly markup: string;
  /** Width in pixels, labels included. */
  readonly width: number;
  /** Height in pixels, axes included. */
  readonly height: number;
}

/** Height of a label in pixels: with n labels, a chart should be n times as high. */
export const LABEL_HEIGHT = 14;

const MARGIN = { left: 52, top: 22, bottom: 24, axisLabel: 16 };
const LABEL_GAP = 16;
const FONT_SIZE = 11;
/** Number of points beyond which a line is thinned: about three per pixel. */
const MAX_POINTS = 1800;
/** Number of steps from which on round ones are whole. */
const MOST_WHOLE_STEPS = 10;

/** Room that labels need right of their lines, in pixels. */
export function labelMargin(lines: readonly Line[]): number {
  const widths = lines.map(({ text = "" }) => textWidth(text, FONT_SIZE));
  return LABEL_GAP + Math.max(0, ...widths);
}

/** First and last step of some lines; a single step gets room on both sides. */
export function stepsOf(lines: readonly Line[]): [number, number] {
  return extent(lines.flatMap(({ points }) => points.map(({ step }) => step)), 1);
}

/** Each whole step, if there are so few that round ones would come between them. */
function fewSteps(lines: readonly Line[], { steps, logX }: ChartOptions): number[] | undefined {
  const [first, last] = [Math.ceil(steps[0]), Math.floor(steps[1])];
  const areWhole = lines.every(({ points }) => points.every(({ step }) => Number.isInteger(step)));
  if (logX || !areWhole || last - first >= MOST_WHOLE_STEPS) return undefined;
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

/** Draws lines with their upper edge at `top`. */
export function lineChart(
  plotter: Plotter,
  theme: Theme,
  lines: readonly Line[],
  options: ChartOptions,
  top = 0,
): Chart {
  const { width, height, marginRight, steps, xLabel, logY = false } = options;
  const xTicks = options.xTicks ?? fewSteps(lines, options);
  const marginBottom = MARGIN.bottom + (xLabel ? MARGIN.axisLabel : 0);
  const outer = {
    width: MARGIN.left + width + marginRight,
    height: MARGIN.top + height + marginBottom,
  };
  const ticks = options.ticks ?? Math.round(height / 50);
  const values = lines.flatMap(({ points, band = [] }) => [
    ...points.map(({ value }) => value),
    ...band.flatMap(({ low, high }) => [low, high]),
  ]);
  const domain = extent(options.zero ? [0, ...values] : values, options.zero ? 1e-3 : 0.1);
  const drawing = plotter.draw(
    {
      ...outer,
      marginLeft: MARGIN.left,
      marginRight,
      marginTop: MARGIN.top,
      marginBottom,
      x: {
        ...(options.logX ? { type: "log", base: 2 } : {}),
        domain: [...steps],
        ticks: xTicks,
        tickFormat: xTicks && "d",
        label: xLabel ?? null,
        labelAnchor: "center",
        labelArrow: "none",
      },
      y: {
        type: logY ? "log" : "linear",
        domain,
        nice: !logY,
        ticks,
        // With "g" a linear axis that ends between two ticks, as at 10.7, writes 10 as 1e+1.
        tickFormat: options.yFormat ?? (logY ? "~g" : "~f"),
        label: options.yLabel ?? null,
      },
      marks: [
        plotter.Plot.gridY({ stroke: theme.grid, strokeOpacity: 1, ticks }),
        ...lines.flatMap((line) => lineMarks(plotter, line)),
      ],
    },
    0,
    top,
  );
  const ends = lines.filter(({ text }) => text).map(({ text = "", color, points }) => {
    const { step, value } = points.at(-1)!;
    return { text, color, x: drawing.x(step), y: drawing.y(value) };
  });
  const area = { right: MARGIN.left + width, top: top + MARGIN.top, height };
  return { ...outer, markup: drawing.markup + endLabels(ends, area) };
}

function lineMarks({ Plot }: Plotter, line: Line): Mark[] {
  const { points, color, dashed, dots, pale, band = [] } = line;
  const channels = { x: "step", y: "value" };
  const style = pale ? { strokeOpacity: 0.25, strokeWidth: 1 } : {};
  const strokeDasharray = dashed ? "5,3" : undefined;
  const lines = { ...channels, stroke: color, strokeDasharray, ...style };
  const marks: Mark[] = [Plot.line(thin(points, MAX_POINTS), lines)];
  if (band.length > 0) {
    const edges = { x: "step", y1: "low", y2: "high" };
    marks.unshift(Plot.areaY(band, { ...edges, fill: color, fillOpacity: 0.15 }));
  }
  if (points.length === 1 || dots || (dashed && points.length <= 60)) {
    marks.push(Plot.dot(points, { ...channels, fill: color, r: 2.2 }));
  }
  return marks;
}

/** A label and the pixel where its line ends. */
interface End {
  readonly text: string;
  readonly color: string;
  readonly x: number;
  readonly y: number;
}

/** Labels in a column right of the area, kept apart and joined to their lines. */
function endLabels(
  ends: readonly End[],
  { right, top, height }: { right: number; top: number; height: number },
): string {
  const places = spread(ends.map(({ y }) => y), LABEL_HEIGHT, top, top + height);
  return ends.map(({ text, color, x, y }, index) => {
    const column = right + LABEL_GAP;
    const stroke = { fill: "none", stroke: color, strokeWidth: 0.75, strokeOpacity: 0.7 };
    const across = { x1: x + 4, x2: right + 2, y1: y, y2: y, ...stroke, strokeDasharray: "1,4" };
    const aside = { x1: right + 3, x2: column - 3, y1: y, y2: places[index], ...stroke };
    const at = { x: column, y: places[index], dy: "0.32em", fill: color, fontSize: FONT_SIZE };
    const isEarly = x < right - 3;
    return (isEarly ? element("line", across) : "") + element("line", aside) +
      textElement(text, at);
  }).join("");
}

/** Minimum and maximum of some numbers, moved apart around their middle to at least `room`. */
function extent(numbers: readonly number[], room: number): [number, number] {
  let [least, greatest] = [Infinity, -Infinity];
  for (const number of numbers) {
    least = Math.min(least, number);
    greatest = Math.max(greatest, number);
  }
  return least < greatest
    ? [least, greatest]
    : [least - room * (least || 1), least + room * (least || 1)];
}
