/**
 * What each part of a model adds to a logit, as bars in both directions.
 *
 * @module
 */

import { checkOptions, type OptionNames } from "../options.ts";
import { expectValue, wholeNumber } from "../rules.ts";
import { expectList, hasFields } from "./expect_list.ts";
import { Figure, FIGURE_OPTIONS, type FigureOptions } from "./figure.ts";
import { textWidth, visibleToken } from "./labels.ts";
import { element, textElement } from "./markup.ts";
import type { Theme } from "./theme.ts";

/** A part and its share. */
export interface PartShare {
  /** The part's name. */
  readonly part: string;
  /** What it adds. */
  readonly value: number;
}

/** Options of {@linkcode contributionsFigure}. */
export interface ContributionsOptions extends FigureOptions {
  /** Parts shown, those with the largest values; the others are one bar. Default: 20. */
  readonly count?: number;
}

const OPTIONS: OptionNames<ContributionsOptions> = { ...FIGURE_OPTIONS, count: 20 };

const ROW = 20;
const BARS = 340;
const VALUE = 52;

/**
 * Draws what parts add to a number as bars left and right of 0, in the order given, and below them
 * the sum.
 *
 * ```ts
 * const parts = [{ part: "embed", value: 1.2 }, { part: "0.head1", value: -0.4 }];
 * console.assert((await contributionsFigure(parts).toSVG()).includes("sum 0.80"));
 * ```
 *
 * @throws {TypeError} if `parts` is no list of them, or an option is unknown
 * @throws {RangeError} if there is none
 */
export function contributionsFigure(
  parts: readonly PartShare[],
  options: ContributionsOptions = {},
): Figure {
  checkOptions("contributionsFigure", options, OPTIONS);
  const isPart = (item: unknown) => hasFields(item, { part: "", value: 0 });
  expectList("contributionsFigure", "parts { part, value }", parts, isPart);
  const { count = 20, title = "What each part adds" } = options;
  expectValue("contributionsFigure: count", wholeNumber({ min: 1 }), count);
  if (parts.length === 0) throw new RangeError("contributionsFigure: nothing to draw");
  const shown = largest(parts, count);
  const sum = parts.reduce((total, { value }) => total + value, 0);
  return new Figure((_, theme) => ({ ...bars(shown, theme), notes: [`sum ${hundredths(sum)}`] }), {
    ...options,
    title,
  });
}

/** The parts of the largest values, in their order, and one for all others. */
function largest(parts: readonly PartShare[], count: number): PartShare[] {
  if (parts.length <= count) return [...parts];
  const sizes = parts.map(({ value }) => Math.abs(value)).sort((a, b) => b - a);
  const kept = parts.filter(({ value }) => Math.abs(value) >= sizes[count - 1]).slice(0, count);
  const others = parts.filter((part) => !kept.includes(part));
  const value = others.reduce((total, { value }) => total + value, 0);
  return [...kept, { part: `${others.length} others`, value }];
}

function bars(shown: readonly PartShare[], theme: Theme) {
  const names = shown.map(({ part }) => visibleToken(part, 24));
  const left = 8 + Math.max(...names.map((name) => textWidth(name, 11)));
  const least = Math.min(0, ...shown.map(({ value }) => value));
  const greatest = Math.max(0, ...shown.map(({ value }) => value));
  const scale = BARS / (greatest - least || 1);
  const room = least < 0 ? VALUE : 0;
  const zero = left + room - least * scale;
  const rows = shown.map(({ value }, row) => {
    const width = Math.abs(value) * scale;
    const [x, y] = [value < 0 ? zero - width : zero, row * ROW];
    const side = value < 0 ? { x: x - 5, textAnchor: "end" } : { x: x + width + 5 };
    const fill = theme.series[value < 0 ? 1 : 0];
    const middle = { y: y + ROW / 2, dy: "0.32em" };
    return element("rect", { x, y: y + 2, width, height: ROW - 4, fill }) +
      textElement(hundredths(value), { ...side, ...middle }) +
      textElement(names[row], { x: left - 6, ...middle, textAnchor: "end" });
  });
  const height = shown.length * ROW;
  const axis = element("line", { x1: zero, x2: zero, y1: 0, y2: height, stroke: theme.muted });
  return { width: left + room + BARS + VALUE, height, body: [...rows, axis].join("\n") };
}

/** Two digits behind the point, without the sign of a zero. */
function hundredths(value: number): string {
  return value.toFixed(2).replace(/^-(0\.00)$/, "$1");
}
