/**
 * A run with `--labels` on the live page: its losses, its learning rate and its speed.
 *
 * The page and its server are in lib/cli/live; scripts/train/live.ts also shows samples and
 * attention of language models.
 *
 * @module
 */
import { LiveChart } from "../../lib/cli/live/live_chart.ts";
import type { Ending } from "../../lib/cli/live/messages.ts";
import type { Metrics } from "../../mod.ts";
import type { Given } from "../train/choices.ts";
import type { FinetuneFlags } from "./flags.ts";

/** What does not change while a run trains. */
interface LiveFacts {
  readonly folder: string;
  readonly lines: readonly string[];
  readonly steps: number;
  readonly firstStep: number;
  /** What a resumed run has measured before. */
  readonly past: readonly Metrics[];
}

/** Shows a run on a chart. */
export class LiveClassifier implements AsyncDisposable {
  #ended = false;

  private constructor(readonly chart: LiveChart) {}

  /**
   * Opens the page if the flags ask for it.
   *
   * @throws {UserError} if the port cannot be opened
   */
  static async open(flags: FinetuneFlags, given: Given): Promise<LiveClassifier | undefined> {
    if (!flags.live && !given.has("livePort")) return undefined;
    return new LiveClassifier(await LiveChart.open(flags.livePort));
  }

  /** Sends what is trained, and what was measured before. */
  begin({ past, ...facts }: LiveFacts): void {
    this.chart.send({ kind: "run", run: { ...facts, layers: 0, heads: 0, tokens: [] } });
    for (const line of past) this.measured(line);
  }

  /** Sends the number of updates done. */
  progress(step: number, secondsLeft: number | undefined): void {
    this.chart.send({ kind: "progress", step, secondsLeft });
  }

  /** Sends a line of the metrics. */
  measured(line: Metrics): void {
    const { step } = line;
    if ("validationLoss" in line) {
      return this.chart.send({ kind: "validation", points: [[step, line.validationLoss]] });
    }
    const { loss, meanLoss = loss, learningRate, tokensPerSecond } = line;
    const points = [[step, meanLoss, learningRate, tokensPerSecond, loss]] as const;
    this.chart.send({ kind: "training", points });
  }

  /** Sends how the run ended, and closes; open pages stay as they are. */
  async end(ending: Ending, reason?: string): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    this.chart.send({ kind: "end", ending, reason });
    await this.chart.close();
  }

  /** Ends a run that did not say how it ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.end("failed");
  }
}
