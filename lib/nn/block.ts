/**
 * The transformer block: self-attention, attention to another sequence if there is one, and a
 * feed-forward, each with a norm and a residual.
 *
 * B batch, T time, S time of the memory, C width. GPT, Encoder and Transformer are made of it.
 *
 * @module
 */
import { add } from "../ops/binary.ts";
import { concatenate } from "../ops/concatenate.ts";
import { checkOptions, type OptionNames } from "../options.ts";
import { recompute } from "../tensor/recompute.ts";
import type { Tensor } from "../tensor/tensor.ts";
import {
  Attention,
  type AttentionLayerOptions,
  lastPosition,
  type SourceRows,
} from "./attention.ts";
import { type BlockConfig, blockConfig, type BlockConfigInput } from "./block_config.ts";
import type { Bottleneck } from "./bottleneck.ts";
import { ForwardContext, type LayerCache } from "./context.ts";
import { FeedForward } from "./feed_forward.ts";
import { type BlockWeights, sameWeights } from "./initial_weights.ts";
import { layerRandom, normal } from "./initializers.ts";
import { makeNorm, type NormLayer } from "./layers.ts";
import { linearLayers } from "./linear_layers.ts";
import { Module, type Parts } from "./module.ts";
import { normedAt, type Points, visited } from "./points.ts";

/** Options of `Block` that are not part of its configuration. */
export interface BlockOptions extends Omit<AttentionLayerOptions, "sourceWidth"> {
  /** Also attend to another sequence, the memory. Default: false. */
  crossAttention?: boolean;
  /**
   * Normalize before self-attention; false, as in ModernBERT's first layer, is for pre-norm only.
   * Default: true.
   */
  attentionNorm?: boolean;
  /** Initializers of the matrices. Default: N(0, 0.02²). */
  initial?: BlockWeights;
}

/** Options of one call of a `Block`. */
export interface BlockInput {
  /** i32 [B]: hide the positions of sequence b from lengths[b] on, its padding. Default: none. */
  lengths?: Tensor;
  /** The other sequence, [B,S,C]: required with cross-attention, and only then. */
  memory?: Tensor;
  /** Keys and values of the memory, instead of it, if many calls attend to it. Default: none. */
  memoryRows?: SourceRows;
  /** i32 [B]: hide the memory of sequence b from memoryLengths[b] on. Default: none. */
  memoryLengths?: Tensor;
  /** Added to the scores of self-attention, as in `AttendOptions`. Default: none. */
  scoreBias?: Tensor;
  /** Added to the values of self-attention, as in `AttendOptions`. Default: none. */
  addedValues?: Tensor;
  /** Added to what self-attention's queries and keys are made from. Default: none. */
  queryKeyPositions?: Tensor;
  /** Keys and values of earlier tokens. Default: none. */
  cache?: LayerCache;
  /** As in `AttendOptions`. Default: none. */
  prefix?: Tensor;
  /** Compute the last position only: the result is [B,1,C]. Default: false. */
  lastOnly?: boolean;
  /** The hook points of this block; see lib/README.md for their names. Default: none. */
  points?: Points;
}

const OPTIONS: OptionNames<BlockOptions> = {
  causal: true,
  packed: true,
  window: true,
  crossAttention: true,
  attentionNorm: true,
  initial: true,
  random: true,
};

const INPUT: OptionNames<BlockInput> = {
  lengths: true,
  memory: true,
  memoryRows: true,
  memoryLengths: true,
  scoreBias: true,
  addedValues: true,
  queryKeyPositions: true,
  cache: true,
  prefix: true,
  lastOnly: true,
  points: true,
};

/** A layer with its norms and its dropout. */
interface Half {
  /** The layer's value; `residual` is added in its last kernel. */
  readonly layer: (input: Tensor, residual?: Tensor) => Tensor;
  readonly norm: NormLayer | undefined;
  readonly outputNorm: NormLayer | undefined;
  readonly bottleneck: Bottleneck | undefined;
  readonly dropout: number;
  /** The name of its norm among the points. */
  readonly normPoint: string;
  /** The point of what it adds to the residual stream. */
  readonly outPoint: string;
  /** The point of the residual stream after it. */
  readonly residPoint: string;
}

/**
 * For each half f (self-attention, cross-attention, feed-forward): x + f(norm(x)), norm(x + f(x))
 * or x + norm′(f(norm(x))) by `normPlacement`; with `parallelResidual` x + attention(norm(x)) +
 * feedForward(norm′(x)): [B,T,C] → [B,T,C].
 *
 * Its output at padding is undefined. Source: Vaswani et al., arXiv 1706.03762, section 3.1; Xiong
 * et al., arXiv 2002.04745 (pre-norm).
 *
 * ```ts
 * import { Block, openDevice, zeros } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const block = new Block({ width: 8, heads: 2 }, { causal: true, crossAttention: true });
 * console.log(`${block.forward(zeros([1, 3, 8]), { memory: zeros([1, 5, 8]) })}`); // f32 [1,3,8]
 * device.close();
 * ```
 */
export class Block extends Module {
  /** The configuration, defaults filled in. */
  readonly config: BlockConfig;
  /** The self-attention's norm; undefined unless `attentionNorm`, and without norms. */
  readonly norm1: NormLayer | undefined;
  /** Tokens attend to each other. */
  readonly attention: Attention;
  /** The norm of what self-attention adds; undefined unless `sandwich`. */
  readonly outputNorm1: NormLayer | undefined;
  /** The cross-attention's norm; undefined without cross-attention. */
  readonly crossNorm: NormLayer | undefined;
  /** Tokens attend to the memory; undefined without cross-attention. */
  readonly crossAttention: Attention | undefined;
  /** The norm of what cross-attention adds; undefined unless `sandwich`. */
  readonly crossOutputNorm: NormLayer | undefined;
  /** The feed-forward's norm; `norm1` itself with a shared norm; undefined without either. */
  readonly norm2: NormLayer | undefined;
  /** Transforms each token separately; undefined if the block is attention only. */
  readonly feedForward: FeedForward | undefined;
  /** The norm of what the feed-forward adds; undefined unless `sandwich`. */
  readonly outputNorm2: NormLayer | undefined;
  /** After self-attention and after the feed-forward; see `attachBottleneck`. */
  bottlenecks: { readonly attention: Bottleneck; readonly feedForward: Bottleneck } | undefined;

  /**
   * Draws the matrices from the options' initializers and sets biases to 0.
   *
   * @throws {RangeError} for an impossible configuration, such as heads that do not divide the
   * width
   */
  constructor(input: BlockConfigInput, options: BlockOptions = {}) {
    super();
    checkOptions("Block", options, OPTIONS);
    const config = this.config = blockConfig(input);
    const { crossAttention = false, attentionNorm = true, ...rest } = options;
    const { random = layerRandom } = options;
    const { initial = sameWeights(normal()) } = options;
    if (crossAttention && config.parallelResidual) {
      throw new RangeError("Block: parallelResidual has no cross-attention, got both");
    }
    if (!attentionNorm && (config.normPlacement !== "pre" || config.sharedNorm)) {
      throw new RangeError(
        "Block: attentionNorm false needs normPlacement pre and no sharedNorm, got " +
          `${config.normPlacement} and ${config.sharedNorm}`,
      );
    }
    const outputNorm = () => config.normPlacement === "sandwich" ? makeNorm(config) : undefined;
    if (attentionNorm) this.norm1 = makeNorm(config);
    this.attention = new Attention(config, { ...rest, initial, random });
    this.outputNorm1 = outputNorm();
    if (crossAttention) {
      this.crossNorm = makeNorm(config);
      this.crossAttention = new Attention(config, { initial, random });
      this.crossOutputNorm = outputNorm();
    }
    if (config.feedForward === false) return;
    this.norm2 = config.sharedNorm && this.norm1 || makeNorm(config);
    this.feedForward = new FeedForward(config, { random, initial });
    this.outputNorm2 = outputNorm();
  }

  /** The layers, each with its norms. */
  override parts(): Parts {
    return {
      attention: this.attention,
      "norm1.norm": this.norm1,
      outputNorm1: this.outputNorm1,
      crossAttention: this.crossAttention,
      "crossNorm.norm": this.crossNorm,
      crossOutputNorm: this.crossOutputNorm,
      feedForward: this.feedForward,
      "norm2.norm": this.norm2,
      outputNorm2: this.outputNorm2,
    };
  }

  /**
   * x [B,T,C] → [B,T,C], or [B,1,C] with `lastOnly`.
   *
   * @throws {TypeError} if a memory is missing, or given to a block without cross-attention
   */
  forward(
    x: Tensor,
    input: BlockInput = {},
    context: ForwardContext = new ForwardContext(),
  ): Tensor {
    checkOptions("Block", input, INPUT);
    const { memory, memoryRows, scoreBias, addedValues, queryKeyPositions, prefix } = input;
    const other = memory ?? memoryRows?.keys;
    if ((this.crossAttention === undefined) !== (other === undefined)) {
      const [has, got] = [this.crossAttention ? "cross-" : "no cross-", other ?? "none"];
      throw new TypeError(`Block: it has ${has}attention, and as memory it got ${got}`);
    }
    // Hooks are called once a pass, and may keep what they see.
    if (!context.options.recomputeActivations || input.points) {
      return this.#compute(x, input, context);
    }
    const passes = [context, context.fork()];
    const given = [x, memory, scoreBias, addedValues, queryKeyPositions, prefix];
    const inputs = [
      ...given.filter((tensor) => tensor !== undefined),
      ...this.parameters(),
      ...addedTo(this),
    ];
    return recompute(() => this.#compute(x, input, passes.shift()!), inputs);
  }

  #compute(value: Tensor, input: BlockInput, context: ForwardContext): Tensor {
    const { points } = input;
    const x = visited(points, "hook_resid_pre", value);
    const { attend, cross, feed } = this.#halves(input, context);
    const pass = { context, points };
    const kept = (rows: Tensor) => input.lastOnly ? lastPosition(rows) : rows;
    const residual = kept(x);
    if (this.config.parallelResidual && feed) {
      const normed = normedAt(points, attend.normPoint, attend.norm, x);
      const other = this.config.sharedNorm
        ? kept(normed)
        : normedAt(points, feed.normPoint, feed.norm, residual);
      const sum = addLayer(addLayer(residual, normed, attend, pass), other, feed, pass);
      return visited(points, feed.residPoint, sum);
    }
    const attended = this.#apply(x, attend, pass, residual);
    const crossed = cross ? this.#apply(attended, cross, pass) : attended;
    return feed ? this.#apply(crossed, feed, pass) : crossed;
  }

  /** A half's result for x; `residual` are the rows of x that it is added to. */
  #apply(x: Tensor, half: Half, pass: Pass, residual: Tensor = x): Tensor {
    const { norm, normPoint, residPoint } = half;
    const { points } = pass;
    if (this.config.normPlacement === "post") {
      const sum = visited(points, residPoint, addLayer(residual, x, half, pass));
      return normedAt(points, normPoint, norm, sum);
    }
    const normed = normedAt(points, normPoint, norm, x);
    return visited(points, residPoint, addLayer(residual, normed, half, pass));
  }

  #halves(input: BlockInput, context: ForwardContext) {
    const { attention, feedForward, norm1, norm2, outputNorm1, outputNorm2 } = this;
    const { dropout, attentionOutputDropout = dropout } = this.config;
    const { lengths: keyLengths, cache, prefix, lastOnly } = input;
    const { scoreBias, addedValues, queryKeyPositions } = input;
    const weights = context.options.attentionWeights;
    const added = { scoreBias, addedValues, queryKeyPositions, lastOnly };
    const points = input.points?.within("attn");
    const mlp = input.points?.within("mlp");
    const options = { keyLengths, cache, ...added, prefix, weights, points };
    const attend: Half = {
      layer: (x, residual) => attention.forward(x, { ...options, residual }, context),
      norm: norm1,
      outputNorm: outputNorm1,
      bottleneck: this.bottlenecks?.attention,
      dropout: attentionOutputDropout,
      normPoint: "ln1",
      outPoint: "hook_attn_out",
      residPoint: feedForward || this.crossAttention ? "hook_resid_mid" : "hook_resid_post",
    };
    const feed: Half | undefined = feedForward && {
      layer: (x, residual) => feedForward.forward(x, residual, context, mlp),
      norm: norm2,
      outputNorm: outputNorm2,
      bottleneck: this.bottlenecks?.feedForward,
      dropout,
      normPoint: this.crossAttention ? "ln3" : "ln2",
      outPoint: "hook_mlp_out",
      residPoint: "hook_resid_post",
    };
    return { attend, cross: this.#cross(input, context), feed };
  }

  #cross(
    { memory, memoryRows, memoryLengths, points: all }: BlockInput,
    context: ForwardContext,
  ): Half | undefined {
    const { crossAttention, crossNorm, crossOutputNorm } = this;
    if (!crossAttention || !crossNorm) return undefined;
    const { dropout, attentionOutputDropout = dropout } = this.config;
    const weights = context.options.crossAttentionWeights;
    const points = all?.within("cross_attn");
    const given = { source: memory, sourceRows: memoryRows, keyLengths: memoryLengths };
    const options = { ...given, weights, points };
    return {
      layer: (x, residual) => crossAttention.forward(x, { ...options, residual }, context),
      norm: crossNorm,
      outputNorm: crossOutputNorm,
      bottleneck: undefined,
      dropout: attentionOutputDropout,
      normPoint: "ln2",
      outPoint: "hook_cross_attn_out",
      residPoint: this.feedForward ? "hook_resid_mid_cross" : "hook_resid_post",
    };
  }
}

/** A pass through a block. */
interface Pass {
  readonly context: ForwardContext;
  readonly points: Points | undefined;
}

/**
 * x + dropout(norm(bottleneck(layer(input)))); with the layer alone, its kernel adds x.
 */
function addLayer(x: Tensor, input: Tensor, half: Half, { context, points }: Pass): Tensor {
  const { layer, outputNorm, bottleneck, dropout, normPoint, outPoint } = half;
  const isAlone = !outputNorm && !bottleneck && !context.drops(dropout);
  if (isAlone && !points?.wants(outPoint)) return layer(input, x);
  const value = bottleneck?.forward(layer(input)) ?? layer(input);
  const normed = normedAt(points, `${normPoint}_post`, outputNorm, value);
  return add(x, visited(points, outPoint, context.dropout(normed, dropout)));
}

/** The parameters of adapters within a block: low-rank updates and bottlenecks. */
function addedTo(block: Block): Tensor[] {
  const layers = [...linearLayers(block).values()];
  const updates = layers.flatMap(({ updates }) => updates.flatMap(({ a, b }) => [a, b]));
  const bottlenecks = Object.values(block.bottlenecks ?? {});
  return [...updates, ...bottlenecks.flatMap((bottleneck) => bottleneck.parameters())];
}

/** Tensors [B,…], one for each block, as one: [B,L,…]. */
export function byLayer(tensors: readonly Tensor[]): Tensor {
  const rows = tensors.map((x) => x.view([x.shape[0], 1, ...x.shape.slice(1)]));
  return concatenate(rows, { axis: 1 });
}
