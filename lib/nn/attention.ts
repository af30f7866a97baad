/**
 * Causal multi-head self-attention as a layer, with a cache for generation.
 *
 * B batch, T time, C width, H heads, D head size. The kernels are in lib/ops/attention.ts.
 *
 * @module
 */
import type { Random } from "../random.ts";
import { selfAttention } from "../ops/attention.ts";
import { attentionDecode, cacheAppend } from "../ops/attention_decode.ts";
import { selfAttentionWeights } from "../ops/attention_weights.ts";
import { rotary } from "../ops/rotary.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { ModelConfig } from "./config.ts";
import type { Cache, ForwardContext } from "./context.ts";
import { gpt2Weights, type InitialWeights } from "./initial_weights.ts";
import { Linear } from "./layers.ts";
import { Module, type Parts } from "./module.ts";

/** Self-attention: [B,T,C] → [B,T,C], each token looking at itself and those before it. */
export class CausalSelfAttention extends Module {
  /** [query | key | value] in one product: C → (H + 2·key-value heads)·D. */
  readonly queryKeyValue: Linear;
  /** The output projection, C → C. */
  readonly projection: Linear;

  /**
   * The attention of block number `layer`, counted from 0, which picks its window; weights are
   * drawn from `random`.
   */
  constructor(
    readonly config: ModelConfig,
    readonly layer: number,
    random: Random,
    { queryKeyValue, attentionProjection }: InitialWeights = gpt2Weights(config.layers),
  ) {
    super();
    const { width, heads, keyValueHeads = heads, bias, queryKeyValueBias } = config;
    const packed = width + 2 * keyValueHeads * (width / heads);
    const [first, last] = [{ initializer: queryKeyValue }, { initializer: attentionProjection }];
    this.queryKeyValue = new Linear(width, packed, { bias: queryKeyValueBias, random, ...first });
    this.projection = new Linear(width, width, { bias, random, ...last });
  }

  /** `c_attn` and `c_proj`. */
  override parts(): Parts {
    return { c_attn: this.queryKeyValue, c_proj: this.projection };
  }

  /** The attended values before the output projection. */
  attend(x: Tensor, context: ForwardContext): Tensor {
    const { heads, keyValueHeads, window, scaleAttention, width } = this.config;
    const options = {
      heads,
      keyValueHeads,
      causal: true,
      window: window?.[this.layer],
      scale: scaleAttention ? 1 / Math.sqrt(width / heads) : 1,
    };
    const { cache, attentionWeights } = context.options;
    const packed = this.#positioned(this.queryKeyValue.forward(x), cache);
    attentionWeights?.push(selfAttentionWeights(packed, options));
    if (!cache) return selfAttention(packed, options);
    const layerCache = cache.layers[this.layer];
    const [, time] = x.shape;
    if (time === 1) return attentionDecode(packed, layerCache, cache.position, options);
    cacheAppend(layerCache, packed, cache.position);
    return selfAttention(packed, options);
  }

  /** The layer's value; `residual` is added in the projection's kernel. */
  forward(x: Tensor, context: ForwardContext, residual?: Tensor): Tensor {
    return this.projection.forward(this.attend(x, context), { residual });
  }

  #positioned(packed: Tensor, cache: Cache | undefined): Tensor {
    const { heads, keyValueHeads = heads, width, rotaryBase, rotaryScaling } = this.config;
    if (this.config.positions !== "rotary") return packed;
    return rotary(packed, {
      heads: heads + keyValueHeads,
      headSize: width / heads,
      base: rotaryBase,
      scaling: rotaryScaling,
      position: cache?.position,
      positions: cache?.layers[this.layer].keys.shape[2],
    });
  }
}
