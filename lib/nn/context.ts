/**
 * The state of a forward pass besides its inputs: whether it trains, the key-value cache of
 * generation, and the lists that collect attention's weights.
 *
 * @module
 */
import type { KeyValueCache } from "../ops/attention_decode.ts";
import type { AttentionOptions } from "../ops/attention_layout.ts";
import { dropout } from "../ops/dropout.ts";
import { checkOptions, type OptionNames } from "../options.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { behind } from "./virtual_tokens.ts";

/** The key-value cache of generation: keys and values of each layer, and the next position. */
export interface Cache {
  /** Keys and values of each layer, first layer first. */
  readonly layers: readonly KeyValueCache[];
  /** Tokens that the caches hold: i32 [1] for all sequences, or [B], one for each. */
  readonly position: Tensor;
  /** How many virtual tokens come before those, in the first places of the tables. Default: 0. */
  readonly virtualTokens?: number;
}

/** One layer's part of a `Cache`. */
export interface LayerCache extends KeyValueCache {
  /** The place of the next token in the tables: `Cache.position`, virtual tokens included. */
  readonly position: Tensor;
  /** As `Cache.virtualTokens`. */
  readonly virtualTokens?: number;
}

/** The documents that share the rows of a batch. */
export interface RowDocuments {
  /** i32 [B,T]: where the document of each token begins in its row. */
  readonly starts: Tensor;
  /** i32 [B,T]: the position of each token in its document, from 0. */
  readonly positions: Tensor;
}

/** Options of a `ForwardContext`. */
export interface ForwardOptions {
  /** Random state on the device, i32 [2]: applies dropout, as in training. Default: no dropout. */
  readonly randomState?: Tensor;
  /** The number of the first dropout's random stream, so that two passes of a step differ. */
  readonly firstDropout?: number;
  /** The cache that attention appends to and reads. Default: none. */
  readonly cache?: Cache;
  /**
   * Rows hold several documents, which do not see each other; their positions start anew. Not with
   * a cache. Default: one document a row.
   */
  readonly documents?: RowDocuments;
  /**
   * Compute the last position only, in the last block and after it: a GPT's values are [B,1,C], its
   * logits and the targets of its loss [B,1,·]. Default: false.
   */
  readonly lastOnly?: boolean;
  /**
   * Keep only each block's input for the derivative and compute the rest again there (activation
   * checkpointing). Default: false.
   */
  readonly recomputeActivations?: boolean;
  /**
   * Receives the weights of each layer's self-attention, [B,H,T,T], the first layer's first; not
   * with a cache.
   */
  readonly attentionWeights?: Tensor[];
  /** Receives the weights of each layer's cross-attention, [B,H,T,S]. */
  readonly crossAttentionWeights?: Tensor[];
}

const OPTIONS: OptionNames<ForwardOptions> = {
  randomState: true,
  firstDropout: true,
  cache: true,
  documents: true,
  lastOnly: true,
  recomputeActivations: true,
  attentionWeights: true,
  crossAttentionWeights: true,
};

/** The state of one forward pass through a model. */
export class ForwardContext {
  #dropouts: number;

  /** A pass with these options; by default an evaluation without a cache. */
  constructor(readonly options: ForwardOptions = {}) {
    checkOptions("ForwardContext", options, OPTIONS);
    this.#dropouts = options.firstDropout ?? 0;
  }

  /** A copy that continues with the same random streams, for a part of the pass to recompute. */
  fork(): ForwardContext {
    return new ForwardContext({ ...this.options, firstDropout: this.#dropouts });
  }

  /** Whether an activation with this dropout rate loses elements: the pass trains and rate > 0. */
  drops(rate: number): boolean {
    return this.options.randomState !== undefined && rate > 0;
  }

  /**
   * Drops elements with probability `rate` in training; each call of a pass has its own random
   * stream.
   */
  dropout(x: Tensor, rate: number): Tensor {
    const { randomState } = this.options;
    if (!randomState || rate === 0) return x;
    return dropout(x, rate, randomState, this.#dropouts++);
  }

  /**
   * Options of `attention` that drop probabilities with probability `rate` in training; each call
   * of a pass has its own random stream.
   */
  attentionDropout(
    rate: number,
  ): Pick<AttentionOptions, "dropout" | "randomState" | "randomStream"> {
    const { randomState } = this.options;
    if (!randomState || rate === 0) return {};
    return { dropout: rate, randomState, randomStream: this.#dropouts++ };
  }

  /** The cache of layer number `layer`, counted from 0; undefined without a cache. */
  cacheOf(layer: number): LayerCache | undefined {
    const { cache } = this.options;
    if (!cache) return undefined;
    const { layers, virtualTokens } = cache;
    return { ...layers[layer], position: this.cachePosition()!, virtualTokens };
  }

  /** Where the cache's tables get the next token; undefined without a cache. */
  cachePosition(): Tensor | undefined {
    const { cache } = this.options;
    if (!cache?.virtualTokens) return cache?.position;
    return behind(cache.position, cache.virtualTokens, cache.layers[0].keys.shape[2]);
  }
}
