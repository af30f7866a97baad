/**
 * A training run on the live page: its events as updates and, only while somebody watches, samples
 * and attention of the model.
 *
 * The page and its server are in lib/cli/live.
 *
 * @module
 */
import { LiveChart } from "../../lib/cli/live/live_chart.ts";
import type { Ending } from "../../lib/cli/live/messages.ts";
import {
  type GPT,
  type LoggedFigures,
  type Metrics,
  tensor,
  type TrainingEvent,
} from "../../mod.ts";
import type { TrainData } from "./data.ts";
import type { TrainFlags } from "./flags.ts";
import type { Plan } from "./choices.ts";

/** Maximum number of tokens that attention is shown on. */
const SHOWN_TOKENS = 32;
/** Tokens of a sample. */
const SAMPLE_TOKENS = 160;
/**
 * The next snapshot waits at least `milliseconds`, and `times` the duration of the last one: the
 * two kinds together cost at most 2 % of the time.
 */
const PACE = { milliseconds: 2000, times: 100 };

/** Makes the part of the page that plays with the run's last checkpoint. */
const PLAYER = import.meta.resolve("../explore/live_player.ts");

/** What is trained, and on what. */
export interface LiveSource {
  /** Folder and settings. */
  readonly plan: Plan;
  /** The corpus; attention is shown on the start of its held-out part. */
  readonly data: TrainData;
  /** The model as it is now. */
  readonly model: GPT;
  /** What a resumed run has measured before. */
  readonly past: readonly Metrics[];
  /** Whether the run is an adapter on another model. */
  readonly isAdapter: boolean;
  /** Lines that describe the run. */
  readonly lines: readonly string[];
  /** Generates a text of `tokens` tokens, and calls `sampled`. */
  readonly sample: (tokens: number) => Promise<string>;
  /** Prints a line. */
  readonly note: (line: string) => void;
}

/**
 * Opens the live page if the flags ask for it, before anything else is done.
 *
 * @throws {UserError} if the port cannot be opened
 */
export async function openLiveRun(
  flags: TrainFlags,
  given: ReadonlySet<string>,
): Promise<LiveRun | undefined> {
  if (!flags.live && !given.has("livePort")) return undefined;
  return new LiveRun(await LiveChart.open(flags.livePort, PLAYER));
}

/**
 * Shows a run. Snapshots cost at most 2 % of the time, nothing while no page is open, and never
 * fail the run.
 */
export class LiveRun implements AsyncDisposable {
  #source: LiveSource | undefined;
  #passage: ArrayLike<number> = [];
  readonly #sample = new Snapshot("sample", () => this.#source!.sample(SAMPLE_TOKENS));
  readonly #attention = new Snapshot("attention", (step) => this.#showAttention(step));
  #ended = false;

  /** Shows on a chart that is open. */
  constructor(readonly chart: LiveChart) {}

  /** The page's address. */
  get url(): string {
    return this.chart.url;
  }

  /** Sends what is trained, and what was measured before. */
  begin(source: LiveSource): void {
    const { plan: { folder, step, resume, settings }, data, model, past, isAdapter, lines } =
      source;
    const { layers, heads, contextLength } = model.config;
    this.#source = source;
    const text = data.validation.length >= 2 ? data.validation : data.train;
    this.#passage = text.slice(0, Math.min(SHOWN_TOKENS, contextLength));
    const tokens = Array.from(this.#passage, (id) => data.tokenizer.decode([id]));
    const shape = { layers, heads, tokens, plays: !isAdapter };
    const { steps } = settings;
    const facts = { folder, lines, steps, firstStep: step, ...shape, settings: { ...settings } };
    this.chart.send({ kind: "run", run: facts });
    for (const line of past) this.#sendFigures(line);
    if (resume) this.saved();
  }

  /** Sends an event of the training loop, and takes the snapshots that are due. */
  async handle(event: TrainingEvent, secondsLeft: number | undefined): Promise<void> {
    const { kind, step } = event;
    if (kind === "step") this.chart.send({ kind: "progress", step, secondsLeft });
    else if (kind === "figures" || kind === "validation") this.#sendFigures(event);
    if (this.chart.viewers === 0) return;
    for (const snapshot of [this.#sample, this.#attention]) {
      if (snapshot.isDue) await snapshot.take(step, this.#source!.note);
    }
  }

  /** Shows what the model wrote after `step` updates. */
  sampled(step: number, text: string): void {
    this.chart.send({ kind: "sample", step, text });
  }

  /** Says that the run's folder has a new checkpoint. */
  saved(): void {
    if (!this.#source!.isAdapter) this.chart.send({ kind: "saved" });
  }

  /** Sends how the run ended, and closes; open pages stay as they are. */
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

  /** Ends a run that did not say how it ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.end("failed");
  }

  #sendFigures(line: Metrics | LoggedFigures): void {
    const { step } = line;
    if ("validationLoss" in line) {
      return this.chart.send({ kind: "validation", points: [[step, line.validationLoss]] });
    }
    const { loss, meanLoss = loss, learningRate, tokensPerSecond } = line;
    const points = [[step, meanLoss, learningRate, tokensPerSecond, loss]] as const;
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

/** A periodic look at the model that limits itself to a small share of the time. */
class Snapshot {
  #next = -Infinity;

  constructor(readonly name: string, readonly show: (step: number) => Promise<unknown>) {}

  get isDue(): boolean {
    return performance.now() >= this.#next;
  }

  /**
   * Shows the model after `step` updates. A failure is reported once, and the snapshot is never due
   * again, because training continues without it.
   */
  async take(step: number, note: (line: string) => void): Promise<void> {
    const before = performance.now();
    try {
      await this.show(step);
    } catch (error) {
      this.#next = Infinity;
      return note(`the live page shows no ${this.name}: ${(error as Error).message}`);
    }
    const after = performance.now();
    this.#next = after + Math.max(PACE.milliseconds, PACE.times * (after - before));
  }
}
