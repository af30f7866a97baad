/**
 * Training in the page: its settings, losses and samples.
 *
 * @module
 */
import { LineChart } from "../../../lib/cli/live/page/chart.js";
import { count, loss } from "../../../lib/cli/live/page/format.js";
import type { Engine } from "./engine_client.ts";
import { field, learningRate, part } from "./parts.ts";
import type { EngineEvent, Facts } from "./protocol.ts";

/** The text to learn from, until another is pasted. */
const FIRST_TEXT = "The quick brown fox jumps over the lazy dog.\n".repeat(40);

/** What the training part needs of the page. */
export interface Page {
  /** Receives the trained model, and a prompt for it. */
  readonly onModel: (facts: Facts, prompt: string) => Promise<void>;
  /** Receives an error. */
  readonly onError: (error: unknown) => void;
  /** Called when training has ended, however it did. */
  readonly onRest: () => void;
}

/** The card that trains. */
export class TrainingPart {
  readonly #chart = new LineChart(part("loss-chart"), {
    title: "Loss",
    yLabel: "nats per token",
    height: 220,
    format: loss,
    curves: [
      { name: "batch", className: "second" },
      { name: "mean", className: "first", noisy: true },
    ],
  });
  #isTraining = false;

  /** Whether it trains. */
  get isTraining(): boolean {
    return this.#isTraining;
  }

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
    const losses = `mean loss ${loss(meanLoss)}, batch loss ${loss(batchLoss)}`;
    part("trained").textContent = `step ${count(step)}, ${losses}, ${speed}`;
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
    } finally {
      this.#set(false);
      this.page.onRest();
    }
  }

  #set(training: boolean): void {
    this.#isTraining = training;
    part("train").textContent = training ? "Stop and keep the model" : "Train";
    part("status").textContent = training ? "training" : "ready";
    field("write").disabled = training;
  }
}
