/**
 * The probabilities of the next token, and the tokens that top-p sampling keeps.
 *
 * @module
 */

import { checkOptions, type OptionNames } from "../options.ts";
import { expectList, hasFields } from "./expect_list.ts";
import { type Content, Figure, FIGURE_OPTIONS, type FigureOptions } from "./figure.ts";
import { textWidth, visibleToken } from "./labels.ts";
import { element, textElement } from "./markup.ts";
import type { Plotter } from "./plot.ts";
import type { Theme } from "./theme.ts";

/** A token and its probability. */
export interface TokenProbability {
  /** The token's text. */
  readonly token: string;
  /** From 0 to 1. */
  readonly probability: number;
}

/** Options of {@linkcode nextTokenFigure}. */
export interface NextTokenOptions extends FigureOptions {
  /** The text before the token; its end is written above the bars. Default: nothing is written. */
  prompt?: string;
  /** Probability that top-p sampling keeps, from 0 to 1. Default: no cut is drawn. */
  topP?: number;
  /** Number of tokens shown, the most probable first. Default: 20. */
  count?: number;
  /**
   * Temperatures, above 0, with one panel of probabilities each. Default: one panel, of the
   * probabilities as given.
   */
  temperatures?: readonly number[];
}

const OPTIONS: OptionNames<NextTokenOptions> = {
  ...FIGURE_OPTIONS,
  prompt: "nothing",
  topP: "no cut",
  count: 20,
  temperatures: "one panel",
};

const ROW = 20;
/** Width of all bars, and room for a value right of them. */
const BARS = { width: 360, narrowest: 130, value: 46 };
const HEADING = 18;

/**
 * Draws the most probable next tokens as bars, with a line below the last one that top-p sampling
 * keeps: the fewest tokens whose probabilities sum to at least `topP`.
 *
 * At a temperature T a probability p becomes p^(1/T) / Σ p^(1/T), the softmax of logits divided by
 * T: for temperatures, pass all tokens with their probabilities. They need not be sorted.
 *
 * ```ts
 * const tokens = [{ token: " be", probability: 0.7 }, { token: " do", probability: 0.3 }];
 * const figure = nextTokenFigure(tokens, { topP: 0.6, temperatures: [0.5, 2] });
 * console.assert((await figure.toSVG()).includes("top-p 0.6 keeps 1, 1 tokens"));
 * ```
 *
 * @throws {RangeError} if there are no tokens, a probability or `topP` is outside 0…1, or a
 * temperature is not above 0
 * @throws {TypeError} if `tokens` is no list, or an option is unknown
 */
export function nextTokenFigure(
  tokens: readonly TokenProbability[],
  options: NextTokenOptions = {},
): Figure {
  checkOptions("nextTokenFigure", options, OPTIONS);
  const isToken = (item: unknown) => hasFields(item, { token: "", probability: 0 });
  expectList("nextTokenFigure", "{ token, probability }, token as text", tokens, isToken);
  const { prompt, topP, count = 20, title = "Next token", temperatures } = options;
  check(tokens, options);
  const sorted = tokens.toSorted((a, b) => b.probability - a.probability);
  const panels = (temperatures ?? [1]).map((temperature) => {
    const probabilities = atTemperature(sorted, temperature);
    const kept = topP === undefined ? sorted.length : keptByTopP(probabilities, topP);
    const heading = temperatures && `temperature ${temperature}`;
    return { probabilities: probabilities.slice(0, count), kept, heading };
  });
  const kept = panels.map((panel) => panel.kept);
  const notes: string[] = [];
  if (topP !== undefined) {
    notes.push(`top-p ${topP} keeps ${kept.join(", ")} token${kept.join() === "1" ? "" : "s"}`);
    if (kept.some((kept) => kept < Math.min(count, sorted.length))) {
      notes.push("the dashed line is the cut: tokens below it are never sampled");
    }
  }
  if (sorted.length > count) notes.push(`the ${count} most probable of ${sorted.length} tokens`);
  return new Figure((plotter, theme) => {
    const names = sorted.slice(0, count).map(({ token }) => visibleToken(token, 24));
    const drawn = drawPanels(plotter, theme, names, panels);
    return { ...(prompt === undefined ? drawn : below(drawn, prompt, theme)), notes };
  }, { ...options, title });
}

/** A drawing below the end of a prompt. */
function below(drawn: Content, prompt: string, theme: Theme): Content {
  const end = [...visibleToken(prompt, Infinity)];
  const room = Math.max(24, Math.floor(drawn.width / 7));
  const shown = end.length > room ? `…${end.slice(1 - room).join("")}` : end.join("");
  const text = textElement(`after “${shown}”`, { x: 0, y: 10, fill: theme.muted, fontSize: 11 });
  const body = text + element("g", { transform: `translate(0,${HEADING + 4})` }, drawn.body);
  return { ...drawn, height: drawn.height + HEADING + 4, body };
}

function check(
  tokens: readonly TokenProbability[],
  { topP, temperatures = [] }: NextTokenOptions,
): void {
  const inside = (value: number) => value >= 0 && value <= 1;
  const wrong = tokens.find(({ probability }) => !inside(probability));
  if (tokens.length === 0) throw new RangeError("nextTokenFigure: no tokens to draw");
  if (wrong) {
    const { token, probability } = wrong;
    throw new RangeError(
      `nextTokenFigure: probabilities are from 0 to 1, got ${probability} for "${token}"`,
    );
  }
  if (topP !== undefined && !inside(topP)) {
    throw new RangeError(`nextTokenFigure: topP is from 0 to 1, got ${topP}`);
  }
  const cold = temperatures.find((temperature) => !(temperature > 0 && temperature < Infinity));
  if (cold !== undefined) {
    throw new RangeError(`nextTokenFigure: temperatures are above 0, got ${cold}`);
  }
}

/**
 * p^(1/T) / Σ p^(1/T), computed from logarithms so that a low temperature does not underflow; 1
 * leaves them as they are.
 */
function atTemperature(sorted: readonly TokenProbability[], temperature: number): number[] {
  const probabilities = sorted.map(({ probability }) => probability);
  if (temperature === 1) return probabilities;
  const highest = Math.log(probabilities[0]);
  const powers = probabilities.map((p) => Math.exp((Math.log(p) - highest) / temperature));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}

/** The fewest of the sorted probabilities that sum to at least `topP`, and at least one. */
function keptByTopP(probabilities: readonly number[], topP: number): number {
  let sum = 0;
  // A sum of rounded probabilities may miss 1 by a little.
  const index = probabilities.findIndex((probability) => (sum += probability) >= topP - 1e-6);
  return index < 0 ? probabilities.length : index + 1;
}

/** The bars at one temperature. */
interface Panel {
  /** The probabilities shown, the largest first. */
  readonly probabilities: readonly number[];
  /** Tokens that top-p sampling keeps, those not shown among them. */
  readonly kept: number;
  /** Text above the bars. */
  readonly heading?: string;
}

/** Panels in a row, with the tokens' names at the left. */
function drawPanels(
  plotter: Plotter,
  theme: Theme,
  names: readonly string[],
  panels: readonly Panel[],
) {
  const left = 8 + Math.max(...names.map((name) => textWidth(name, 11)));
  const width = BARS.value + Math.max(BARS.narrowest, Math.floor(BARS.width / panels.length));
  const top = panels[0].heading === undefined ? 0 : HEADING;
  const labels = names.map((name, row) => {
    const at = { x: left - 6, y: top + (row + 0.5) * ROW, dy: "0.32em", textAnchor: "end" };
    return textElement(name, at);
  });
  const greatest = Math.max(...panels.map(({ probabilities }) => probabilities[0]));
  const drawn = panels.map((panel, index) => {
    const place = { left: left + index * width, top, width, greatest };
    return drawPanel(plotter, theme, panel, place);
  });
  return {
    width: left + panels.length * width,
    height: top + names.length * ROW,
    body: [...labels, ...drawn].join("\n"),
  };
}

function drawPanel(
  { Plot, draw }: Plotter,
  theme: Theme,
  { probabilities, kept, heading }: Panel,
  place: { left: number; top: number; width: number; greatest: number },
): string {
  const { left, top, width, greatest } = place;
  const height = probabilities.length * ROW;
  const bars = probabilities.map((probability, row) => {
    return { row, probability, fill: row < kept ? theme.series[0] : theme.muted };
  });
  const drawing = draw(
    {
      width,
      height,
      marginLeft: 0,
      marginRight: BARS.value,
      marginTop: 0,
      marginBottom: 0,
      x: { domain: [0, greatest || 1], axis: null },
      // Half of a gap at both ends, so that a row is as high as its label.
      y: {
        type: "band",
        domain: bars.map(({ row }) => row),
        axis: null,
        paddingInner: 0.2,
        paddingOuter: 0.1,
      },
      color: { type: "identity" },
      marks: [
        Plot.barX(bars, { x: "probability", y: "row", fill: "fill" }),
        Plot.text(bars, {
          x: "probability",
          y: "row",
          text: ({ probability }) => probability.toFixed(3),
          textAnchor: "start",
          dx: 5,
        }),
      ],
    },
    left,
    top,
  );
  const name = heading === undefined ? "" : textElement(heading, { x: left, y: 11, fontSize: 11 });
  if (kept >= probabilities.length) return drawing.markup + name;
  const [from, y] = [left - 4, top + kept * ROW];
  const cut = { x1: from, x2: left + width - 8, y1: y, y2: y, stroke: theme.series[1] };
  return drawing.markup + name + element("line", { ...cut, strokeDasharray: "4,3" });
}
