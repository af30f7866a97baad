/**
 * The losses of the opened run, and training in the page: its settings, losses and samples.
 *
 * @module
 */
import { LineChart } from "../../../lib/cli/live/page/chart.js";
import { count, loss } from "../../../lib/cli/live/page/format.js";
import type { Engine } from "./engine_client.ts";
import { field, learningRate, part } from "./parts.ts";
import type { EngineEvent, Facts, Source } from "./protocol.ts";

/** The text to learn from, until another is pasted. */
const FIRST_TEXT = "The quick brown fox jumps over the lazy dog.\n".repeat(40);

const MEAN = { name: "mean", className: "first", noisy: true };
const LOSS = { title: "Loss", yLabel: "nats per token", height: 220, format: loss };

/** What the training part needs of the page. */
export interface Page {
  /** Receives the trained model, and a prompt for it. */
  readonly onModel: (facts: Facts, prompt: string) => Promise<void>;
  /** Receives an error. */
  readonly onError: (error: unknown) => void;
}

/** The card that trains. */
export class TrainingPart {
  readonly #chart = new LineChart(part("loss-chart"), {
    ...LOSS,
    curves: [{ name: "batch", className: "second" }, MEAN],
  });
  #isTraining = false;

  /** Trains by an engine. */
  constructor(readonly engine: Engine, readonly page: Page) {
    field("text").value = FIRST_TEXT;
    part("train").addEventListener("click", () => {
      const done = this.#isTraining ? this.engine.call("stop") : this.#train();
      done.catch(page.onError);
    });
  }

  /** Shows losses and samples. */
  receive(event: EngineEvent): void {
    if (event.kind === "sample") part("sample").textContent = event.text;
    if (event.kind !== "figures") return;
    const { step, batchLoss, meanLoss, tokensPerSecond } = event;
    this.#chart.add(0, [[step, batchLoss]]);
    this.#chart.add(1, [[step, meanLoss]]);
    const speed = `${count(tokensPerSecond)} tokens/s`;
    part("trained").textContent = `${named(step, meanLoss, batchLoss)}, ${speed}`;
  }

  async #train(): Promise<void> {
    const value = (id: string) => Number(field(id).value);
    const text = field("text").value;
    this.#set(true);
    part("learned").hidden = false;
    this.#chart.clear();
    try {
      const facts = await this.engine.call("train", {
        text,
        layers: value("layers"),
        heads: 4,
        width: value("width"),
        contextLength: value("context"),
        batchSize: 8,
        steps: value("steps"),
        learningRate: learningRate(),
      });
      await this.page.onModel(facts, text.slice(0, 12));
      part("name").textContent = "trained in this page";
      part("reopen").hidden = false;
    } finally {
      this.#set(false);
    }
  }

  #set(training: boolean): void {
    this.#isTraining = training;
    part("train").textContent = training ? "Stop and keep the model" : "Train";
    part("status").textContent = training ? "training" : "ready";
    field("write").disabled = training;
  }
}

/** Draws the losses of a run: of its `metrics.jsonl`, or as they come while it trains. */
export function showRun({ metrics, events }: Source): void {
  if (metrics === undefined && events === undefined) return;
  part("run").hidden = false;
  const validation = { name: "validation", className: "second", dotted: true };
  const chart = new LineChart(part("run-chart"), {
    ...LOSS,
    title: "Loss of the run",
    curves: [MEAN, validation],
  });
  if (events !== undefined) return follow(events, chart);
  for (const line of metrics!.split("\n").filter((line) => line !== "")) {
    const { step, loss, meanLoss = loss, validationLoss } = JSON.parse(line);
    if (validationLoss !== undefined) chart.add(1, [[step, validationLoss]]);
    else if (meanLoss !== undefined) chart.add(0, [[step, meanLoss]]);
  }
}

/** Follows a run that trains: the stream starts with what was before, also when it starts anew. */
function follow(address: string, chart: LineChart): void {
  const stream = new EventSource(address);
  const on = (name: string, show: (data: never) => void) =>
    stream.addEventListener(name, ({ data }) => show(JSON.parse(data) as never));
  const state = part("run-state");
  on("run", () => chart.clear());
  on("training", (points: [number, number, number, number, number?][]) => {
    chart.add(0, points.map(([step, mean]) => [step, mean]));
    const [step, mean, , , batch = mean] = points.at(-1)!;
    state.textContent = `training: ${named(step, mean, batch)}`;
  });
  on("validation", (points: [number, number][]) => chart.add(1, points));
  on("sample", ({ step, text }: { step: number; text: string }) => {
    part("run-written").hidden = false;
    part("run-sample-step").textContent = `after step ${count(step)}`;
    part("run-sample").textContent = text;
  });
  on("end", ({ ending }: { ending: string }) => {
    stream.close();
    state.textContent = state.textContent!.replace("training", ending);
  });
}

function named(step: number, mean: number, batch: number): string {
  return `step ${count(step)}, mean loss ${loss(mean)}, batch loss ${loss(batch)}`;
}
