/**
 * A model and the key-value cache of several sequences, each at its own position: reading prompts,
 * decoding one token for all, copying and reordering rows.
 *
 * See sequences.ts and beam_search.ts for how tokens are chosen.
 *
 * @module
 */
import { type BlockConfigInput, headSizeOf } from "../nn/block_config.ts";
import { type Cache, ForwardContext } from "../nn/context.ts";
import type { GPT } from "../nn/gpt.ts";
import { copy, store } from "../tensor/copy.ts";
import { embedding } from "../ops/embedding.ts";
import { keep, scope } from "../tensor/scope.ts";
import { slice } from "../ops/slice.ts";
import { type Tensor, tensor, zeros } from "../tensor/tensor.ts";
import { yieldToEvents } from "../yield_to_events.ts";

/** A row of a cache must start at a multiple of 64 elements to be a separate tensor. */
const ALIGNMENT = 64;

/** What a cache needs of a model: a GPT, or an encoder–decoder with its sources. */
export interface CachedModel {
  /** Sizes. */
  readonly config: BlockConfigInput & { readonly vocabSize: number };
  /** The most tokens that a row holds. */
  readonly textLength: number;
  /** The token table. */
  readonly tokens: { readonly weight: Tensor };
  /** Virtual tokens before each row's. Default: none. */
  readonly virtualTokens?: GPT["virtualTokens"];
  /** Puts the virtual tokens into a cache. */
  fillCache?(cache: Cache): void;
  /** An empty cache. */
  makeCache(rows: number, length: number): Cache;
  /**
   * The value [1,T,C] of tokens that begin row number `row`, or of the last one, [1,1,C]; yields as
   * `GPT.hiddenSteps`.
   */
  hiddenSteps(
    ids: Tensor,
    context: ForwardContext,
    row: number,
  ): Generator<Tensor, Tensor, void>;
  /** The value [B,1,C] of the next token of each row. */
  hidden(ids: Tensor, context: ForwardContext): Tensor;
  /** The head: [..., C] → [..., V]. */
  logits(hidden: Tensor): Tensor;
  /** Whether hooks are active, which need passes without a cache. */
  readonly isHooked: boolean;
}

/** The cache of B sequences. Ragged prompts need no padding: each row has its own position. */
export class CacheRows {
  /** i32 [B]: the tokens that each row holds. */
  readonly position: Tensor;
  /** i32 [B, 1]: what `decode` reads. */
  readonly token: Tensor;
  readonly #layers: readonly { keys: Tensor; values: Tensor }[];
  readonly #start: Tensor;
  readonly #virtualTokens: number;

  /** An empty cache of the model's context length for `rows` sequences. */
  constructor(readonly model: CachedModel, readonly rows: number) {
    const { heads, keyValueHeads = heads } = model.config;
    const { device } = model.tokens.weight;
    const { count = 0 } = model.virtualTokens ?? {};
    let length = model.textLength;
    const elements = keyValueHeads * headSizeOf(model.config);
    if (rows > 1) { while ((length + count) * elements % ALIGNMENT !== 0) length++; }
    const { layers, position } = model.makeCache(rows, length);
    this.#virtualTokens = count;
    this.#layers = layers;
    this.#start = position;
    this.position = zeros([rows], { dtype: "i32", device });
    this.token = zeros([rows, 1], { dtype: "i32", device });
    this.#state().forEach(keep);
  }

  /**
   * Reads tokens into the empty row, or only reads them if hooks are active; returns the logits
   * [1,V] of the next token, which the caller disposes. A long prompt takes seconds, so the read
   * yields to events between the blocks of the model and returns undefined if the signal is aborted
   * meanwhile.
   */
  async read(
    row: number,
    tokens: readonly number[],
    signal?: AbortSignal,
  ): Promise<Tensor | undefined> {
    const { device } = this.token;
    const ids = tensor(Int32Array.from(tokens), { shape: [1, tokens.length], device });
    const layers = this.#layers.map(({ keys, values }) => ({
      keys: this.#row(keys, row),
      values: this.#row(values, row),
    }));
    const cache = { layers, position: this.#start, virtualTokens: this.#virtualTokens };
    this.model.fillCache?.(cache); // they may have been trained since the last text
    const context = new ForwardContext(this.model.isHooked ? {} : { cache, lastOnly: true });
    const steps = this.model.hiddenSteps(ids, context, row);
    let last = ids;
    for (;;) {
      const { done, value } = scope(() => {
        const { done, value } = steps.next();
        return { done, value: done ? this.#logitsOf(value) : value };
      });
      if (last.storage !== value.storage) last.dispose();
      if (done) return value;
      last = value;
      await yieldToEvents();
      if (!signal?.aborted) continue;
      last.dispose();
      return undefined;
    }
  }

  /**
   * Reads the rows' tokens at their positions, which the caller advances; returns the logits [B,V]
   * of the next tokens.
   */
  decode(): Tensor {
    const virtualTokens = this.#virtualTokens;
    const cache = { layers: this.#layers, position: this.position, virtualTokens };
    return this.#logitsOf(this.model.hidden(this.token, new ForwardContext({ cache })));
  }

  /** Makes the cache of row `to` that of row `from`. */
  copyRow(from: number, to: number): void {
    // Through a copy, because one launch cannot read and write parts of the same memory.
    for (const { keys, values } of this.#layers) {
      for (const table of [keys, values]) store(copy(this.#row(table, from)), this.#row(table, to));
    }
  }

  /** Row b gets the cache that row parents[b] had. parents: i32 [B]. */
  reorder(parents: Tensor): void {
    for (const { keys, values } of this.#layers) {
      for (const table of [keys, values]) {
        const flat = table.view([this.rows, table.size / this.rows]);
        store(embedding(flat, parents), flat);
      }
    }
  }

  /** Frees the memory. */
  dispose(): void {
    for (const tensor of this.#state()) tensor.dispose();
  }

  #state(): Tensor[] {
    const layers = this.#layers.flatMap(({ keys, values }) => [keys, values]);
    return [...layers, this.#start, this.position, this.token];
  }

  #row(table: Tensor, row: number): Tensor {
    const [rows, ...shape] = table.shape;
    return rows === 1 ? table : table.part(row * (table.size / rows), [1, ...shape]);
  }

  /** Values [B,T,C] → the logits [B,V] after the last position. */
  #logitsOf(values: Tensor): Tensor {
    const [batch, time, width] = values.shape;
    if (this.model.isHooked) { // hooks see all positions
      const logits = this.model.logits(values);
      return slice(logits.view([time, logits.shape[2]]), { axis: 0, start: -1 });
    }
    const flat = values.view([batch * time, width]);
    return this.model.logits(time === 1 ? flat : slice(flat, { axis: 0, start: time - 1 }));
  }
}
