/**
 * What a forward pass knows besides its input: whether it trains, and the memory of generation.
 *
 * @module
 */
import type { KeyValueCache } from "../ops/attention_decode.ts";
import { dropout } from "../ops/dropout.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** The memory of generation: a cache for each layer and where the next token goes. */
export interface Cache {
  /** Keys and values of each layer, first layer first. */
  readonly layers: readonly KeyValueCache[];
  /** How many tokens the caches hold: i32 [1] for all sequences, or [B] for each its own. */
  readonly position: Tensor;
}

/** What holds for one forward pass through a model. */
export class ForwardContext {
  #dropouts: number;

  /**
   * `randomState` is the device's random state; with it, and a rate above 0, dropout is applied, as
   * in training. `cache` is filled, or continued, by attention. `firstDropout` numbers the first
   * dropout, so that two passes of one step differ. `attentionWeights` is given the weights of each
   * layer, [B,H,T,T], the first layer's first; not with a cache. With `recomputeActivations` a
   * block keeps only its input for the derivative, and computes the rest again there.
   */
  constructor(
    readonly options: {
      readonly randomState?: Tensor;
      readonly cache?: Cache;
      readonly firstDropout?: number;
      readonly recomputeActivations?: boolean;
      readonly attentionWeights?: Tensor[];
    } = {},
  ) {
    this.#dropouts = options.firstDropout ?? 0;
  }

  /** A context that goes on from here as this one would, for a part of the pass that runs twice. */
  fork(): ForwardContext {
    return new ForwardContext({ ...this.options, firstDropout: this.#dropouts });
  }

  /**
   * Drops elements with chance `rate` while training; each call of a pass has a random stream of
   * its own.
   */
  dropout(x: Tensor, rate: number): Tensor {
    const { randomState } = this.options;
    if (!randomState || rate === 0) return x;
    return dropout(x, rate, randomState, this.#dropouts++);
  }
}
