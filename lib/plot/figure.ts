/**
 * A figure: SVG text made when it is asked for, saved to a file or shown in a notebook.
 *
 * This module gives every figure its ground, font, title and notes; the content comes from the
 * other modules of lib/plot.
 *
 * @module
 */

import { writeFileAtomically } from "../files.ts";
import { FONT, textWidth } from "./labels.ts";
import { element, escape, onlyXmlCharacters, textElement } from "./markup.ts";
import { loadPlotter, type Plotter } from "./plot.ts";
import { type Theme, type ThemeName, THEMES } from "./theme.ts";

/** Options that all figures share. */
export interface FigureOptions {
  /** Colors for a light or a dark ground. Default: `"light"`. */
  theme?: ThemeName;
  /** Heading above the figure. Default: each figure's own. */
  title?: string;
}

/** What a figure shows, without its frame. */
export interface Content {
  /** Width in pixels. */
  readonly width: number;
  /** Height in pixels. */
  readonly height: number;
  /** SVG markup within that rectangle. */
  readonly body: string;
  /** Lines of small print below. */
  readonly notes?: readonly string[];
}

/** Draws a figure's content in the colors of a theme. */
export type Draw = (plotter: Plotter, theme: Theme) => Content | Promise<Content>;

const TITLE_HEIGHT = 34;
const NOTE_HEIGHT = 16;
const PADDING = 12;

/**
 * A figure that is drawn when its SVG is asked for; Observable Plot is loaded then.
 *
 * In a Jupyter notebook with Deno's kernel a cell that ends in a figure shows it.
 */
export class Figure {
  readonly #draw: Draw;
  readonly #theme: Theme;
  readonly #title: string;

  /** Figures are usually made by functions such as `lossFigure`. */
  constructor(draw: Draw, { theme = "light", title = "" }: FigureOptions = {}) {
    this.#draw = draw;
    this.#theme = THEMES[theme];
    this.#title = title;
  }

  /** The figure as a whole SVG document. */
  async toSVG(): Promise<string> {
    const { width, height, body, notes = [] } = await this.#draw(await loadPlotter(), this.#theme);
    const top = PADDING + (this.#title ? TITLE_HEIGHT : 0);
    const texts = [textWidth(this.#title, 15), ...notes.map((note) => textWidth(note, 11))];
    const [fullWidth, bottom] = [Math.max(width, ...texts) + 2 * PADDING, top + height];
    const fullHeight = bottom + notes.length * NOTE_HEIGHT + PADDING;
    const { background, ink, muted } = this.#theme;
    const lines = notes.map((note, line) => {
      return textElement(note, { x: PADDING, y: bottom + (line + 0.7) * NOTE_HEIGHT, fill: muted });
    });
    const heading = { x: PADDING, y: PADDING + 14, fontSize: 15, fontWeight: 600 };
    const content = [
      this.#title && element("title", {}, escape(this.#title)),
      element("rect", { width: "100%", height: "100%", fill: background }),
      this.#title && textElement(this.#title, heading),
      element("g", { transform: `translate(${PADDING},${top})` }, body),
      ...lines,
    ];
    const svg = element("svg", {
      xmlns: "http://www.w3.org/2000/svg",
      width: fullWidth,
      height: fullHeight,
      viewBox: `0 0 ${Math.round(fullWidth)} ${Math.round(fullHeight)}`,
      fontFamily: FONT,
      fontSize: 11,
      fill: ink,
      color: ink,
    }, content.filter(Boolean).join("\n"));
    return onlyXmlCharacters(svg) + "\n";
  }

  /**
   * Writes the SVG to a file, which is whole or not there. Throws a UserError when the folder is
   * missing or cannot be written.
   */
  async save(path: string): Promise<void> {
    await writeFileAtomically(path, [new TextEncoder().encode(await this.toSVG())]);
  }

  /** What Deno's Jupyter kernel shows. */
  async [Symbol.for("Jupyter.display")](): Promise<Record<string, string>> {
    return { "image/svg+xml": await this.toSVG() };
  }
}
