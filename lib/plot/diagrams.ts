/**
 * Diagrams of a transformer: queries, keys and values; a block; the whole model; and the way from a
 * text to vectors.
 *
 * @module
 */

import { checkOptions, type OptionNames } from "../options.ts";
import { diagram } from "./diagram.ts";
import { type Figure, FIGURE_OPTIONS, type FigureOptions } from "./figure.ts";
import { expectList, isText } from "./expect_list.ts";
import { visibleToken } from "./labels.ts";

/** Options of {@linkcode blockFigure}. */
export interface BlockFigureOptions extends FigureOptions {
  /** Where the norms are: before each half, as in GPT-2, or after it. Default: `"pre"`. */
  readonly norm?: "pre" | "post";
}

/** Options of {@linkcode tokensFigure}. */
export interface TokensFigureOptions extends FigureOptions {
  /** The tokens of the text, up to eight. */
  readonly tokens: readonly string[];
  /** The id of each token. */
  readonly ids: readonly number[];
}

const BLOCK: OptionNames<BlockFigureOptions> = { ...FIGURE_OPTIONS, norm: "pre" };
const TOKENS: OptionNames<TokensFigureOptions> = { ...FIGURE_OPTIONS, tokens: true, ids: true };

/**
 * Draws how attention makes its output from queries, keys and values.
 *
 * ```ts
 * console.assert((await queryKeyValueFigure().toSVG()).includes("softmax"));
 * ```
 *
 * @throws {TypeError} if an option is unknown
 */
export function queryKeyValueFigure(options: FigureOptions = {}): Figure {
  checkOptions("queryKeyValueFigure", options, FIGURE_OPTIONS);
  const { title = "Attention: queries, keys, values" } = options;
  return diagram({ width: 640, height: 222 }, (sketch) => {
    sketch.box({ x: 4, y: 94, width: 96, text: "vectors x", note: "one per token" });
    const roles = [
      { text: "q = x · Wq", note: "what I look for" },
      { text: "k = x · Wk", note: "how I am found" },
      { text: "v = x · Wv", note: "what I pass on" },
    ];
    roles.forEach(({ text, note }, i) => {
      const y = 14 + 80 * i;
      sketch.box({ x: 140, y, width: 122, text, note, series: i });
      sketch.arrow([[100, 111], [138, y + 17]]);
    });
    sketch.box({ x: 306, y: 54, width: 118, text: "scores q · kᵀ / √d", note: "mask: hide some" });
    sketch.arrow([[262, 31], [304, 66]]);
    sketch.arrow([[262, 111], [304, 80]]);
    sketch.box({ x: 456, y: 54, width: 84, text: "softmax", note: "sums to 1" });
    sketch.arrow([[424, 71], [454, 71]]);
    sketch.box({ x: 440, y: 174, width: 116, text: "weights · v", note: "output", series: 2 });
    sketch.arrow([[498, 88], [498, 172]]);
    sketch.arrow([[262, 191], [438, 191]]);
    sketch.label("weights", [506, 130]);
  }, { ...options, title });
}

/**
 * Draws one block of a transformer: attention and feed-forward, each with its shortcut and norm.
 *
 * ```ts
 * console.assert((await blockFigure({ norm: "post" }).toSVG()).includes("norm"));
 * ```
 *
 * @throws {RangeError} if `norm` is neither `"pre"` nor `"post"`
 * @throws {TypeError} if an option is unknown
 */
export function blockFigure(options: BlockFigureOptions = {}): Figure {
  checkOptions("blockFigure", options, BLOCK);
  const { norm = "pre", title = `A block, ${norm}-norm` } = options;
  if (norm !== "pre" && norm !== "post") {
    throw new RangeError(`blockFigure: norm: expected pre or post, got ${norm}`);
  }
  return diagram({ width: 700, height: 118 }, (sketch) => {
    sketch.label("x", [0, 62]);
    let x = 12;
    for (const part of ["attention", "feed-forward"]) {
      const start = x;
      const names = norm === "pre" ? ["norm", part, "+"] : [part, "+", "norm"];
      for (const name of names) {
        const width = name === "+" ? 30 : name === "norm" ? 66 : 102;
        sketch.arrow([[x, 62], [x + 22, 62]]);
        sketch.box({ x: x + 24, y: 45, width, text: name, series: name === part ? 0 : undefined });
        if (name === "+") {
          // The shortcut around the part.
          const plus = x + 24 + width / 2;
          sketch.arrow([[start + 8, 62], [start + 8, 14], [plus, 14], [plus, 43]]);
        }
        x += 24 + width;
      }
    }
    sketch.arrow([[x, 62], [x + 26, 62]]);
    sketch.label("to the next block", [x + 30, 62]);
    const advice = norm === "pre"
      ? "the shortcut passes all blocks unchanged (GPT-2, Folio's default)"
      : "the sum is normalized (the first transformer, the practical's model)";
    sketch.label(advice, [12, 104]);
  }, { ...options, title });
}

/**
 * Draws a whole language model, from text to the probabilities of the next token.
 *
 * ```ts
 * console.assert((await modelFigure().toSVG()).includes("next token"));
 * ```
 *
 * @throws {TypeError} if an option is unknown
 */
export function modelFigure(options: FigureOptions = {}): Figure {
  checkOptions("modelFigure", options, FIGURE_OPTIONS);
  const { title = "A language model" } = options;
  const steps = [
    { text: "text", note: "“to be or”" },
    { text: "ids", note: "the tokenizer's numbers" },
    { text: "vectors", note: "token + position" },
    { text: "layers (blocks)", note: "attention, feed-forward", series: 0 },
    { text: "logits", note: "a score for each token" },
    { text: "probabilities", note: "of the next token: “not”", series: 1 },
  ];
  return diagram({ width: 640, height: 156 }, (sketch) => {
    steps.forEach((step, i) => {
      const [row, column] = [Math.floor(i / 3), i % 3];
      const [x, y] = [4 + 216 * column, 10 + 76 * row];
      sketch.box({ x, y, width: 168, height: 42, ...step });
      if (column < 2) sketch.arrow([[x + 168, y + 21], [x + 214, y + 21]]);
    });
    sketch.arrow([[520, 52], [520, 68], [88, 68], [88, 84]]);
    sketch.arrow([[520, 128], [520, 146], [-4, 146], [-4, 31], [2, 31]], { dashed: true });
    sketch.label("one token is drawn and appended, again and again", [262, 138], "middle");
  }, { ...options, title });
}

/**
 * Draws the way of a text into a model: tokens, ids, vectors, and positions that are added.
 *
 * ```ts
 * const figure = tokensFigure({ tokens: ["to", " be"], ids: [5, 9] });
 * console.assert((await figure.toSVG()).includes("position"));
 * ```
 *
 * @throws {RangeError} if there are no tokens, more than eight, or not an id for each
 * @throws {TypeError} if the tokens are no list of texts, or an option is unknown
 */
export function tokensFigure(options: TokensFigureOptions): Figure {
  checkOptions("tokensFigure", options, TOKENS);
  const { tokens, ids, title = "Text → tokens → ids → vectors + positions" } = options;
  expectList("tokensFigure", 'tokens, such as ["to", " be"]', tokens, isText);
  if (tokens.length === 0 || tokens.length > 8 || tokens.length !== ids.length) {
    throw new RangeError(
      `tokensFigure: expected 1 to 8 tokens with an id each, got ${tokens.length} and ${ids.length}`,
    );
  }
  const rows = ["tokens", "ids", "vectors", "positions", "sum"];
  return diagram({ width: 70 + 78 * tokens.length, height: 250 }, (sketch) => {
    rows.forEach((name, row) => sketch.label(name, [0, 22 + 50 * row]));
    tokens.forEach((token, i) => {
      const x = 66 + 78 * i;
      const texts = [visibleToken(token, 9), String(ids[i]), `row ${ids[i]}`, `position ${i}`, "x"];
      texts.forEach((text, row) => {
        const y = 6 + 50 * row;
        sketch.box({ x, y, width: 70, height: 32, text, series: row < 2 ? undefined : row - 2 });
        const middle = x + 35;
        if (row < 2) sketch.arrow([[middle, y + 32], [middle, y + 48]]);
        if (row === 2) sketch.label("+", [middle, y + 41], "middle");
        if (row === 3) sketch.arrow([[middle, y + 32], [middle, y + 48]]);
      });
    });
  }, { ...options, title });
}
