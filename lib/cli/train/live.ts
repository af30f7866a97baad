/**
 * A training run on the live chart: its events as updates, and now and then a look at the model,
 * for viewers only.
 *
 * The page and its server are in lib/cli/live.
 *
 * @module
 */
import type { GPT } from "../../nn/gpt.ts";
import { tensor } from "../../tensor/tensor.ts";
import type { Metrics } from "../../train/checkpoint_metrics.ts";
import type { LoggedFigures, TrainingEvent } from "../../train/loop.ts";
import { LiveChart } from "../live/live_chart.ts";
import type { Ending } from "../live/messages.ts";
import type { TrainData } from "./data.ts";
import type { TrainFlags } from "./flags.ts";
import type { Plan } from "./plan.ts";

/** Tokens that attention is shown on, at most. */
const SHOWN_TOKENS = 32;
/** Tokens of a sample. */
const SAMPLE_TOKENS = 160;
/**
 * A look is due after so many milliseconds, and after so many times what the last one took: two
 * kinds take a fiftieth of the time together.
 */
const PACE = { milliseconds: 2000, times: 100 };

/** What is trained, and on what. */
export interface LiveSource {
  /** Folder and settings. */
  readonly plan: Plan;
  /** The corpus, whose held-out part gives the passage that attention is shown on. */
  readonly data: TrainData;
  /** The model as it is now. */
  readonly model: GPT;
  /** What a run that is resumed has measured before. */
  readonly past: readonly Metrics[];
  /** Lines that describe the run. */
  readonly lines: readonly string[];
  /** Lets the model write so many tokens, and calls `sampled`. */
  readonly sample: (tokens: number) => Promise<string>;
  /** Prints a line. */
  readonly note: (line: string) => void;
}

/**
 * Opens the live chart if the flags ask for it, before anything else is done. UserError where the
 * port cannot be had.
 */
export async function openLiveRun(
  flags: TrainFlags,
  given: ReadonlySet<string>,
): Promise<LiveRun | undefined> {
  if (!flags.live && !given.has("livePort")) return undefined;
  return new LiveRun(await LiveChart.open(flags.livePort));
}

/**
 * Shows a run. Looking costs at most a fiftieth of the time, nothing while no page is open, and
 * never fails.
 */
export class LiveRun implements AsyncDisposable {
  #source: LiveSource | undefined;
  #passage: ArrayLike<number> = [];
  readonly #sampling = new Look("sample", () => this.#source!.sample(SAMPLE_TOKENS));
  readonly #attention = new Look("attention", (step) => this.#showAttention(step));
  #ended = false;

  /** Shows on a chart that is open. */
  constructor(readonly chart: LiveChart) {}

  /** The page's address. */
  get url(): string {
    return this.chart.url;
  }

  /** Tells what is trained, and what was measured before. */
  begin(source: LiveSource): void {
    const { plan: { folder, step, settings: { steps } }, data, model, past, lines } = source;
    const { layers, heads, contextLength } = model.config;
    this.#source = source;
    const text = data.validation.length >= 2 ? data.validation : data.train;
    this.#passage = text.slice(0, Math.min(SHOWN_TOKENS, contextLength));
    const tokens = Array.from(this.#passage, (id) => data.tokenizer.decode([id]));
    const shape = { layers, heads, tokens };
    this.chart.send({ kind: "run", run: { folder, lines, steps, firstStep: step, ...shape } });
    for (const line of past) this.#send(line);
  }

  /** Takes an event of the loop, and looks at the model where that is due. */
  async take(event: TrainingEvent, secondsLeft: number | undefined): Promise<void> {
    const { kind, step } = event;
    if (kind === "step") this.chart.send({ kind: "progress", step, secondsLeft });
    else if (kind === "figures" || kind === "validation") this.#send(event);
    if (this.chart.viewers === 0) return;
    for (const look of [this.#sampling, this.#attention]) {
      if (look.isDue) await look.take(step, this.#source!.note);
    }
  }

  /** Shows what the model wrote after `step` updates. */
  sampled(step: number, text: string): void {
    this.chart.send({ kind: "sample", step, text });
  }

  /** Says how the run ended, and closes; the page stays as it is. */
  async end(ending: Ending, reason?: string): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    if (ending === "finished" && this.chart.viewers > 0) {
      const { plan: { settings: { steps } }, note } = this.#source!;
      await this.#attention.take(steps, note);
    }
    this.chart.send({ kind: "end", ending, reason });
    await this.chart.close();
  }

  /** Ends a run that did not say how. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.end("failed");
  }

  #send(line: Metrics | LoggedFigures): void {
    const { step } = line;
    if ("validationLoss" in line) {
      return this.chart.send({ kind: "validation", points: [[step, line.validationLoss]] });
    }
    const { loss, meanLoss = loss, learningRate, tokensPerSecond } = line;
    const points = [[step, meanLoss, learningRate, tokensPerSecond]] as const;
    this.chart.send({ kind: "training", points });
  }

  async #showAttention(step: number): Promise<void> {
    const { model } = this.#source!;
    const { device } = model.parameters()[0];
    const shape = [1, this.#passage.length];
    const ids = tensor(Int32Array.from(this.#passage), { shape, device });
    const attention = model.attentionWeights(ids);
    const weights = Uint8Array.from(await attention.data(), (weight) => Math.round(255 * weight));
    for (const made of [ids, attention]) made.dispose();
    this.chart.send({ kind: "attention", step, weights });
  }
}

/** Something that is done now and then, not more often than it is cheap. */
class Look {
  #next = -Infinity;

  constructor(readonly name: string, readonly look: (step: number) => Promise<unknown>) {}

  get isDue(): boolean {
    return performance.now() >= this.#next;
  }

  /**
   * Looks; where that fails, says so and is never due again, because training goes on without it.
   */
  async take(step: number, note: (line: string) => void): Promise<void> {
    const before = performance.now();
    try {
      await this.look(step);
    } catch (error) {
      this.#next = Infinity;
      return note(`the live chart shows no ${this.name}: ${(error as Error).message}`);
    }
    const after = performance.now();
    this.#next = after + Math.max(PACE.milliseconds, PACE.times * (after - before));
  }
}
