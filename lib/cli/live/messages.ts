/**
 * The messages from the training side to the live page's server, and from there to the page.
 *
 * @module
 */

/** Facts about a run that do not change while it trains. */
export interface RunFacts {
  /** Folder of the run. */
  readonly folder: string;
  /** Lines that describe the run: device, corpus, model. */
  readonly lines: readonly string[];
  /** Updates in total. */
  readonly steps: number;
  /** Updates done before by the run that this one resumes. */
  readonly firstStep: number;
  /** L, the model's number of blocks; 0 for a classifier. */
  readonly layers: number;
  /** H, the number of attention heads per block. */
  readonly heads: number;
  /** Whether the page plays with the run's last checkpoint. Default false. */
  readonly plays?: boolean;
  /** The T tokens for which attention is shown; none if it is not. */
  readonly tokens: readonly string[];
  /** The run's settings by name. */
  readonly settings?: Readonly<Record<string, unknown>>;
}

/**
 * Figures after an update: loss in nats per token, of a classifier per text (the mean since the
 * previous point, if it is known), learning rate, training speed, and the loss of this update's
 * batch alone.
 */
export type TrainingPoint = readonly [
  step: number,
  loss: number,
  learningRate: number,
  tokensPerSecond: number,
  batchLoss?: number,
];

/** The loss on held-out text after `step` updates, in nats per token, of a classifier per text. */
export type ValidationPoint = readonly [step: number, loss: number];

/** How a run ended. */
export type Ending = "finished" | "stopped" | "failed";

/** The model of a run's last checkpoint, or the reason why the page cannot have it. */
export type LiveCheckpoint =
  | { readonly step: number; readonly files: Readonly<Record<string, string>> }
  | { readonly reason: string };

/**
 * News of the run. A `run`, `progress`, `sample`, `attention` or `checkpoint` replaces the one
 * before it; points are added to those before them.
 */
export type LiveUpdate =
  | { readonly kind: "run"; readonly run: RunFacts }
  | { readonly kind: "training"; readonly points: readonly TrainingPoint[] }
  | { readonly kind: "validation"; readonly points: readonly ValidationPoint[] }
  /** Updates done, and seconds to go if they are known. */
  | { readonly kind: "progress"; readonly step: number; readonly secondsLeft?: number }
  /** Text that the model wrote. */
  | { readonly kind: "sample"; readonly step: number; readonly text: string }
  /** Attention weights [L,H,T,T] from 0 to 1, each as a byte from 0 to 255. */
  | { readonly kind: "attention"; readonly step: number; readonly weights: Uint8Array }
  /**
   * The folder has a new checkpoint, which the server reads and sends as
   * {@linkcode LiveCheckpoint}.
   */
  | { readonly kind: "saved" }
  | { readonly kind: "end"; readonly ending: Ending; readonly reason?: string };

/** The first message to the server. */
export interface Start {
  /** The port to listen on; 0 takes any free one. */
  readonly port: number;
  /** i32 [1], shared: how many pages are open. */
  readonly viewers: Int32Array<SharedArrayBuffer>;
  /** Address of a module that is a {@linkcode Player}. */
  readonly player?: string;
}

/** What makes the part of the page that plays with the run's model. */
export interface Player {
  /** The part's script, a module, and the text of its worker. */
  buildScripts(): Promise<readonly [script: string, worker: string]>;
  /** The model of the last checkpoint in a folder. */
  readCheckpoint(folder: string): Promise<LiveCheckpoint>;
}

/** The server's answers: it listens, it cannot listen, it has closed. */
export type Answer =
  | { readonly kind: "listening"; readonly port: number }
  | { readonly kind: "refused"; readonly name: string; readonly message: string }
  | { readonly kind: "closed" };
