/**
 * The parts of a diagram: boxes with text, and arrows between them. diagrams.ts draws with them.
 *
 * @module
 */

import { Figure, type FigureOptions } from "./figure.ts";
import { element, textElement } from "./markup.ts";
import type { Plotter } from "./plot.ts";
import type { Theme } from "./theme.ts";

/** A point in pixels. */
export type Point = readonly [x: number, y: number];

/** A box with text in its middle. */
export interface Box {
  /** Its left edge. */
  readonly x: number;
  /** Its upper edge. */
  readonly y: number;
  /** Its width. Default: 150. */
  readonly width?: number;
  /** Its height. Default: 34. */
  readonly height?: number;
  /** Its text. */
  readonly text: string;
  /** A second line, smaller. Default: none. */
  readonly note?: string;
  /** Number of the series whose color its edge has. Default: that of text. */
  readonly series?: number;
}

/** A drawing that grows by boxes, arrows and words. */
export class Sketch {
  readonly #parts: string[] = [];

  /** Draws in the colors of a theme. */
  constructor(readonly theme: Theme) {}

  /** All that was drawn. */
  get markup(): string {
    return this.#parts.join("\n");
  }

  /** Draws a box. */
  box({ x, y, width = 150, height = 34, text, note, series }: Box): void {
    const { theme } = this;
    const stroke = series === undefined ? theme.muted : theme.series[series];
    const frame = { x, y, width, height, rx: 5, fill: theme.background, stroke, strokeWidth: 1.5 };
    this.#parts.push(element("rect", frame));
    const middle = { x: x + width / 2, textAnchor: "middle", fontSize: 12 };
    const top = y + height / 2 + (note ? -7 : 0);
    this.#parts.push(textElement(text, { ...middle, y: top, dy: "0.35em", fill: theme.ink }));
    if (!note) return;
    const small = { ...middle, fontSize: 10, y: top + 14, dy: "0.35em", fill: theme.muted };
    this.#parts.push(textElement(note, small));
  }

  /** Draws a line through points with a head at the last. */
  arrow(points: readonly Point[], { dashed = false } = {}): void {
    const { ink } = this.theme;
    const [[fromX, fromY], [x, y]] = points.slice(-2);
    const length = Math.hypot(x - fromX, y - fromY);
    const [dx, dy] = [(x - fromX) / length, (y - fromY) / length];
    const path = points.map(([px, py], i) => `${i ? "L" : "M"}${px},${py}`).join("");
    const line = { d: path, fill: "none", stroke: ink, strokeWidth: 1.25 };
    this.#parts.push(element("path", { ...line, strokeDasharray: dashed ? "4,3" : undefined }));
    const side = (sign: number) =>
      `${x - 7 * dx - 3.5 * sign * dy},${y - 7 * dy + 3.5 * sign * dx}`;
    this.#parts.push(element("path", { d: `M${x},${y}L${side(1)}L${side(-1)}Z`, fill: ink }));
  }

  /** Writes a word or a line. */
  label(text: string, [x, y]: Point, anchor: "start" | "middle" | "end" = "start"): void {
    const style = { fontSize: 11, textAnchor: anchor, fill: this.theme.muted, dy: "0.35em" };
    this.#parts.push(textElement(text, { x, y, ...style }));
  }
}

/** A figure of boxes and arrows, which needs no package to draw. */
export function diagram(
  size: { readonly width: number; readonly height: number },
  draw: (sketch: Sketch) => void,
  options: FigureOptions,
): Figure {
  const content = (_plotter: Plotter, theme: Theme) => {
    const sketch = new Sketch(theme);
    draw(sketch);
    return { ...size, body: sketch.markup };
  };
  return new Figure(content, options, () => Promise.resolve({} as Plotter));
}
