/**
 * A line chart over steps, in SVG: axes, one or two curves, and the values under the pointer or,
 * with the arrow keys, under a cursor.
 *
 * @module
 */
import { count, short, ticks } from "./format.js";
import { html, svg } from "./svg.js";

const MARGIN = { left: 46, right: 10, top: 24, bottom: 34 };
/** Maximum number of points of a curve; beyond that, every second one is dropped. */
const MAX_POINTS = 4000;
/**
 * From this number of points on, a noisy curve is drawn as its moving average over this fraction of
 * it, in front of the raw curve, which is pale.
 */
const SMOOTH = { from: 40, share: 1 / 25 };

/** A figure with its heading, the values at a step, and the drawing. */
export class LineChart {
  #drawn = false;
  #cursor;
  #plot;

  /**
   * `curves`: name, class (`first`, `second`), whether it is noisy, whether it is measured rarely
   * and so has dots; `format` writes a value.
   */
  constructor(figure, { title, yLabel, height, zero = false, curves, format, axis = short }) {
    Object.assign(this, { title, yLabel, height, zero, format, axis });
    this.curves = curves.map((curve) => ({ ...curve, points: [] }));
    this.reading = html("p", { class: "reading" });
    this.svg = svg("svg", { class: "chart", role: "img", tabindex: 0, height });
    const caption = html("figcaption", {}, html("h3", {}, title), this.reading);
    figure.append(caption, this.svg);
    this.#listen();
    new ResizeObserver(() => this.#change()).observe(figure);
  }

  /** Removes all points. */
  clear() {
    for (const curve of this.curves) curve.points = [];
    this.#change();
  }

  /** Adds points [step, value] to a curve. */
  add(index, points) {
    const curve = this.curves[index];
    for (const point of points) {
      if (curve.points.length >= MAX_POINTS) {
        curve.points = curve.points.filter((_, i) => i % 2 === 0);
      }
      curve.points.push(point);
    }
    this.#change();
  }

  /** Draws once at the next frame, however much has changed. */
  #change() {
    if (this.#drawn) return;
    this.#drawn = true;
    requestAnimationFrame(() => {
      this.#drawn = false;
      this.#draw();
    });
  }

  #draw() {
    const width = Math.max(0, this.svg.parentElement.clientWidth - 24); // the card's padding
    this.svg.setAttribute("width", width);
    const all = this.curves.flatMap(({ points }) => points);
    if (all.length === 0 || width === 0) return this.#describe();
    const steps = [this.zeroStep ?? 0, Math.max(2, ...all.map(([step]) => step))];
    const values = extent(all.map(([, value]) => value), this.zero);
    const [left, right] = [MARGIN.left, width - MARGIN.right];
    const [top, bottom] = [MARGIN.top, this.height - MARGIN.bottom];
    const x = (step) => left + (step - steps[0]) / (steps[1] - steps[0]) * (right - left);
    const y = (value) => bottom - (value - values[0]) / (values[1] - values[0]) * (bottom - top);
    this.#plot = { x, y, left, right, top, bottom, steps };
    const axes = this.#axes(this.#plot, values);
    this.svg.replaceChildren(...axes, ...this.curves.map((curve) => drawCurve(curve, this.#plot)));
    this.#drawCursor();
  }

  #axes({ x, y, left, right, top, bottom, steps }, values) {
    const rows = ticks(...values, (bottom - top) / 40);
    const columns = ticks(...steps, (right - left) / 90);
    const grid = rows.map((value) =>
      svg("line", { x1: left, x2: right, y1: y(value), y2: y(value) })
    );
    const rowLabels = rows.map((value) =>
      svg(
        "text",
        { x: left - 7, y: y(value), dy: "0.32em", "text-anchor": "end" },
        this.axis(value),
      )
    );
    const columnLabels = columns.map((step) =>
      svg("text", { x: x(step), y: bottom + 15, "text-anchor": "middle" }, short(step))
    );
    const titles = [
      svg("text", { x: 0, y: 10 }, this.yLabel),
      svg("text", { x: (left + right) / 2, y: this.height - 3, "text-anchor": "middle" }, "step"),
    ];
    return [svg("g", { class: "grid" }, ...grid), ...rowLabels, ...columnLabels, ...titles];
  }

  #listen() {
    this.svg.addEventListener("pointermove", ({ clientX }) => this.#pointAt(clientX));
    this.svg.addEventListener("pointerdown", ({ clientX }) => this.#pointAt(clientX));
    this.svg.addEventListener("pointerleave", () => this.#moveTo(undefined));
    this.svg.addEventListener("blur", () => this.#moveTo(undefined));
    this.svg.addEventListener("keydown", (event) => {
      const steps = this.#steps();
      const at = this.#cursor === undefined ? steps.length : steps.indexOf(this.#cursor);
      const to =
        { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: steps.length - 1 }[event.key];
      if (to === undefined || steps.length === 0) return;
      event.preventDefault();
      this.#moveTo(steps[Math.max(0, Math.min(steps.length - 1, to))], true);
    });
  }

  #pointAt(clientX) {
    if (!this.#plot) return;
    const pointer = clientX - this.svg.getBoundingClientRect().left;
    const distance = (step) => Math.abs(this.#plot.x(step) - pointer);
    const steps = this.#steps();
    this.#moveTo(
      steps.reduce((best, step) => distance(step) < distance(best) ? step : best, steps[0]),
    );
  }

  /** Steps that have a value, in order. */
  #steps() {
    const steps = this.curves.flatMap(({ points }) => points.map(([step]) => step));
    return [...new Set(steps)].sort((a, b) => a - b);
  }

  #moveTo(step, announce = false) {
    this.#cursor = step;
    this.reading.setAttribute("aria-live", announce ? "polite" : "off");
    this.#drawCursor();
  }

  #drawCursor() {
    this.svg.querySelector(".cursor")?.remove();
    this.#describe();
    if (this.#cursor === undefined || !this.#plot) return;
    const { x, top, bottom } = this.#plot;
    const left = x(this.#cursor);
    this.svg.append(svg("line", { class: "cursor", x1: left, x2: left, y1: top, y2: bottom }));
  }

  /** Writes the values at the cursor, or the latest values. */
  #describe() {
    const at = this.#cursor ?? Infinity;
    const parts = this.curves.flatMap(({ name, className, points }) => {
      const point = points.findLast(([step]) => step <= at);
      if (!point) return [];
      return [html("span", { class: className }, name, " ", html("b", {}, this.format(point[1])))];
    });
    const step = this.#cursor === undefined ? [] : [`step ${count(this.#cursor)}`];
    this.reading.replaceChildren(
      ...[...step, ...parts].flatMap((part) => [part, "  "]).slice(0, -1),
    );
    const latest = parts.map((part) => part.textContent).join(", ") || "nothing measured yet";
    this.svg.setAttribute(
      "aria-label",
      `${this.title} over steps: ${latest}. Arrow keys read values.`,
    );
  }
}

function drawCurve({ className, noisy, dotted, points }, { x, y }) {
  const line = (shown, attributes = {}) => {
    const vertices = shown.map(([step, value]) => `${x(step).toFixed(1)},${y(value).toFixed(1)}`);
    return svg("path", { d: vertices.length > 0 ? `M${vertices.join("L")}` : "", ...attributes });
  };
  const dots = dotted || points.length === 1 ? points.slice(-60) : [];
  const circles = dots.map(([step, value]) => svg("circle", { cx: x(step), cy: y(value), r: 2.5 }));
  const smooth = noisy && points.length >= SMOOTH.from;
  const lines = smooth
    ? [
      line(points, { class: "raw" }),
      line(average(points, Math.round(points.length * SMOOTH.share / 2))),
    ]
    : [line(points)];
  return svg("g", { class: className }, ...lines, ...circles);
}

/**
 * The mean over each point and up to `reach` points on both sides, fewer at the ends; centered, so
 * that the curve does not lag.
 */
function average(points, reach) {
  const sums = [0];
  for (const [, value] of points) sums.push(sums.at(-1) + value);
  return points.map(([step], index) => {
    const near = Math.min(reach, index, points.length - 1 - index);
    return [step, (sums[index + near + 1] - sums[index - near]) / (2 * near + 1)];
  });
}

/** Minimum and maximum with some room; from 0 if `zero`. */
function extent(values, zero) {
  let low = zero ? 0 : Infinity;
  let high = -Infinity;
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  const room = (high - low || Math.abs(high) || 1) * 0.05;
  return [zero ? 0 : low - room, high + room];
}
