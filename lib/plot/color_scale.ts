/**
 * The scale from values to colors in heat maps, and the bar that explains it.
 *
 * @module
 */

import { textWidth } from "./labels.ts";
import { element, textElement } from "./markup.ts";
import { type Color, hex, type Ramp, type Theme } from "./theme.ts";

/** A color ramp and the values at its ends. */
export interface ColorScale {
  /** Value at the ramp's start. */
  readonly least: number;
  /** Value at the ramp's end. */
  readonly greatest: number;
  /** Colors from the start to the end. */
  readonly ramp: Ramp;
  /**
   * Exponent of the distance from the minimum that the ramp follows; 0.5 spreads small values.
   * Default: 1.
   */
  readonly power?: number;
}

/** Color of a value; values that are not finite have the theme's color for missing ones. */
export function colorOf(value: number, scale: ColorScale, theme: Theme): Color {
  const { least, greatest, ramp, power = 1 } = scale;
  if (!Number.isFinite(value)) return theme.missing;
  return ramp(greatest > least ? ((value - least) / (greatest - least)) ** power : 0.5);
}

const BAR_WIDTH = 12;
const STRIPES = 48;

/** Width of the bar with its numbers, in pixels. */
export function colorBarWidth(scale: ColorScale): number {
  const texts = ticks(scale).map(([, text]) => textWidth(text, 10));
  return BAR_WIDTH + 8 + Math.max(...texts);
}

/** Draws the bar upright, the maximum at the top. */
export function colorBar(
  scale: ColorScale,
  theme: Theme,
  { left, top, height }: { left: number; top: number; height: number },
): string {
  const stripe = height / STRIPES;
  const stripes = Array.from({ length: STRIPES }, (_, index) => {
    const fill = hex(scale.ramp(1 - (index + 0.5) / STRIPES));
    // Half a pixel of overlap avoids seams.
    const size = { width: BAR_WIDTH, height: stripe + (index < STRIPES - 1 ? 0.5 : 0) };
    return element("rect", { x: left, y: top + index * stripe, ...size, fill });
  });
  const marks = ticks(scale).map(([place, text]) => {
    const y = top + (1 - place) * height;
    const at = { x: left + BAR_WIDTH + 6, y, dy: "0.32em", fontSize: 10, fill: theme.ink };
    const stroke = { stroke: theme.muted, x1: left + BAR_WIDTH, x2: left + BAR_WIDTH + 3 };
    return element("line", { ...stroke, y1: y, y2: y }) + textElement(text, at);
  });
  const frame = { x: left, y: top, width: BAR_WIDTH, height, fill: "none", stroke: theme.muted };
  return stripes.join("") + element("rect", { ...frame, strokeWidth: 0.5 }) + marks.join("");
}

/** Positions from 0 to 1 along the scale, and their labels: round numbers. */
function ticks({ least, greatest, power = 1 }: ColorScale): [place: number, text: string][] {
  if (!(greatest > least)) return [[0.5, shortNumber(least)]];
  const range = greatest - least;
  const at = (value: number): [number, string] => {
    return [((value - least) / range) ** power, shortNumber(value)];
  };
  const round = roundNumbers(least, greatest, 5).map(at);
  if (power === 1) return round;
  // A curved scale has room for small values.
  const small = roundNumbers(least, least + range / 8, 2).map(at);
  const [, ...rest] = round;
  const apart = ([place]: [number, string]) => Math.abs(place - rest[0][0]) > 0.1;
  return [...small.filter(apart), ...rest];
}

/**
 * Numbers within a range that are multiples of 1, 2 or 5 times a power of ten: at most about
 * `count`, and at least one.
 */
export function roundNumbers(least: number, greatest: number, count: number): number[] {
  const rough = (greatest - least) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= rough * 0.999)!;
  const first = Math.ceil(least / step - 1e-9);
  const last = Math.floor(greatest / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step);
}

function shortNumber(value: number): string {
  return String(Number(value.toPrecision(3)));
}
