/**
 * A text whose tokens are colored by a number each, such as their log-probabilities.
 *
 * @module
 */

import { checkOptions, type OptionNames } from "../options.ts";
import { colorBar, colorBarWidth, colorOf } from "./color_scale.ts";
import { expectList, hasFields } from "./expect_list.ts";
import { Figure, FIGURE_OPTIONS, type FigureOptions } from "./figure.ts";
import { textWidth, visibleToken } from "./labels.ts";
import { element, textElement } from "./markup.ts";
import { hex, inkOn, type Theme } from "./theme.ts";

/** A token and its number. */
export interface TokenValue {
  /** The token's text. */
  readonly token: string;
  /** Its number; NaN has the color of missing values. */
  readonly value: number;
}

/** Options of {@linkcode tokenValuesFigure}. */
export interface TokenValuesOptions extends FigureOptions {
  /**
   * Values at the ends of the colors. Default: 0 and the value furthest from it, or, if there are
   * both signs, as far on both sides.
   */
  readonly range?: readonly [least: number, greatest: number];
  /** Width of the text in pixels. Default: 640. */
  readonly width?: number;
}

const OPTIONS: OptionNames<TokenValuesOptions> = {
  ...FIGURE_OPTIONS,
  range: "of the values",
  width: 640,
};

const LINE = 38;
const BOX = 20;
const FONT = 12;

/**
 * Draws the tokens of a text in a row of boxes that wraps, each in the color of its number, which
 * is printed below: log-probabilities, activations of a neuron or of a feature.
 *
 * ```ts
 * const tokens = [{ token: "To", value: NaN }, { token: " be", value: -0.3 }];
 * console.assert((await tokenValuesFigure(tokens).toSVG()).includes("-0.30"));
 * ```
 *
 * @throws {TypeError} if `tokens` is no list of them, or an option is unknown
 * @throws {RangeError} if there is none
 */
export function tokenValuesFigure(
  tokens: readonly TokenValue[],
  options: TokenValuesOptions = {},
): Figure {
  checkOptions("tokenValuesFigure", options, OPTIONS);
  const isToken = (item: unknown) => hasFields(item, { token: "", value: 0 });
  expectList("tokenValuesFigure", "{ token, value }", tokens, isToken);
  if (tokens.length === 0) throw new RangeError("tokenValuesFigure: nothing to draw");
  const finite = tokens.map(({ value }) => value).filter(Number.isFinite);
  const [low, high] = [Math.min(...finite, 0), Math.max(...finite, 0)];
  const reach = Math.max(-low, high);
  const isSigned = low < 0 && high > 0;
  const range = options.range ?? (isSigned ? [-reach, reach] : [low, high]);
  const { title = "Tokens", width = 640 } = options;
  return new Figure((_, theme) => strip(tokens, { range, isSigned, width }, theme), {
    ...options,
    title,
  });
}

function strip(
  tokens: readonly TokenValue[],
  { range: [least, greatest], isSigned, width }: {
    range: readonly [number, number];
    isSigned: boolean;
    width: number;
  },
  theme: Theme,
) {
  const scale = { least, greatest, ramp: isSigned ? theme.diverging : theme.sequential };
  let [x, y] = [0, 0];
  const boxes = tokens.map(({ token, value }) => {
    const text = visibleToken(token);
    const number = Number.isFinite(value) ? value.toFixed(2) : "";
    const size = Math.max(textWidth(text, FONT), textWidth(number, 9)) + 8;
    if (x + size > width && x > 0) [x, y] = [0, y + LINE];
    const color = colorOf(value, scale, theme);
    const middle = x + size / 2;
    const box = element("rect", { x, y, width: size, height: BOX, rx: 3, fill: hex(color) }) +
      textElement(text, {
        x: middle,
        y: y + BOX / 2,
        dy: "0.32em",
        textAnchor: "middle",
        fontSize: FONT,
        fill: Number.isFinite(value) ? inkOn(color) : theme.ink,
      }) +
      textElement(number, {
        x: middle,
        y: y + BOX + 9,
        textAnchor: "middle",
        fontSize: 9,
        fill: theme.muted,
      });
    x += size + 3;
    return box;
  });
  const height = Math.max(y + LINE, 110);
  const bar = colorBar(scale, theme, { left: width + 16, top: 4, height: height - 14 });
  return { width: width + 16 + colorBarWidth(scale), height, body: boxes.join("") + bar };
}
