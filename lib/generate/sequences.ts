/**
 * Sequences that grow together: prompts go through the model once, then one replayed program adds a
 * token to each sequence.
 *
 * Keys, values and the history stay on the device, where tokens are also sampled; the host reads
 * tokens in blocks. See continuation.ts for what ends a sequence.
 *
 * @module
 */
import { advanceGeneration } from "../../kernels/cpu/advance_generation.ts";
import { appendHistory } from "../../kernels/cpu/append_history.ts";
import { wgsl } from "../../kernels/webgpu/wgsl.ts";
import type { Kernel } from "../device/kernel.ts";
import { adjustLogits, type LogitRules } from "../ops/adjust_logits.ts";
import { add } from "../ops/binary.ts";
import { compile, type Compiled } from "../tensor/compile.ts";
import { concatenate } from "../ops/concatenate.ts";
import { tokenLosses } from "../ops/cross_entropy.ts";
import { launch } from "../tensor/launch.ts";
import { sampleToken } from "../ops/sample_token.ts";
import { keep, scope } from "../tensor/scope.ts";
import { slice } from "../ops/slice.ts";
import { type Tensor, zeros } from "../tensor/tensor.ts";
import { type CachedModel, CacheRows } from "./cache_rows.ts";
import { exclusionMask } from "./excluded_ids.ts";

const ADVANCE: Kernel = {
  name: "advance_generation",
  reads: { next: "i32", loss: "f32", adjusted: "u32" },
  updates: {
    token: "i32",
    position: "i32",
    state: "i32",
    output: "i32",
    scores: "f32",
  },
  scalars: { length: "u32", tokens: "u32", rows: "u32", width: "u32" },
  webgpu: { code: wgsl("advance_generation"), workgroups: () => 1 },
  cpu: advanceGeneration,
};

const APPEND_HISTORY: Kernel = {
  name: "append_history",
  reads: { next: "i32" },
  updates: { history: "i32", lengths: "i32" },
  scalars: { rows: "u32", capacity: "u32" },
  webgpu: { code: wgsl("append_history"), threads: ({ rows }) => rows },
  cpu: appendHistory,
};

/** In a block of tokens, the value of a row whose rules forbid every token. */
export const NO_TOKEN = -1;

/** What a program of sequences is built for; other values make another program. */
export interface SequencesShape {
  /** B, the sequences. */
  readonly rows: number;
  /** How many consecutive ones continue one prompt. */
  readonly perPrompt: number;
  /** Tokens in the history of a row; 0 if no rule needs one. */
  readonly history: number;
  /** Number of end tokens that the rules suppress. */
  readonly ends: number;
  /** Whether some ids are never chosen. */
  readonly excludes: boolean;
  /** Whether the chosen tokens' log-probabilities are kept. */
  readonly scores: boolean;
}

/** How tokens are chosen; these change without another program. */
export interface Choice {
  readonly temperature: number;
  readonly topK: number;
  readonly topP: number;
  readonly minP: number;
  readonly repetitionPenalty: number;
  readonly noRepeatNgram: number;
  readonly minNewTokens: number;
  readonly ends: readonly number[];
  /** Ids that are never chosen. */
  readonly excluded: readonly number[];
  readonly seed: number;
}

/** Tokens of all rows: the token of row b in step i is at i·rows + b. */
export interface TokenBlock {
  /** Steps in this block. */
  readonly steps: number;
  /** Tokens, steps × rows, or `NO_TOKEN`. */
  readonly tokens: Int32Array;
  /** Log-probabilities before any rule or filter, in the same places; with `scores` only. */
  readonly scores: Float32Array | undefined;
}

/** B sequences over one model. */
export class Sequences {
  readonly #cache: CacheRows;
  /** [temperature, topK, topP, minP]. */
  readonly #settings: Tensor;
  readonly #state: Tensor;
  readonly #output: Tensor;
  readonly #scores: Tensor | undefined;
  /** f32 [V], added to the logits: −∞ for excluded ids. */
  readonly #mask: Tensor | undefined;
  readonly #rules: LogitRules | undefined;
  readonly #step: Compiled<[], Tensor>;
  readonly #block: number;
  #seed = 0;
  #given = 0;
  /** All tokens of each row, its prompt included. */
  #tokens: number[][] = [];
  /** Tokens of each row in the cache. */
  #cached: number[] = [];
  #finished: boolean[] = [];
  /** Whether the cache lacks tokens that were read without it. */
  #isBehind = false;

  /** Makes a cache of the model's context length; the program is recorded at the first step. */
  constructor(readonly model: CachedModel, readonly shape: SequencesShape) {
    const { rows, history, ends, excludes, scores } = shape;
    const { device } = model.tokens.weight;
    const integers = (shape: number[]) => keep(zeros(shape, { dtype: "i32", device }));
    const floats = (shape: number[]) => keep(zeros(shape, { device }));
    this.#block = device.traits.tokensPerRead;
    this.#cache = new CacheRows(model, rows);
    this.#settings = floats([4]);
    this.#state = integers([2]);
    this.#output = integers([this.#block, rows]);
    this.#scores = scores ? floats([this.#block, rows]) : undefined;
    this.#mask = excludes ? floats([model.config.vocabSize]) : undefined;
    this.#rules = history === 0 ? undefined : {
      history: integers([rows, history]),
      lengths: integers([rows]),
      penalty: floats([1]),
      rules: integers([2]),
      state: this.#state,
      ends: integers([Math.max(1, ends)]),
    };
    this.#step = compile(() => this.#choose(this.#cache.decode(), 1));
  }

  /** Begins anew: a prompt for each row, the same for the rows of one prompt, and how to choose. */
  start(prompts: readonly (readonly number[])[], choice: Choice): void {
    const { temperature, topK, topP, minP, seed } = choice;
    this.#settings.write([temperature, topK, topP, minP]);
    this.#seed = seed;
    this.#given = 0;
    this.#tokens = prompts.map((prompt) => [...prompt]);
    this.#cached = prompts.map(() => 0);
    this.#isBehind = false;
    this.#finished = prompts.map(() => false);
    this.#mask?.write(exclusionMask(this.model.config.vocabSize, choice.excluded));
    if (this.#rules) this.#writeRules(this.#rules, choice);
  }

  /**
   * Whether a row's next token needs more than the context: some of its tokens are then read again.
   */
  isFull(row: number): boolean {
    return this.#cached[row] === this.model.textLength;
  }

  /** Marks a row as finished: its further tokens are not needed. */
  finish(row: number): void {
    this.#finished[row] = true;
  }

  /**
   * Adds at least one token and at most `most` to every row; undefined if the signal is aborted
   * while tokens are read, after which only `start` may follow.
   */
  async next(most: number, signal?: AbortSignal): Promise<TokenBlock | undefined> {
    this.#state.write([this.#seed | 0, this.#given]);
    const steps = await this.#make(most, signal);
    if (steps === 0) return undefined;
    const [values, scores] = await Promise.all([this.#output.data(), this.#scores?.data()]);
    const { rows } = this.shape;
    const from = this.#given % this.#block * rows;
    const block = {
      steps,
      tokens: values.subarray(from, from + steps * rows) as Int32Array,
      scores: scores?.subarray(from, from + steps * rows) as Float32Array | undefined,
    };
    this.#given += steps;
    block.tokens.forEach((token, i) => this.#tokens[i % rows].push(Math.max(token, 0)));
    return block;
  }

  /** Frees the memory. */
  dispose(): void {
    this.#step.dispose();
    this.#cache.dispose();
    const own = [this.#settings, this.#state, this.#output, this.#scores, this.#mask];
    for (const tensor of [...own, ...Object.values(this.#rules ?? {})]) tensor?.dispose();
  }

  /** Makes a block of tokens and returns its number of steps; 0 if the signal is aborted. */
  async #make(most: number, signal: AbortSignal | undefined): Promise<number> {
    const { textLength } = this.model;
    if (this.model.isHooked || this.#isBehind) return await this.#readWhole(signal) ? 1 : 0;
    const room = textLength - Math.max(...this.#cached);
    if (this.#cached[0] === 0) return await this.#readPrompts(signal) ? 1 : 0;
    if (room === 0) return await this.#readAgain(signal) ? 1 : 0;
    // A block must not run over the end of the ring.
    const steps = Math.min(this.#block - this.#given % this.#block, most, room);
    for (let i = 0; i < steps; i++) this.#step();
    for (const row of this.#cached.keys()) this.#cached[row] += steps;
    return steps;
  }

  /**
   * Reads all that the cache would hold of each row, and chooses what follows: with hooks, whose
   * edits of one position change all later ones, and once after them. False if the signal is
   * aborted meanwhile.
   */
  async #readWhole(signal: AbortSignal | undefined): Promise<boolean> {
    const { isHooked, textLength } = this.model;
    const lengths = this.#cached.map((cached, row) => {
      if (cached === 0) return Math.min(this.#tokens[row].length, textLength);
      return cached === textLength ? Math.ceil(textLength / 2) : cached + 1;
    });
    const texts = lengths.map((length, row) => this.#tokens[row].slice(-length));
    const isRead = await this.#readRows(texts, signal, (logits) => {
      this.#choose(joined(logits.map((row) => row!)), 0);
    });
    if (!isRead) return false;
    this.#setCached(lengths);
    this.#isBehind = isHooked;
    return true;
  }

  /**
   * Puts the prompts' last tokens into the empty cache, each prompt once, and chooses what follows;
   * false if the signal is aborted meanwhile.
   */
  async #readPrompts(signal: AbortSignal | undefined): Promise<boolean> {
    const { textLength } = this.model;
    const { perPrompt } = this.shape;
    const first = (row: number) => row - row % perPrompt;
    const texts = this.#tokens.map((tokens, row) =>
      row === first(row) ? tokens.slice(-textLength) : undefined
    );
    const isRead = await this.#readRows(texts, signal, (logits) => {
      for (const row of texts.keys()) {
        if (row !== first(row)) this.#cache.copyRow(first(row), row);
      }
      this.#choose(joined(texts.map((_, row) => logits[first(row)]!)), 0);
    });
    if (isRead) this.#setCached(this.#tokens.map(({ length }) => Math.min(length, textLength)));
    return isRead;
  }

  /**
   * For full rows, reads the last half of the context again; the other rows advance by one token.
   * False if the signal is aborted meanwhile.
   */
  async #readAgain(signal: AbortSignal | undefined): Promise<boolean> {
    const { textLength } = this.model;
    const kept = Math.ceil(textLength / 2);
    const full = this.#cached.map((_, row) => this.isFull(row));
    // A full row has no room for its token: it is written to position 0, which is read again or not
    // needed.
    this.#cache.position.write(this.#cached.map((cached, row) => full[row] ? 0 : cached));
    const isAlone = full.every((isFull) => isFull);
    const others = isAlone ? undefined : scope(() => this.#cache.decode());
    const texts = full.map((isFull, row) =>
      isFull ? this.#tokens[row].slice(this.#finished[row] ? -1 : -kept) : undefined
    );
    const isRead = await this.#readRows(texts, signal, (logits) => {
      const row = (row: number) => slice(others!, { axis: 0, start: row, end: row + 1 });
      this.#choose(joined(full.map((isFull, i) => isFull ? logits[i]! : row(i))), 0);
    });
    others?.dispose();
    if (!isRead) return false;
    this.#setCached(
      this.#cached.map((cached, row) => !full[row] ? cached + 1 : this.#finished[row] ? 1 : kept),
    );
    return true;
  }

  /**
   * Reads texts into their rows, calls `use` with the logits of each, and frees the logits; false,
   * without that call, if the signal is aborted meanwhile.
   */
  async #readRows(
    texts: readonly (readonly number[] | undefined)[],
    signal: AbortSignal | undefined,
    use: (logits: readonly (Tensor | undefined)[]) => void,
  ): Promise<boolean> {
    const logits: (Tensor | undefined)[] = [];
    try {
      for (const [row, tokens] of texts.entries()) {
        logits[row] = tokens && await this.#cache.read(row, tokens, signal);
        if (tokens && !logits[row]) return false;
      }
      scope(() => use(logits));
      return true;
    } finally {
      for (const tensor of logits) tensor?.dispose();
    }
  }

  #setCached(cached: number[]): void {
    this.#cached = cached;
    this.#cache.position.write(cached);
  }

  /** Draws a token for each row of logits and advances every row by `tokens` positions. */
  #choose(logits: Tensor, tokens: number): Tensor {
    const { rows, perPrompt, history: capacity } = this.shape;
    const rules = this.#rules;
    const allowed = this.#mask ? add(logits, this.#mask) : logits;
    const adjusted = rules ? adjustLogits(allowed, rules) : allowed;
    const next = sampleToken(adjusted, this.#settings, this.#state, 0, perPrompt);
    const { token, position } = this.#cache;
    const buffers = {
      next,
      loss: this.#scores && tokenLosses(logits, next),
      adjusted: rules && adjusted,
      token,
      position,
      state: this.#state,
      output: this.#output,
      scores: this.#scores,
    };
    const scalars = { length: this.#block, tokens, rows, width: logits.shape[1] };
    launch(ADVANCE, buffers, scalars, { RULES: rules ? 1 : 0, SCORES: this.#scores ? 1 : 0 });
    if (rules) {
      const { history, lengths } = rules;
      launch(APPEND_HISTORY, { next, history, lengths }, { rows, capacity });
    }
    return next;
  }

  #writeRules({ history, lengths, penalty, rules, ends }: LogitRules, choice: Choice): void {
    const { rows, history: capacity } = this.shape;
    const values = new Int32Array(rows * capacity);
    this.#tokens.forEach((tokens, row) => values.set(tokens, row * capacity));
    history.write(values);
    lengths.write(this.#tokens.map((tokens) => tokens.length));
    penalty.write([choice.repetitionPenalty]);
    const minimum = choice.ends.length === 0 ? 0 : choice.minNewTokens;
    rules.write([choice.noRepeatNgram, minimum]);
    if (choice.ends.length > 0) ends.write(choice.ends);
  }
}

/** Rows of logits as one tensor. */
function joined(logits: readonly Tensor[]): Tensor {
  return logits.length === 1 ? logits[0] : concatenate(logits);
}
