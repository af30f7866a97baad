/**
 * Loads Observable Plot and a DOM for it, and draws plots as SVG text. The only module that names
 * either package; the figures beside it define the plots.
 *
 * The packages (15 MB on disk with their dependencies) are downloaded and loaded when the first
 * figure is drawn. The specifiers are in variables because Deno downloads the specifiers of all
 * imports at start, even of imports that are never reached.
 *
 * @module
 */

// deno-lint-ignore no-import-prefix -- only types, which are erased
import type * as PlotModule from "npm:@observablehq/plot@0.6.17";
import { UserError } from "../errors.ts";

const PLOT = "npm:@observablehq/plot@0.6.17";
const DOM = "npm:linkedom@0.18.12";

/** Everything that Observable Plot exports. */
export type Plot = typeof PlotModule;

/** Options of one plot: marks, scales, margins. */
export type PlotOptions = PlotModule.PlotOptions;

/** One mark of a plot. */
export type Mark = PlotModule.Markish;

/** A plot as SVG text, and the pixels of its values. */
export interface Drawing {
  /** An `<svg>` element without a namespace, to be put inside another. */
  readonly markup: string;
  /** Pixel of a value on the x scale, from the drawing's left edge. */
  x(value: number): number;
  /** Pixel of a value on the y scale, from the drawing's upper edge. */
  y(value: number): number;
}

/** Draws plots. */
export interface Plotter {
  /** Observable Plot, for its marks. */
  readonly Plot: Plot;
  /** Draws one plot with its upper left corner at `left`, `top`. */
  draw(options: PlotOptions, left?: number, top?: number): Drawing;
}

/** The part of the DOM that is used here. */
interface SvgElement {
  readonly outerHTML: string;
  setAttribute(name: string, value: string): void;
  querySelector(selector: string): SvgElement | null;
  remove(): void;
  removeAttribute(name: string): void;
  scale(name: string): { apply(value: number): number };
}

let loading: Promise<Plotter> | undefined;

/**
 * Loads the packages at the first call; a failed load is tried again at the next.
 *
 * @throws {UserError} if they cannot be downloaded
 */
export function loadPlotter(): Promise<Plotter> {
  loading ??= load().catch((cause) => {
    loading = undefined;
    const [reason] = (cause as Error).message.split("\n");
    throw new UserError(
      `the packages that draw cannot be downloaded (${reason}); the first use needs the network`,
      { cause },
    );
  });
  return loading;
}

async function load(): Promise<Plotter> {
  const [Plot, { parseHTML }] = await Promise.all([import(PLOT) as Promise<Plot>, import(DOM)]);
  const { document } = parseHTML("<html></html>");
  return {
    Plot,
    draw(options, left = 0, top = 0) {
      const svg = Plot.plot({ ...options, document }) as unknown as SvgElement;
      // Plot's style sheet is for web pages; the figure sets the necessary styles.
      svg.querySelector("style")?.remove();
      svg.removeAttribute("font-family");
      svg.setAttribute("x", String(left));
      svg.setAttribute("y", String(top));
      svg.setAttribute("overflow", "visible");
      return {
        markup: svg.outerHTML,
        x: (value) => left + svg.scale("x").apply(value),
        y: (value) => top + svg.scale("y").apply(value),
      };
    },
  };
}
