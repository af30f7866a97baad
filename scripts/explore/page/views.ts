/// <reference lib="dom" />
/**
 * The parts of the page that show what the model computes: tokens, bars, layers and neighbors.
 *
 * @module
 */
import { token as visible } from "../../../lib/cli/live/page/format.js";
import { html } from "../../../lib/cli/live/page/svg.js";
import type { Scored } from "./protocol.ts";
import type { Candidate } from "./sampling.ts";

/** Rows of bars. */
const BARS = 12;

/** The text as a row of buttons, one a token, and one for the token that comes next. */
export class TokenStrip {
  readonly #root: HTMLElement;
  #selected = 0;

  /** `onSelect` receives the place of a token that is chosen. */
  constructor(root: HTMLElement, readonly onSelect: (place: number) => void) {
    this.#root = root;
    root.addEventListener("keydown", (event) => this.#move(event));
  }

  /** Shows a text, of which the first tokens are the prompt's. */
  show(texts: readonly string[], promptLength: number): void {
    const buttons = texts.map((text, place) => this.#button(visible(text), place));
    buttons.forEach((button, place) => button.classList.toggle("prompt", place < promptLength));
    const next = this.#button("next…", texts.length);
    this.#root.replaceChildren(...buttons, next);
  }

  /** Adds a token that was just written. */
  add(text: string): void {
    const place = this.#root.childElementCount - 1;
    this.#root.lastElementChild?.before(this.#button(visible(text), place));
    this.#place(this.#root.lastElementChild as HTMLElement, place + 1);
  }

  /** Marks the token at a place. */
  select(place: number): void {
    this.#selected = place;
    for (const [index, button] of [...this.#root.children].entries()) {
      button.setAttribute("aria-pressed", String(index === place));
      (button as HTMLElement).tabIndex = index === place ? 0 : -1;
    }
  }

  /** Colors the tokens from `first` on by weights from 0 to 1. */
  color(weights: readonly number[], first: number): void {
    for (const [index, button] of [...this.#root.children].entries()) {
      const share = Math.round(70 * Math.sqrt(weights[index - first] ?? 0));
      (button as HTMLElement).style.background = share === 0
        ? ""
        : `color-mix(in srgb, var(--second) ${share / 2}%, var(--card))`;
    }
  }

  #button(text: string, place: number): HTMLElement {
    const button = html("button", { type: "button", "aria-pressed": "false" }, text);
    button.tabIndex = -1;
    this.#place(button, place);
    button.addEventListener("click", () => this.onSelect(Number(button.dataset.place)));
    return button;
  }

  #place(button: HTMLElement, place: number): void {
    button.dataset.place = `${place}`;
  }

  #move(event: KeyboardEvent): void {
    const last = this.#root.childElementCount - 1;
    const moves: Record<string, number> = {
      ArrowLeft: this.#selected - 1,
      ArrowRight: this.#selected + 1,
      Home: 0,
      End: last,
    };
    const to = moves[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const place = Math.max(0, Math.min(last, to));
    this.onSelect(place);
    (this.#root.children[place] as HTMLElement).focus();
  }
}

/** The likeliest tokens as rows with bars; `actual` is the token that the text has there. */
export function showBars(
  table: HTMLTableElement,
  tokens: readonly Candidate[],
  texts: readonly string[],
  actual: number | undefined,
): void {
  const first = tokens.slice(0, BARS);
  const own = tokens.findIndex(({ id }) => id === actual);
  const shown = own >= BARS ? [...first, tokens[own]] : first;
  const most = tokens[0]?.probability || 1;
  const rows = shown.map(({ id, probability, chance, logit }) => {
    const bar = html("span", { "aria-hidden": "true" });
    bar.style.width = `${(70 * probability / most).toFixed(1)}%`;
    const classes = [chance === 0 ? "left-out" : "", id === actual ? "actual" : ""].join(" ");
    return html(
      "tr",
      { class: classes.trim() },
      html("td", { class: "token" }, visible(texts[id])),
      html("td", { class: "bar" }, bar, percent(probability)),
      html("td", {}, chance === 0 ? "left out" : percent(chance)),
      html("td", {}, logit.toFixed(2)),
    );
  });
  table.tBodies[0].replaceChildren(...rows);
}

/** Each layer's likeliest tokens; those that the last layer agrees with are marked. */
export function showLens(
  table: HTMLTableElement,
  layers: readonly (readonly Scored[])[],
  texts: readonly string[],
): void {
  const final = layers.at(-1)?.[0]?.id;
  const rows = layers.map((likeliest, layer) => {
    const name = layer === 0 ? "embedding" : `layer ${layer}`;
    const cells = likeliest.map(({ id, value }) =>
      html(
        "td",
        id === final ? { class: "same" } : {},
        html("b", {}, visible(texts[id])),
        html("span", {}, ` ${percent(value)}`),
      )
    );
    return html("tr", {}, html("th", { scope: "row" }, name), ...cells);
  });
  table.replaceChildren(html("tbody", {}, ...rows));
}

/** The tokens whose vectors are nearest. */
export function showNeighbors(
  table: HTMLTableElement,
  neighbors: readonly Scored[],
  texts: readonly string[],
): void {
  const rows = neighbors.map(({ id, value }) =>
    html(
      "tr",
      {},
      html("td", { class: "token" }, visible(texts[id])),
      html("td", {}, value.toFixed(3)),
    )
  );
  table.tBodies[0].replaceChildren(...rows);
}

/** A probability with three figures, in percent. */
export function percent(value: number): string {
  return `${(100 * value).toPrecision(3)} %`.replace(/^(\d+)\. /, "$1 ");
}
