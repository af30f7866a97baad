/**
 * The attention of one layer and head as a heat map, chosen from small pictures of all heads.
 *
 * @module
 */
import { count, token } from "./format.js";
import { html, svg } from "./svg.js";

const NOTHING = "no weights yet";
/** Maximum number of characters of a token's label. */
const MAX_LABEL = 10;

/**
 * Rows are queries, columns keys; colors follow the square root of the weight, which makes small
 * weights visible.
 */
export class AttentionMap {
  #choice = { layer: 0, head: 0 };
  #preview;
  #cell;
  #shape;
  #weights;

  /** `onChoose`, if there is one, is called when another head is chosen. */
  constructor(figure, { title, onChoose }) {
    Object.assign(this, { figure, title, onChoose });
    this.reading = html("p", { class: "reading" }, NOTHING);
    this.svg = svg("svg", { class: "map", role: "img", tabindex: 0 });
    this.heads = html("fieldset", { class: "heads" });
    const caption = html("figcaption", {}, html("h3", {}, title), this.reading);
    const weights = ["0", "0.25", "1"].map((weight) => html("span", {}, weight));
    const scale = html("div", { class: "scale", "aria-hidden": true }, ...weights);
    figure.append(caption, html("div", { class: "scroll" }, this.svg), scale, this.heads);
    this.#listen();
    new ResizeObserver(() => this.#draw()).observe(figure);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#drawAll());
  }

  /** Sets the content of the maps; keeps the chosen layer and head if the model has them. */
  begin({ layers, heads, tokens }) {
    const shape = { layers, heads, tokens: tokens.map(token) };
    const before = this.#shape;
    if (JSON.stringify(shape) === JSON.stringify(before)) return;
    this.#shape = shape;
    this.#weights = undefined;
    this.#cell = undefined;
    const { layer, head } = this.#choice;
    this.#choice = layer < layers && head < heads ? { layer, head } : { layer: 0, head: 0 };
    if (before?.layers !== layers || before.heads !== heads) this.#makeHeads();
    this.#draw();
  }

  /** Shows new weights: bytes [layers, heads, tokens, tokens], of an update if `step` says which. */
  show({ step, weights }) {
    this.step = step;
    this.#weights = typeof weights === "string"
      ? Uint8Array.from(atob(weights), (character) => character.charCodeAt(0))
      : weights;
    this.#drawAll();
  }

  /** The chosen layer and head, from 0. */
  get choice() {
    return this.#choice;
  }

  /** What is drawn: the head under the pointer, or the chosen one. */
  get #shown() {
    return this.#preview ?? this.#choice;
  }

  #drawAll() {
    if (!this.#weights) return;
    const colors = ramp();
    for (const picture of this.heads.querySelectorAll("canvas")) {
      const { layer, head } = picture.dataset;
      paint(picture, this.#map(Number(layer), Number(head)), this.#shape.tokens.length, colors);
    }
    this.#draw();
  }

  /** The weights of one head, row by row. */
  #map(layer, head) {
    const { heads, tokens } = this.#shape;
    const size = tokens.length ** 2;
    return this.#weights.subarray((layer * heads + head) * size).subarray(0, size);
  }

  /** A radio button for each head, which arrow keys and screen readers can use. */
  #makeHeads() {
    const { layers, heads } = this.#shape;
    this.heads.style.gridTemplateColumns = `auto repeat(${heads}, minmax(18px, 56px))`;
    const numbers = (length) => Array.from({ length }, (_, index) => index);
    const corner = html("span", { "aria-hidden": true });
    const columns = numbers(heads).map((head) =>
      html("span", { "aria-hidden": true }, `${head + 1}`)
    );
    const rows = numbers(layers).flatMap((layer) => [
      html("span", { "aria-hidden": true }, `${layer + 1}`),
      ...numbers(heads).map((head) => this.#radio(layer, head)),
    ]);
    const legend = html("legend", {}, "layer (row) and head (column)");
    this.heads.replaceChildren(legend, corner, ...columns, ...rows);
  }

  #radio(layer, head) {
    const chosen = layer === this.#choice.layer && head === this.#choice.head;
    const name = `layer ${layer + 1}, head ${head + 1}`;
    const input = html("input", {
      type: "radio",
      name: `${this.figure.id}-head`,
      "aria-label": name,
    });
    input.checked = chosen;
    input.addEventListener("change", () => {
      this.#choice = { layer, head };
      this.#preview = undefined;
      this.#draw();
      this.onChoose?.();
    });
    const picture = html("canvas", { "data-layer": layer, "data-head": head });
    const label = html("label", { title: name }, input, picture);
    const preview = (shown) => {
      this.#preview = shown;
      this.#draw();
    };
    label.addEventListener("pointerenter", () => preview({ layer, head }));
    label.addEventListener("pointerleave", () => preview(undefined));
    return label;
  }

  #draw() {
    this.#describe();
    if (!this.#shape) return;
    const { tokens } = this.#shape;
    const longest = Math.min(MAX_LABEL, Math.max(...tokens.map((text) => [...text].length)));
    const gutter = longest * 6.4 + 8;
    const room = this.figure.clientWidth - 24 - gutter;
    const side = Math.max(9, Math.min(24, room / tokens.length));
    const size = gutter + 16 + side * tokens.length;
    this.grid = { side, left: gutter, top: gutter + 16 };
    this.svg.setAttribute("width", gutter + side * tokens.length);
    this.svg.setAttribute("height", size);
    const labels = tokens.flatMap((text, index) => this.#labels(text, index, longest));
    const titles = svg("text", { x: 0, y: 10 }, "queries ↓  keys →");
    this.svg.replaceChildren(titles, ...labels, ...this.#cells(side));
    this.#drawCell();
  }

  #labels(text, index, longest) {
    const { side, left, top } = this.grid;
    const style = { "font-size": Math.min(11, side + 1), dy: "0.32em" };
    const shown = [...text].length > MAX_LABEL
      ? [...text].slice(0, MAX_LABEL - 1).join("") + "…"
      : text;
    const middle = (index + 0.5) * side;
    const above = longest === 1
      ? { x: left + middle, y: top - 8, "text-anchor": "middle" }
      : { transform: `translate(${left + middle},${top - 5}) rotate(-90)` };
    return [
      svg("text", { x: left - 5, y: top + middle, "text-anchor": "end", ...style }, shown),
      svg("text", { ...above, ...style }, shown),
    ];
  }

  #cells(side) {
    const { layer, head } = this.#shown;
    const { length } = this.#shape.tokens;
    const colors = ramp();
    const { left, top } = this.grid;
    const weights = this.#weights ? this.#map(layer, head) : new Uint8Array(length ** 2);
    return Array.from(weights, (weight, index) => {
      const [row, column] = [Math.floor(index / length), index % length];
      const [red, green, blue] = colors(weight);
      return svg("rect", {
        x: left + column * side,
        y: top + row * side,
        width: side - 0.5,
        height: side - 0.5,
        fill: `rgb(${red} ${green} ${blue})`,
      });
    });
  }

  #listen() {
    const point = ({ clientX, clientY }) => {
      if (!this.grid) return;
      const box = this.svg.getBoundingClientRect();
      const { side, left, top } = this.grid;
      const cell = {
        row: Math.floor((clientY - box.top - top) / side),
        column: Math.floor((clientX - box.left - left) / side),
      };
      const inside = (index) => index >= 0 && index < this.#shape.tokens.length;
      this.#moveTo(inside(cell.row) && inside(cell.column) ? cell : undefined);
    };
    this.svg.addEventListener("pointermove", point);
    this.svg.addEventListener("pointerdown", point);
    this.svg.addEventListener("pointerleave", () => this.#moveTo(undefined));
    this.svg.addEventListener("blur", () => this.#moveTo(undefined));
    this.svg.addEventListener("keydown", (event) => {
      const move =
        { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
      if (!move || !this.#weights) return;
      event.preventDefault();
      const last = this.#shape.tokens.length - 1;
      const { row, column } = this.#cell ?? { row: last, column: last };
      const clamp = (index) => Math.max(0, Math.min(last, index));
      this.#moveTo({ row: clamp(row + move[0]), column: clamp(column + move[1]) }, true);
    });
  }

  #moveTo(cell, announce = false) {
    this.#cell = cell;
    this.reading.setAttribute("aria-live", announce ? "polite" : "off");
    this.#describe();
    this.#drawCell();
  }

  #drawCell() {
    this.svg.querySelector(".cell-cursor")?.remove();
    if (!this.#cell || !this.#weights) return;
    const { side, left, top } = this.grid;
    const { row, column } = this.#cell;
    const at = {
      x: left + column * side - 1,
      y: top + row * side - 1,
      width: side + 1.5,
      height: side + 1.5,
    };
    this.svg.append(svg("rect", { class: "cell-cursor", ...at }));
  }

  /** Writes the weight at the cursor, or the map's name. */
  #describe() {
    const { layer, head } = this.#shown;
    const name = `layer ${layer + 1}, head ${head + 1}`;
    if (!this.#weights) {
      this.reading.textContent = NOTHING;
    } else if (this.#cell) {
      const { row, column } = this.#cell;
      const { tokens } = this.#shape;
      const weight = this.#map(layer, head)[row * tokens.length + column] / 255;
      this.reading.textContent = `${tokens[row]} (${row + 1}) → ${tokens[column]} (${
        column + 1
      }): ${weight.toFixed(2)}`;
    } else {
      const when = this.step === undefined ? "" : `, after step ${count(this.step)}`;
      this.reading.textContent = name + when;
    }
    const what = this.#weights
      ? `${name}: rows are queries, columns keys. Arrow keys read weights.`
      : NOTHING;
    this.svg.setAttribute("aria-label", `${this.title} of ${what}`);
  }
}

/** Color of a byte, by the page's ramp for the current color scheme. */
function ramp() {
  const stops = getComputedStyle(document.documentElement).getPropertyValue("--ramp").split(",")
    .map((stop) => {
      const number = parseInt(stop.trim().slice(1), 16);
      return [number >> 16, number >> 8 & 255, number & 255];
    });
  const table = Array.from({ length: 256 }, (_, byte) => {
    const position = Math.sqrt(byte / 255) * (stops.length - 1);
    const below = Math.min(Math.floor(position), stops.length - 2);
    return stops[below].map((from, channel) =>
      Math.round(from + (stops[below + 1][channel] - from) * (position - below))
    );
  });
  return (byte) => table[byte];
}

/** Paints one head's weights, one pixel each. */
function paint(canvas, weights, size, colors) {
  canvas.width = canvas.height = size;
  const image = new ImageData(size, size);
  weights.forEach((weight, index) => image.data.set([...colors(weight), 255], 4 * index));
  canvas.getContext("2d").putImageData(image, 0, 0);
}
