/**
 * The messages between the page and its engine, a worker: calls with answers, and events.
 *
 * @module
 */

/** Where the engine's model comes from. */
export interface Source {
  /** Name of the run or model, for the heading. */
  readonly name: string;
  /** Its files as base64; undefined if it is loaded from `place`, or there is none yet. */
  readonly files?: Readonly<Record<string, string>>;
  /** An address or a name on the hub. */
  readonly place?: string;
  /** The step of the run that its files are of. */
  readonly step?: number;
  /** What the run has measured, as the live page's server would send it. */
  readonly history?: readonly (readonly [name: string, data: unknown])[];
}

/** Facts of the engine's model. */
export interface Facts {
  readonly device: string;
  readonly parameters: number;
  readonly layers: number;
  readonly heads: number;
  readonly width: number;
  readonly contextLength: number;
  /** The text of each token, by id. */
  readonly vocabulary: readonly string[];
}

/** A head that is switched off. */
export interface Head {
  readonly layer: number;
  readonly head: number;
}

/** A token with a number: a probability or a similarity. */
export interface Scored {
  readonly id: number;
  readonly value: number;
}

/** What the model computes on a text. */
export interface Inside {
  /** Logits [T, V]: row t is what the model expects after token t. */
  readonly logits: Float32Array;
  /** Attention weights [L, H, T, T], from 0 to 1 as bytes. */
  readonly attention: Uint8Array;
  /** For each layer, from the embeddings on, and each token the likeliest next tokens. */
  readonly lens: readonly (readonly Scored[])[][];
}

/** How text is written. */
export interface Writing {
  readonly temperature: number;
  readonly topK: number;
  readonly topP: number;
  readonly seed: number;
  readonly count: number;
}

/** What is trained in the page. */
export interface Training {
  readonly text: string;
  readonly layers: number;
  readonly heads: number;
  readonly width: number;
  readonly contextLength: number;
  readonly batchSize: number;
  readonly steps: number;
  readonly learningRate: number;
}

/** The engine's functions. */
export interface Calls {
  open(source: Source): Facts;
  /** Gives the opened model the weights of a newer checkpoint of the same run. */
  renew(source: Source): void;
  encode(text: string): number[];
  decode(ids: readonly number[]): string;
  inspect(ids: readonly number[], off: readonly Head[]): Inside;
  write(ids: readonly number[], how: Writing, off: readonly Head[]): void;
  neighbors(id: number): Scored[];
  train(training: Training): Facts;
  stop(): void;
}

/** News that no call waits for. */
export type EngineEvent =
  | { readonly kind: "token"; readonly id: number }
  | {
    readonly kind: "figures";
    readonly step: number;
    /** The loss of the latest batch, and the mean since the figures before. */
    readonly batchLoss: number;
    readonly meanLoss: number;
    readonly tokensPerSecond: number;
  }
  | { readonly kind: "sample"; readonly step: number; readonly text: string };

/** A message to the engine. */
export interface Request {
  readonly id: number;
  readonly name: keyof Calls;
  readonly args: readonly unknown[];
}

/** A message from the engine. */
export type Reply =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly error: string }
  | EngineEvent;
