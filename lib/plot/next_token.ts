/**
 * The probabilities of the next token, and what top-p sampling keeps of them.
 *
 * @module
 */

import { Figure, type FigureOptions } from "./figure.ts";
import { textWidth, visibleToken } from "./labels.ts";
import { element, textElement } from "./markup.ts";
import type { Plotter } from "./plot.ts";
import type { Theme } from "./theme.ts";

/** A token and how probable it is. */
export interface TokenProbability {
  /** The token's text. */
  readonly token: string;
  /** From 0 to 1. */
  readonly probability: number;
}

/** Options of {@linkcode nextTokenFigure}. */
export interface NextTokenOptions extends FigureOptions {
  /** Share of the probability that top-p sampling keeps, from 0 to 1. Default: no cut is drawn. */
  topP?: number;
  /** How many tokens are shown, the most probable first. Default: 20. */
  count?: number;
}

const ROW = 20;
const BARS = 360;

/**
 * Draws the most probable next tokens as bars, with a line below the last one that top-p sampling keeps:
 * the fewest tokens whose probabilities sum to at least `topP`.
 *
 * All tokens with their probabilities may be given; they need not be sorted. Throws RangeError when there are none, when a
 * probability is outside 0…1, or `topP` outside 0…1.
 *
 * @example
 * ```ts
 * const tokens = [{ token: " be", probability: 0.7 }, { token: " do", probability: 0.3 }];
 * const figure = nextTokenFigure(tokens, { topP: 0.6 });
 * console.assert((await figure.toSVG()).includes("top-p 0.6 keeps 1 token"));
 * ```
 */
export function nextTokenFigure(
  tokens: readonly TokenProbability[],
  options: NextTokenOptions = {},
): Figure {
  const { topP, count = 20, title = "Next token" } = options;
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
  const sorted = tokens.toSorted((a, b) => b.probability - a.probability);
  const kept = topP === undefined ? sorted.length : keptByTopP(sorted, topP);
  const notes: string[] = [];
  if (topP !== undefined) notes.push(`top-p ${topP} keeps ${kept} token${kept === 1 ? "" : "s"}`);
  if (sorted.length > count) notes.push(`the ${count} most probable of ${sorted.length} tokens`);
  return new Figure((plotter, theme) => {
    return { ...drawBars(plotter, theme, sorted.slice(0, count), kept), notes };
  }, { ...options, title });
}

/** The fewest of the sorted tokens whose probabilities sum to at least `topP`, and at least one. */
function keptByTopP(sorted: readonly TokenProbability[], topP: number): number {
  let sum = 0;
  // A sum of rounded probabilities may miss 1 by a little.
  const index = sorted.findIndex(({ probability }) => (sum += probability) >= topP - 1e-6);
  return index < 0 ? sorted.length : index + 1;
}

function drawBars(
  { Plot, draw }: Plotter,
  theme: Theme,
  tokens: readonly TokenProbability[],
  kept: number,
) {
  const names = tokens.map(({ token }) => visibleToken(token, 24));
  const left = 8 + Math.max(...names.map((name) => textWidth(name, 11)));
  const [width, height] = [left + BARS + 52, tokens.length * ROW];
  const bars = tokens.map(({ probability }, row) => {
    return { row, probability, fill: row < kept ? theme.series[0] : theme.muted };
  });
  const rows = {
    type: "band" as const,
    domain: bars.map(({ row }) => row),
    axis: null,
    padding: 0.2,
  };
  const drawing = draw({
    width,
    height,
    marginLeft: left,
    marginRight: 52,
    marginTop: 0,
    marginBottom: 0,
    x: { domain: [0, Math.max(...bars.map(({ probability }) => probability)) || 1], axis: null },
    y: rows,
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
      Plot.text(bars, {
        y: "row",
        text: ({ row }) => names[row],
        frameAnchor: "left",
        textAnchor: "end",
        dx: -6,
      }),
    ],
  });
  if (kept >= tokens.length) return { width, height, body: drawing.markup };
  const cut = { x1: 0, x2: width, y1: kept * ROW, y2: kept * ROW, stroke: theme.series[1] };
  const line = element("line", { ...cut, strokeDasharray: "4,3" });
  const name = {
    x: width,
    y: kept * ROW - 4,
    textAnchor: "end",
    fill: theme.series[1],
    fontSize: 10,
  };
  return { width, height, body: drawing.markup + line + textElement("top-p cut", name) };
}
