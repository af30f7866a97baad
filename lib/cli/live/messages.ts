/**
 * What the training side tells the live chart's server, and what the page is told in turn.
 *
 * @module
 */

/** Facts of a run that do not change while it trains. */
export interface RunFacts {
  /** Where the run is kept. */
  readonly folder: string;
  /** Lines that describe the run: what computes, the corpus, the model. */
  readonly lines: readonly string[];
  /** Updates in all. */
  readonly steps: number;
  /** Updates done before this run, by one that it resumes. */
  readonly firstStep: number;
  /** L, blocks of the model. */
  readonly layers: number;
  /** H, attention heads of a block. */
  readonly heads: number;
  /** The T tokens that attention is shown on. */
  readonly tokens: readonly string[];
}

/**
 * Figures after an update: loss in nats a token, where it can be had the mean since the point
 * before, and training speed.
 */
export type TrainingPoint = readonly [
  step: number,
  loss: number,
  learningRate: number,
  tokensPerSecond: number,
];

/** The loss on held-out text after `step` updates, in nats a token. */
export type ValidationPoint = readonly [step: number, loss: number];

/** How a run ended. */
export type Ending = "finished" | "stopped" | "failed";

/**
 * Something new about the run. Only the latest `run`, `progress`, `sample` and `attention` counts;
 * points add up.
 */
export type LiveUpdate =
  | { readonly kind: "run"; readonly run: RunFacts }
  | { readonly kind: "training"; readonly points: readonly TrainingPoint[] }
  | { readonly kind: "validation"; readonly points: readonly ValidationPoint[] }
  /** Updates done, and seconds to go as far as they can be told. */
  | { readonly kind: "progress"; readonly step: number; readonly secondsLeft?: number }
  /** Text that the model wrote. */
  | { readonly kind: "sample"; readonly step: number; readonly text: string }
  /** Attention weights [L,H,T,T] from 0 to 1, each as a byte from 0 to 255. */
  | { readonly kind: "attention"; readonly step: number; readonly weights: Uint8Array }
  | { readonly kind: "end"; readonly ending: Ending; readonly reason?: string };

/** What the server is started with. */
export interface Start {
  /** The port to listen on; 0 takes any free one. */
  readonly port: number;
  /** i32 [1], shared: how many pages are open. */
  readonly viewers: Int32Array<SharedArrayBuffer>;
}

/** What the server answers: that it listens, why it cannot, and that it has closed. */
export type Answer =
  | { readonly kind: "listening"; readonly port: number }
  | { readonly kind: "refused"; readonly name: string; readonly message: string }
  | { readonly kind: "closed" };
