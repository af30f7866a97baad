/**
 * Multi-head attention as a layer: self-attention or cross-attention, causal or not, with grouped
 * key/value heads, rotary positions, a sliding window and a key-value cache.
 *
 * B batch, T time of the queries, S time of the keys, C width, H query heads, Hkv key and value
 * heads, D head size. The kernels are in lib/ops/attention.ts and the files beside it.
 *
 * @module
 */
import type { Random } from "../random.ts";
import { attention, selfAttention } from "../ops/attention.ts";
import { attentionDecode, cacheAppend } from "../ops/attention_decode.ts";
import { attentionWeights, selfAttentionWeights } from "../ops/attention_weights.ts";
import { concatenate } from "../ops/concatenate.ts";
import { add, mul } from "../ops/binary.ts";
import { sum } from "../ops/reduce.ts";
import { reshape } from "../ops/reshape.ts";
import { rotary, type RotaryOptions } from "../ops/rotary.ts";
import { slice } from "../ops/slice.ts";
import { checkOptions, type OptionNames } from "../options.ts";
import { type Tensor, tensor } from "../tensor/tensor.ts";
import {
  type BlockConfig,
  blockConfig,
  type BlockConfigInput,
  headSizeOf,
} from "./block_config.ts";
import { biasedAttention, biasedDecode, biasedWeights } from "./biased_attention.ts";
import { ForwardContext, type LayerCache } from "./context.ts";
import { type BlockWeights, sameWeights } from "./initial_weights.ts";
import { layerRandom, normal } from "./initializers.ts";
import { Linear, makeNorm, type NormLayer } from "./layers.ts";
import { Module, type Parts } from "./module.ts";
import { OPEN_POINTS, openAttention } from "./open_attention.ts";
import type { Points } from "./points.ts";
import { cachedPrefix } from "./virtual_tokens.ts";

/** Options of `Attention` that are not part of a block's configuration. */
export interface AttentionLayerOptions {
  /** Each query sees its own position and those before it. Default: false. */
  causal?: boolean;
  /**
   * One product makes queries, keys and values, as in GPT-2; for self-attention only. Default:
   * false.
   */
  packed?: boolean;
  /** Positions that each query sees, its own included (sliding window). Default: all. */
  window?: number;
  /** Width of the sequence that keys and values are made from. Default: the width. */
  sourceWidth?: number;
  /** Initializers of the matrices. Default: N(0, 0.02²). */
  initial?: Pick<BlockWeights, "queryKeyValue" | "attentionProjection">;
  /** The random stream they draw from. Default: one stream that all such layers share. */
  random?: Random;
}

/** Options of one call of an `Attention`. */
export interface AttendOptions {
  /** The sequence that keys and values are made from, [B,S,sourceWidth]. Default: the queries'. */
  source?: Tensor;
  /** What `sourceRows` makes of a source, instead of the source itself. Default: none. */
  sourceRows?: SourceRows;
  /** i32 [B]: hide the keys of sequence b from keyLengths[b] on, its padding. Default: none. */
  keyLengths?: Tensor;
  /**
   * f32, added to the scores and stored with them; broadcasts to [B,H,T,S]. It is for layers that
   * are not packed and have as many key and value heads as query heads. For one token with a cache
   * of S tokens it hides those behind it, by −∞. Default: none.
   */
  scoreBias?: Tensor;
  /** Added to the values, [B,T,Hkv·D] (value embeddings). Default: none. */
  addedValues?: Tensor;
  /**
   * Added to what queries and keys are made from, and not to the values: broadcasts to [B,T,C]. It
   * is what positions `shortformer` need; for self-attention. Default: none.
   */
  queryKeyPositions?: Tensor;
  /** Keys and values of earlier tokens; those of `x` are appended. Default: none. */
  cache?: LayerCache;
  /**
   * Keys and values before all tokens, [B,P,2·Hkv·D] = [k | v], which every query sees: rotary
   * positions begin at P, and the keys are not rotated. For self-attention without ALiBi, windows
   * and a cache, which would hold them. Default: none.
   */
  prefix?: Tensor;
  /**
   * Compute the last position only, which sees the keys of all: the result is [B,1,C]; a cache gets
   * the keys and values of all. Default: false.
   */
  lastOnly?: boolean;
  /** Added to the result in the output projection's kernel. Default: none. */
  residual?: Tensor;
  /** Receives the weights of this call before dropout, [B,H,T,S]; not with a cache. */
  weights?: Tensor[];
  /**
   * The hook points of this layer, not with a cache or `sourceRows`: `hook_q`, `hook_k`, `hook_v`
   * [B,·,heads,D] as they are projected, with rotary positions `hook_rot_q` and `hook_rot_k`,
   * `hook_attn_scores` and `hook_pattern` [B,H,T,S], `hook_z` [B,T,H,D], and `hook_result`
   * [B,T,H,C], what each head adds to the result. Default: none.
   */
  points?: Points;
}

/** Keys and values of a source, each [B,S,Hkv·D]. */
export interface SourceRows {
  /** source·W_k + b_k. */
  readonly keys: Tensor;
  /** source·W_v + b_v. */
  readonly values: Tensor;
}

const LAYER_OPTIONS: OptionNames<AttentionLayerOptions> = {
  causal: true,
  packed: true,
  window: true,
  sourceWidth: true,
  initial: true,
  random: true,
};

const CALL_OPTIONS: OptionNames<AttendOptions> = {
  source: true,
  sourceRows: true,
  keyLengths: true,
  scoreBias: true,
  addedValues: true,
  queryKeyPositions: true,
  cache: true,
  prefix: true,
  lastOnly: true,
  residual: true,
  weights: true,
  points: true,
};

/** Rows of queries, keys and values, each [B,T,heads·D], or packed: [q | k | v]. */
type Rows = readonly [packed: Tensor] | readonly [q: Tensor, k: Tensor, v: Tensor];

/**
 * Concat(head₁ … head_H)·W_o with headᵢ = softmax(QᵢKᵢᵀ/√D)·Vᵢ, Q = x·W_q, K = source·W_k, V =
 * source·W_v: [B,T,C] → [B,T,C].
 *
 * With rotary positions the queries and keys of self-attention are rotated; with `queryKeyNorm`
 * those of each head are normalized before. In training, probabilities are dropped at the rate
 * `attentionDropout`. A query that sees no key gets zeros before the output projection. Source:
 * Vaswani et al., arXiv 1706.03762, section 3.2.2.
 *
 * ```ts
 * import { Attention, openDevice, zeros } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const layer = new Attention({ width: 8, heads: 2 });
 * const [x, source] = [zeros([1, 3, 8]), zeros([1, 5, 8])];
 * console.log(`${layer.forward(x, { source })}`); // f32 [1,3,8]
 * console.log(`${layer.weights(x, { source })}`); // f32 [1,2,3,5]
 * device.close();
 * ```
 */
export class Attention extends Module {
  /** The configuration, defaults filled in. */
  readonly config: BlockConfig;
  /** [query | key | value] in one product, C → (H + 2·Hkv)·D; undefined unless `packed`. */
  readonly queryKeyValue: Linear | undefined;
  /** x·W_q + b_q, C → H·D; undefined if `packed`. */
  readonly query: Linear | undefined;
  /** source·W_k + b_k, sourceWidth → Hkv·D; undefined if `packed`. */
  readonly key: Linear | undefined;
  /** source·W_v + b_v, sourceWidth → Hkv·D; undefined if `packed`. */
  readonly value: Linear | undefined;
  /** The norm of each head's queries, [D]; undefined without `queryKeyNorm`. */
  readonly queryNorm: NormLayer | undefined;
  /** The norm of each head's keys, [D]; undefined without `queryKeyNorm`. */
  readonly keyNorm: NormLayer | undefined;
  /** The output projection, H·D → C. */
  readonly projection: Linear;
  readonly #causal: boolean;
  readonly #window: number | undefined;

  /**
   * Draws the matrices from the options' initializers and sets biases to 0.
   *
   * @throws {RangeError} for an impossible configuration, such as heads that do not divide the
   * width
   */
  constructor(config: BlockConfigInput, options: AttentionLayerOptions = {}) {
    super();
    checkOptions("Attention", options, LAYER_OPTIONS);
    this.config = blockConfig(config);
    const { width, heads, keyValueHeads = heads, queryKeyValueBias } = this.config;
    const { packed = false, sourceWidth = width, random = layerRandom } = options;
    const { initial = sameWeights(normal()) } = options;
    const headSize = headSizeOf(this.config);
    const [queries, keys] = [heads * headSize, keyValueHeads * headSize];
    const first = { bias: queryKeyValueBias, random, initializer: initial.queryKeyValue };
    if (packed) this.queryKeyValue = new Linear(width, queries + 2 * keys, first);
    else {
      this.query = new Linear(width, queries, first);
      this.key = new Linear(sourceWidth, keys, first);
      this.value = new Linear(sourceWidth, keys, first);
    }
    const { attentionProjectionBias: bias, queryKeyNorm } = this.config;
    this.projection = new Linear(queries, width, {
      bias,
      random,
      initializer: initial.attentionProjection,
    });
    if (queryKeyNorm) {
      this.queryNorm = makeNorm(this.config, headSize);
      this.keyNorm = makeNorm(this.config, headSize);
    }
    this.#causal = options.causal ?? false;
    this.#window = options.window;
  }

  /** The projections, and the norms of queries and keys if there are any. */
  override parts(): Parts {
    const { queryKeyValue, query, key, value, projection, queryNorm, keyNorm } = this;
    return { queryKeyValue, query, key, value, projection, queryNorm, keyNorm };
  }

  /** x [B,T,C] → [B,T,C]. */
  forward(
    x: Tensor,
    options: AttendOptions = {},
    context: ForwardContext = new ForwardContext(),
  ): Tensor {
    const { residual, points } = options;
    const z = this.attend(x, options, context);
    if (!points?.wants("hook_result")) return this.projection.forward(z, { residual, context });
    const result = points.visit("hook_result", this.#byHead(z, context));
    const { bias } = this.projection;
    const parts = [sum(result, { axis: 2 }), bias, residual].filter((part) => part !== undefined);
    return parts.reduce((total, part) => add(total, part));
  }

  /**
   * What each head adds to the result: z [B,T,H·D] → [B,T,H,C]. The projection multiplies copies
   * of z of which one head is left, so that rounded and adapted matrices serve as well.
   */
  #byHead(z: Tensor, context: ForwardContext): Tensor {
    const { heads } = this.config;
    const [batch, time, width] = z.shape;
    const ofHead = Float32Array.from(
      { length: heads * width },
      (_, i) => Math.floor(i % width * heads / width) === Math.floor(i / width) ? 1 : 0,
    );
    const mask = tensor(ofHead, { shape: [heads, width], device: z.device });
    const copies = mul(z.view([batch, time, 1, width]), mask);
    return this.projection.forward(copies, { context, omitBias: true });
  }

  /** Keys and values of a source [B,S,sourceWidth], for many calls that attend to it. */
  sourceRows(source: Tensor): SourceRows {
    const { key, value, keyNorm } = this;
    if (!key || !value) {
      throw new TypeError("Attention: a packed layer has no source, got a source");
    }
    const keys = key.forward(source);
    const size = headSizeOf(this.config);
    return { keys: keyNorm ? normHeads(keys, keyNorm, size) : keys, values: value.forward(source) };
  }

  /** The attended values before the output projection: x [B,T,C] → [B,T,H·D]. */
  attend(
    x: Tensor,
    options: AttendOptions = {},
    context: ForwardContext = new ForwardContext(),
  ): Tensor {
    checkOptions("Attention", options, CALL_OPTIONS);
    const { points, lastOnly } = options;
    const z = this.#attended(x, options, context);
    const seen = points ? points.visitHeads("hook_z", z, this.config.heads) : z;
    return lastOnly ? lastPosition(seen) : seen;
  }

  #attended(x: Tensor, options: AttendOptions, context: ForwardContext): Tensor {
    const { cache, weights, scoreBias, points } = options;
    this.#expectPossible(options, context);
    const own = this.#rows(x, options, context);
    const rows = options.prefix ? this.#behind(options.prefix, own) : own;
    if (points?.wants(...OPEN_POINTS)) return this.#openMix(points, rows, options, context);
    weights?.push(this.#weigh(rows, options));
    if (!cache) return this.#mix(rows, options, context);
    const packed = rows.length === 1 ? rows[0] : concatenate([...rows], { axis: 2 });
    const isNext = x.shape[1] === 1;
    if (isNext && !scoreBias) return attentionDecode(packed, cache, cache.position, this.#heads());
    cacheAppend(cache, packed, cache.position);
    if (isNext && scoreBias) return biasedDecode(rows[0], cache, this.#biased(scoreBias));
    const all = cache.virtualTokens ? this.#behind(cachedPrefix(cache), rows) : rows;
    return this.#mix(all, options, context);
  }

  /** Refuses options of a call that exclude each other. */
  #expectPossible(call: AttendOptions, context: ForwardContext): void {
    const { cache, weights, scoreBias, points, source, sourceRows } = call;
    const { attentionDropout = 0 } = this.config;
    if (points && (cache || sourceRows)) {
      throw new TypeError("Attention: hooks need a pass without a cache and sourceRows");
    }
    if (cache && context.drops(attentionDropout)) {
      throw new RangeError(
        `Attention: expected attentionDropout 0 in training with a cache, got ${attentionDropout}`,
      );
    }
    if (cache && (source || sourceRows || !this.#causal)) {
      throw new TypeError("Attention: a cache is for causal self-attention only, got a cache");
    }
    if (context.options.documents && (cache || weights || scoreBias)) {
      const got = cache ? "a cache" : weights ? "weights to collect" : "a scoreBias";
      throw new TypeError(`Attention: expected one document a row with ${got}, got several`);
    }
  }

  /** Queries, and keys and values with those of a prefix before them. */
  #behind(prefix: Tensor, rows: Rows): Rows {
    const [q, k, v] = this.#apart(rows);
    const [, , width] = k.shape;
    const [keys, values] = [
      slice(prefix, { axis: 2, end: width }),
      slice(prefix, { axis: 2, start: width }),
    ];
    return [q, concatenate([keys, k], { axis: 1 }), concatenate([values, v], { axis: 1 })];
  }

  /**
   * The probabilities that `forward` weighs values with, before dropout: [B,H,T,S]. No gradient
   * flows.
   */
  weights(x: Tensor, options: AttendOptions = {}): Tensor {
    return this.#weigh(this.#rows(x, options), options);
  }

  /** softmax(scale·Q·Kᵀ)·V of each head, with dropout in training. */
  #mix(rows: Rows, call: AttendOptions, context: ForwardContext): Tensor {
    const { keyLengths, scoreBias, lastOnly = false } = call;
    const source = call.source ?? call.sourceRows?.keys;
    const { attentionDropout = 0 } = this.config;
    if (scoreBias) {
      const dropout = (weights: Tensor) => context.dropout(weights, attentionDropout);
      const [q, k, v] = this.#separate(rows);
      return biasedAttention(q, k, v, { ...this.#biased(scoreBias), keyLengths, dropout });
    }
    const dropout = context.attentionDropout(attentionDropout);
    const options = { ...this.#heads(source), causal: this.#causal, keyLengths, ...dropout };
    const starts = source ? undefined : context.options.documents?.starts;
    const masked = { ...options, firstKeys: starts && lastOnly ? lastPosition(starts) : starts };
    if (rows.length === 1) return selfAttention(rows[0], { ...masked, lastOnly });
    const [q, k, v] = rows;
    return attention(lastOnly ? lastPosition(q) : q, k, v, masked);
  }

  /** `#mix` step by step. */
  #openMix(points: Points, rows: Rows, call: AttendOptions, context: ForwardContext): Tensor {
    const { keyLengths, scoreBias: bias, weights } = call;
    const firstKeys = call.source ? undefined : context.options.documents?.starts;
    const { attentionDropout = 0 } = this.config;
    const dropout = (pattern: Tensor) => context.dropout(pattern, attentionDropout);
    const options = {
      ...this.#heads(call.source),
      causal: this.#causal,
      keyLengths,
      firstKeys,
      bias,
      weights,
    };
    return openAttention(points, ...this.#apart(rows), { ...options, dropout });
  }

  /** The rows after the hooks at their points; what has no name stays. */
  #visited(points: Points | undefined, rows: Rows, ...names: readonly string[]): Rows {
    if (!points?.wants(...names)) return rows;
    const { heads, keyValueHeads = heads } = this.config;
    const [q, k, v] = this.#apart(rows).map((part, i) =>
      i < names.length ? points.visitHeads(names[i], part, i === 0 ? heads : keyValueHeads) : part
    );
    return [q, k, v];
  }

  /** softmax(scale·Q·Kᵀ) of each head. */
  #weigh(rows: Rows, call: AttendOptions): Tensor {
    const { keyLengths, scoreBias } = call;
    if (scoreBias) {
      const [q, k] = this.#separate(rows);
      return biasedWeights(q, k, { ...this.#biased(scoreBias), keyLengths });
    }
    const options = { ...this.#heads(call.source), causal: this.#causal, keyLengths };
    if (rows.length === 1) return selfAttentionWeights(rows[0], options);
    return attentionWeights(rows[0], rows[1], options);
  }

  #biased(bias: Tensor) {
    const { heads, window, scale, softCap, alibi } = this.#heads();
    if (softCap !== undefined || alibi) {
      const got = alibi ? "positions alibi" : `attentionSoftCap ${softCap}`;
      throw new TypeError(`Attention: expected scores as they are with a scoreBias, got ${got}`);
    }
    return { heads, window, scale, causal: this.#causal, bias };
  }

  /** The rows as a bias needs them. */
  #separate(rows: Rows): readonly [q: Tensor, k: Tensor, v: Tensor] {
    const { heads, keyValueHeads = heads } = this.config;
    if (rows.length === 3 && heads === keyValueHeads) return rows;
    throw new TypeError(
      "Attention: a scoreBias is for layers that are not packed and have as many key and value " +
        `heads as query heads, got ${heads} heads, ${keyValueHeads} keyValueHeads`,
    );
  }

  /** Options of the operations; ALiBi is for self-attention. */
  #heads(source?: Tensor) {
    const { heads, keyValueHeads, scaleAttention, attentionScale } = this.config;
    const scale = scaleAttention ? attentionScale ?? 1 / Math.sqrt(headSizeOf(this.config)) : 1;
    const { attentionSoftCap: softCap, positions } = this.config;
    const alibi = positions === "alibi" && !source;
    return { heads, keyValueHeads, window: this.#window, scale, softCap, alibi };
  }

  /** Queries, keys and values, normalized and rotated if the configuration says so. */
  #rows(x: Tensor, call: AttendOptions, context?: ForwardContext): Rows {
    const { source, sourceRows, addedValues, points } = call;
    const { heads, keyValueHeads = heads, positions } = this.config;
    if (sourceRows) return [this.#queries(x, context), sourceRows.keys, sourceRows.values];
    const projected = this.#withAdded(this.#project(x, call, context), addedValues);
    const rows = this.#normalized(this.#visited(points, projected, "hook_q", "hook_k", "hook_v"));
    if (positions !== "rotary" || source) return rows;
    const places = context?.options.documents?.positions;
    const turn = (rows: Tensor, heads: number) =>
      places ? this.#rotatedAt(places, rows, heads) : this.#rotated(rows, heads, placeOf(x, call));
    if (rows.length === 1 && !points) return [turn(rows[0], heads + keyValueHeads)];
    const [q, k, v] = this.#apart(rows);
    const turned: Rows = [turn(q, heads), turn(k, keyValueHeads), v];
    return this.#visited(points, turned, "hook_rot_q", "hook_rot_k");
  }

  #project(
    x: Tensor,
    { source, queryKeyPositions }: AttendOptions,
    context?: ForwardContext,
  ): Rows {
    if (queryKeyPositions) return this.#projectPlaced(x, { source, queryKeyPositions }, context);
    const { queryKeyValue, query, key, value } = this;
    if (!queryKeyValue) {
      const from = source ?? x;
      const k = key!.forward(from, { context });
      return [query!.forward(x, { context }), k, value!.forward(from, { context })];
    }
    if (source) throw new TypeError("Attention: a packed layer has no source, got a source");
    return [queryKeyValue.forward(x, { context })];
  }

  /** Queries and keys of x with positions added, values of x alone. */
  #projectPlaced(
    x: Tensor,
    { source, queryKeyPositions }: AttendOptions,
    context?: ForwardContext,
  ): Rows {
    if (source) throw new TypeError("Attention: queryKeyPositions are for self-attention");
    const [q, k] = this.#apart(this.#project(add(x, queryKeyPositions!), {}, context));
    return [q, k, this.#apart(this.#project(x, {}, context))[2]];
  }

  /** The queries of a layer that attends to a source. */
  #queries(x: Tensor, context?: ForwardContext): Tensor {
    const q = this.query!.forward(x, { context });
    return this.queryNorm ? normHeads(q, this.queryNorm, headSizeOf(this.config)) : q;
  }

  #withAdded(rows: Rows, addedValues: Tensor | undefined): Rows {
    if (!addedValues) return rows;
    const [q, k, v] = this.#apart(rows);
    return [q, k, add(v, addedValues)];
  }

  #normalized(rows: Rows): Rows {
    const { queryNorm, keyNorm } = this;
    if (!queryNorm || !keyNorm) return rows;
    const [q, k, v] = this.#apart(rows);
    const size = headSizeOf(this.config);
    return [normHeads(q, queryNorm, size), normHeads(k, keyNorm, size), v];
  }

  /** Queries, keys and values as three tensors. */
  #apart(rows: Rows): readonly [q: Tensor, k: Tensor, v: Tensor] {
    if (rows.length === 3) return rows;
    const [packed] = rows;
    const { heads, keyValueHeads = heads } = this.config;
    const headSize = headSizeOf(this.config);
    const [start, end] = [heads * headSize, (heads + keyValueHeads) * headSize];
    return [
      slice(packed, { axis: 2, end: start }),
      slice(packed, { axis: 2, start, end }),
      slice(packed, { axis: 2, start: end }),
    ];
  }

  /** Rows rotated by the position of each token in its document, [B,T]. */
  #rotatedAt(places: Tensor, rows: Tensor, heads: number): Tensor {
    const [batch, time, width] = rows.shape;
    const position = places.view([batch * time]);
    const single = rows.view([batch * time, 1, width]);
    return this.#rotated(single, heads, { position, positions: time }).view(rows.shape);
  }

  #rotated(rows: Tensor, heads: number, place: Place): Tensor {
    const { rotaryBase, rotaryDimensions, rotaryScaling } = this.config;
    return rotary(rows, {
      heads,
      headSize: headSizeOf(this.config),
      dimensions: rotaryDimensions,
      base: rotaryBase,
      scaling: rotaryScaling,
      ...place,
    });
  }
}

/** Each sequence's last row: [B,T,…] → [B,1,…]. */
export function lastPosition(x: Tensor): Tensor {
  return slice(x, { axis: 1, start: -1 });
}

/** The position of a sequence's first row, and positions in the table of angles. */
type Place = Pick<RotaryOptions, "position" | "positions">;

/** The first position is behind what a cache holds, or behind a prefix. */
function placeOf(x: Tensor, { cache, prefix }: AttendOptions): Place {
  if (cache) return { position: cache.position, positions: cache.keys.shape[2] };
  if (!prefix) return {};
  const [, count] = prefix.shape;
  const position = tensor(Int32Array.of(count), { device: x.device });
  return { position, positions: count + x.shape[1] };
}

/** The norm of each head, of `size` D: rows [B,T,heads·D] → [B,T,heads·D]. */
function normHeads(rows: Tensor, norm: NormLayer, size: number): Tensor {
  return reshape(norm.forward(reshape(rows, [rows.size / size, size])), rows.shape);
}
