/**
 * The part of the page that shows a run: its figures, curves, sample and attention, by the events
 * of the run, as they come or all at once.
 *
 * @module
 */
import { AttentionMap } from "./attention.js";
import { LineChart } from "./chart.js";
import { count, duration, loss, rate } from "./format.js";
import { html } from "./svg.js";

const part = (id) => document.getElementById(id);
const show = (id, text) => part(id).textContent = text;

const FIGURES = ["left", "loss", "batch", "validation", "rate", "speed"];

/** The panel of one run after the other. */
export class RunPanel {
  #loss = new LineChart(part("run-chart"), {
    title: "Loss",
    yLabel: "nats per token",
    height: 280,
    format: loss,
    curves: [
      { name: "mean training", className: "first", noisy: true },
      { name: "validation", className: "second", dotted: true },
    ],
  });
  #rate = new LineChart(part("run-rate-chart"), {
    title: "Learning rate",
    yLabel: "step size",
    height: 150,
    zero: true,
    format: rate,
    axis: rate,
    curves: [{ name: "", className: "first" }],
  });
  #speed = new LineChart(part("run-speed-chart"), {
    title: "Speed",
    yLabel: "tokens per second",
    height: 150,
    zero: true,
    format: count,
    curves: [{ name: "", className: "first", noisy: true }],
  });
  #attention = new AttentionMap(part("run-attention"), { title: "Attention while it trains" });
  #run;
  #share = 0;
  #latestLoss;
  #extents = {};

  /** The run's facts, once they are known. */
  get run() {
    return this.#run;
  }

  /** Shows an event of the run. */
  receive(name, data) {
    this.#handlers[name](data);
  }

  /** Shows how the run or the connection to it is, as a word and a color. */
  setStatus(state, text = state) {
    part("run-status").dataset.state = state;
    show("run-status", text);
  }

  /** The run in a few words, for the title of a page that follows it. */
  get title() {
    const said = this.#latestLoss === undefined ? [] : [`loss ${this.#latestLoss.toFixed(3)}`];
    return [`${this.#share}%`, ...said, "Folio"].join(" · ");
  }

  #handlers = {
    run: (facts) => this.#begin(facts),
    progress: ({ step, secondsLeft }) => {
      this.#showStep(step);
      show("run-left", secondsLeft === undefined ? "–" : duration(secondsLeft));
    },
    training: (points) => {
      this.#loss.add(0, points.map(([step, value]) => [step, value]));
      this.#rate.add(0, points.map(([step, , value]) => [step, value]));
      this.#speed.add(0, points.map(([step, , , value]) => [step, value]));
      const [step, value, learningRate, speed, batch = value] = points.at(-1);
      this.#latestLoss = value;
      show("run-loss", loss(value));
      show("run-batch", loss(batch));
      show("run-rate", rate(learningRate));
      show("run-speed", count(speed));
      this.#showExtent("run-loss-extent", points);
      this.#showStep(step);
    },
    validation: (points) => {
      this.#loss.add(1, points);
      show("run-validation", loss(points.at(-1)[1]));
      this.#showExtent("run-validation-extent", points);
    },
    sample: ({ step, text }) => {
      part("run-written").hidden = false;
      show("run-sample", text);
      show("run-sample-step", `after step ${count(step)}`);
    },
    attention: (weights) => this.#attention.show(weights),
    end: ({ ending, reason, seconds }) => {
      show("run-time", "trained for");
      show("run-left", seconds === undefined ? "–" : duration(seconds));
      this.setStatus(ending);
      if (reason) show("reason", reason);
      part("reason").hidden = !reason;
    },
  };

  #begin(facts) {
    this.#run = facts;
    this.#latestLoss = undefined;
    this.#extents = {};
    for (const id of FIGURES) show(`run-${id}`, "–");
    for (const id of ["loss", "validation"]) show(`run-${id}-extent`, "");
    this.#loss.yLabel = facts.layers > 0 ? "nats per token" : "nats per text"; // a classifier's
    for (const chart of [this.#loss, this.#rate, this.#speed]) chart.clear();
    const { folder, lines, steps, firstStep, tokens, settings } = facts;
    part("run").hidden = false;
    part("run").classList.toggle("with-attention", tokens.length > 0);
    part("run-looking").hidden = tokens.length === 0;
    if (tokens.length > 0) this.#attention.begin(facts);
    for (const id of ["run-written", "reason"]) part(id).hidden = true;
    show("run-time", "time left");
    show("name", folder);
    part("run-facts").replaceChildren(...lines.flatMap((line) => [html("span", {}, line), " "]));
    part("progress").setAttribute("aria-valuemax", steps);
    this.#showSettings(settings ?? {});
    this.setStatus("training");
    this.#showStep(firstStep);
  }

  #showSettings({ model, ...others }) {
    const rows = Object.entries({ ...others, ...model }).map(([name, value]) => {
      const flag = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
      return html("div", {}, html("dt", {}, flag), html("dd", {}, String(value)));
    });
    part("run-settings").querySelector("dl").replaceChildren(...rows);
    part("run-settings").hidden = rows.length === 0;
  }

  #showStep(step) {
    const { steps } = this.#run;
    this.#share = Math.floor(100 * step / steps);
    show("run-step", `${count(step)} / ${count(steps)}`);
    part("progress").setAttribute("aria-valuenow", step);
    part("progress").firstElementChild.style.width = `${100 * step / steps}%`;
  }

  #showExtent(id, points) {
    const values = points.map(([, value]) => value);
    const { low = Infinity, high = -Infinity } = this.#extents[id] ?? {};
    const extent = { low: Math.min(low, ...values), high: Math.max(high, ...values) };
    this.#extents[id] = extent;
    part(id).replaceChildren(
      html("span", {}, `lowest ${loss(extent.low)},`),
      " ",
      html("span", {}, `highest ${loss(extent.high)}`),
    );
  }
}
