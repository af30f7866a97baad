/**
 * A figure: SVG text that is made when it is read, saved to a file, or shown in a notebook.
 *
 * Every figure's background, font, title and notes are drawn here; the modules beside this one draw
 * the content, one kind of figure each.
 *
 * @module
 */

import { describe } from "../errors.ts";
import { writeFileAtomically } from "../files.ts";
import type { OptionNames } from "../options.ts";
import { localPath } from "../place.ts";
import { FONT, textWidth } from "./labels.ts";
import { element, escape, onlyXmlCharacters, textElement } from "./markup.ts";
import { loadPlotter, type Plotter } from "./plot.ts";
import { type Theme, type ThemeName, THEMES } from "./theme.ts";

/** Options that all figures share. */
export interface FigureOptions {
  /** Colors for a light or a dark background. Default: `"light"`. */
  theme?: ThemeName;
  /** Heading above the figure. Default: each figure's own. */
  title?: string;
}

/** The names of these options, for the functions that take them. */
export const FIGURE_OPTIONS: OptionNames<FigureOptions> = {
  theme: "light",
  title: "each figure's own",
};

/** Content of a figure, without its frame. */
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

/** A function that draws a figure's content in the colors of a theme. */
export type Draw = (plotter: Plotter, theme: Theme) => Content | Promise<Content>;

const TITLE_HEIGHT = 34;
const NOTE_HEIGHT = 16;
const PADDING = 12;

/**
 * A figure that is drawn at `toSVG` or `save`; Observable Plot is loaded then.
 *
 * In a Jupyter notebook with Deno's kernel a cell that ends in a figure shows it.
 *
 * ```ts
 * import { lossFigure } from "./mod.ts";
 * const figure = lossFigure([{ label: "a", train: [{ step: 0, loss: 4.2 }] }]);
 * console.assert((await figure.toSVG()).startsWith("<svg"));
 * ```
 */
export class Figure {
  readonly #draw: Draw;
  readonly #load: () => Promise<Plotter>;
  readonly #theme: ThemeName;
  readonly #title: string;

  /**
   * Functions such as `lossFigure` make figures.
   *
   * @internal
   */
  constructor(
    draw: Draw,
    { theme = "light", title = "" }: FigureOptions = {},
    load: () => Promise<Plotter> = loadPlotter,
  ) {
    expectTheme(theme);
    this.#draw = draw;
    this.#load = load;
    this.#theme = theme;
    this.#title = title;
  }

  /** The heading above the figure. */
  get title(): string {
    return this.#title;
  }

  /**
   * The figure as a whole SVG document, in its own theme or another.
   *
   * @throws {UserError} if the packages that draw cannot be loaded
   * @throws {RangeError} if there is no such theme
   */
  async toSVG(themeName: ThemeName = this.#theme): Promise<string> {
    expectTheme(themeName);
    const theme = THEMES[themeName];
    const { width, height, body, notes = [] } = await this.#draw(await this.#load(), theme);
    const top = PADDING + (this.#title ? TITLE_HEIGHT : 0);
    const texts = [textWidth(this.#title, 15), ...notes.map((note) => textWidth(note, 11))];
    const bottom = top + height;
    // Whole pixels: otherwise the box that is shown and the one that is filled differ at an edge.
    const fullWidth = Math.ceil(Math.max(width, ...texts) + 2 * PADDING);
    const fullHeight = Math.ceil(bottom + notes.length * NOTE_HEIGHT + PADDING);
    const { background, ink, muted } = theme;
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
      viewBox: `0 0 ${fullWidth} ${fullHeight}`,
      fontFamily: FONT,
      fontSize: 11,
      fill: ink,
      color: ink,
      role: "img",
    }, content.filter(Boolean).join("\n"));
    return onlyXmlCharacters(svg) + "\n";
  }

  /**
   * Saves the SVG to a file, a path or a `file:` address: all of it or nothing.
   *
   * @throws {UserError} if the folder is missing or cannot be written, or the packages that draw
   *   cannot be loaded
   * @throws {TypeError} if `file` is neither a path nor a `file:` address
   * @throws {RangeError} if its name has the extension of another kind of picture
   */
  async save(file: string | URL): Promise<void> {
    const path = localPath("save", file);
    const other = /\.(png|jpe?g|gif|webp|avif|bmp|pdf|eps|html?)$/i.exec(path);
    if (other) {
      throw new RangeError(
        `save: ${path}: a figure is SVG, not ${other[1]}; give a name that ends in .svg`,
      );
    }
    await writeFileAtomically(path, [new TextEncoder().encode(await this.toSVG())]);
  }

  /** What `console.log` prints. */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return `figure ${JSON.stringify(this.#title)}; save(file) writes it as SVG`;
  }

  /** The representation that Deno's Jupyter kernel shows. */
  async [Symbol.for("Jupyter.display")](): Promise<Record<string, string>> {
    return { "image/svg+xml": await this.toSVG() };
  }
}

function expectTheme(theme: unknown): void {
  if (!Object.hasOwn(THEMES, theme as string)) {
    throw new RangeError(`figure: expected the theme light or dark, got ${describe(theme)}`);
  }
}
