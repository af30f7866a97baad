/// <reference lib="dom" />
/**
 * The page's elements by their ids, and the values of its sliders.
 *
 * @module
 */
import { rate } from "../../../lib/cli/live/page/format.js";

/** The element with an id of page.html. */
export function part<Element extends HTMLElement = HTMLElement>(id: string): Element {
  return document.getElementById(id) as Element;
}

/** A control with an id of page.html. */
export function field(id: string): HTMLInputElement {
  return part<HTMLInputElement>(id);
}

/** The learning rate that the slider, in powers of ten, stands for. */
export function learningRate(): number {
  return Number((10 ** Number(field("rate").value)).toPrecision(2));
}

/** Writes the value of each slider beside it, now and when it is moved. */
export function showValues(sliders: HTMLElement): void {
  const show = () => {
    for (const output of sliders.querySelectorAll("output")) {
      const id = output.htmlFor.value;
      output.value = id === "rate" ? rate(learningRate()) : shown(id, field(id).value);
    }
  };
  sliders.addEventListener("input", show);
  show();
}

function shown(id: string, value: string): string {
  if (id === "top-k" && value === "0") return "all";
  if (id === "top-p" && value === "1") return "all";
  return value;
}
