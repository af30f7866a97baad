/**
 * One side of an encoder–decoder: embeddings, blocks, and the norm after them.
 *
 * B batch, T time, S time of the other side, C width. See transformer.ts for both sides together.
 *
 * @module
 */
import { add, mul } from "../ops/binary.ts";
import { embedding } from "../ops/embedding.ts";
import { slice } from "../ops/slice.ts";
import type { Random } from "../random.ts";
import { type Tensor, zeros } from "../tensor/tensor.ts";
import type { SourceRows } from "./attention.ts";
import { Block } from "./block.ts";
import type { ForwardContext } from "./context.ts";
import { expectIdTensor } from "./expect_id_tensor.ts";
import { sameWeights } from "./initial_weights.ts";
import { normal, varianceScaling } from "./initializers.ts";
import { Embedding, makeNorm, type NormLayer } from "./layers.ts";
import { Module, ModuleList, type Parts } from "./module.ts";
import { normedAt, type Points, pointsOf } from "./points.ts";
import { sinusoidalPositions } from "./positions.ts";
import { RelativePositions } from "./relative_positions.ts";
import { transformerBlocks, type TransformerConfig } from "./transformer_config.ts";
import { rowNumbers } from "./virtual_tokens.ts";

/** What distinguishes the sides of an encoder–decoder. */
export interface TransformerSide {
  /** The token table. */
  readonly tokens: Embedding;
  /** Number of blocks. */
  readonly layers: number;
  /** Whether it writes: its tokens see those before them, and the other side's. */
  readonly isDecoder: boolean;
  /** Where the initial weights are drawn from. */
  readonly random: Random;
}

/** Sequences of one side, and the other's value. */
export interface StackInput {
  /** i32 [B]: hide the positions of sequence b from lengths[b] on. Default: none. */
  readonly lengths?: Tensor;
  /** The encoder's value, [B,S,C], for a decoder only. */
  readonly memory?: Tensor;
  /** What `memoryRows` makes of the memory, instead of it. Default: none. */
  readonly memoryRows?: readonly SourceRows[];
  /** i32 [B]: hide the memory of sequence b from memoryLengths[b] on. Default: none. */
  readonly memoryLengths?: Tensor;
  /**
   * With a cache and relative positions, the bias of the next token to those in the cache,
   * [B,H,1,S]. Default: none.
   */
  readonly nextBias?: Tensor;
}

/** The encoder or the decoder of a `Transformer`: ids i32 [B,T] → [B,T,C]. */
export class TransformerStack extends Module {
  /** The token table, [vocabulary, C]; the other side's with `sharedTokens`. */
  readonly tokens: Embedding;
  /** The position table, [contextLength, C]; undefined unless positions are learned. */
  readonly positions: Embedding | undefined;
  /** The bias of the scores; undefined unless positions are relative. */
  readonly relativePositions: RelativePositions | undefined;
  /** The norm of the embeddings; undefined unless `embeddingNorm`. */
  readonly embeddingNorm: NormLayer | undefined;
  /** The blocks, first to last. */
  readonly blocks: ModuleList<Block>;
  /** The norm after the last block; undefined with post-norm. */
  readonly norm: NormLayer | undefined;
  readonly #config: TransformerConfig;
  readonly #fixedPositions: Tensor | undefined;

  /**
   * Draws the initial weights.
   *
   * @throws {RangeError} if the configuration is impossible
   */
  constructor(config: TransformerConfig, { tokens, layers, isDecoder, random }: TransformerSide) {
    super();
    this.#config = config;
    this.tokens = tokens;
    const shared = transformerBlocks(config);
    const { contextLength, width, positions = "sinusoidal" } = config;
    if (positions === "sinusoidal") {
      this.#fixedPositions = sinusoidalPositions(contextLength, width);
    } else if (positions === "learned") {
      this.positions = new Embedding(contextLength, width, { initializer: normal(1), random });
    } else {
      const { heads, relativeBuckets: buckets, relativeDistance: maxDistance } = config;
      const options = { heads, buckets, maxDistance, bidirectional: !isDecoder, random };
      this.relativePositions = new RelativePositions(options);
    }
    if (config.embeddingNorm) this.embeddingNorm = makeNorm(shared);
    const glorot = varianceScaling({ mode: "fan_avg", distribution: "uniform" });
    const drawn = { random, initial: sameWeights(glorot) };
    const options = isDecoder ? { ...drawn, causal: true, crossAttention: true } : drawn;
    const blocks = Array.from({ length: layers }, () => new Block(shared, options));
    this.blocks = new ModuleList(blocks);
    if (shared.normPlacement !== "post") this.norm = makeNorm(shared);
  }

  /** The tables, the norms and the blocks, without those that the configuration omits. */
  override parts(): Parts {
    const { tokens, positions, relativePositions, embeddingNorm, blocks, norm } = this;
    return {
      tokens,
      positions,
      relative_positions: relativePositions,
      embedding_norm: embeddingNorm,
      blocks,
      norm,
    };
  }

  /**
   * ids i32 [B,T] → [B,T,C].
   *
   * @throws {RangeError} beyond the context length
   */
  forward(
    ids: Tensor,
    { memoryRows, nextBias, ...input }: StackInput,
    context: ForwardContext,
  ): Tensor {
    const { outputDropout = 0 } = this.#config;
    const [, time] = ids.shape;
    const points = pointsOf(this);
    if (points && context.options.cache) {
      throw new Error("Transformer: hooks need a pass without a cache");
    }
    let x = this.#embed(ids, points, context);
    const scoreBias = nextBias ?? this.relativePositions?.forward(time, time);
    for (const [layer, block] of this.blocks.items.entries()) {
      const cache = context.cacheOf(layer);
      const given = { ...input, memoryRows: memoryRows?.[layer], scoreBias, cache };
      const own = { ...given, points: points?.within(`blocks.${layer}`) };
      x = block.forward(x, own, context);
    }
    return context.dropout(normedAt(points, "ln_final", this.norm, x), outputDropout);
  }

  /** Keys and values of the memory [B,S,C] in each block's cross-attention. */
  memoryRows(memory: Tensor): SourceRows[] {
    return this.blocks.items.map(({ crossAttention }) => crossAttention!.sourceRows(memory));
  }

  #embed(ids: Tensor, points: Points | undefined, context: ForwardContext): Tensor {
    const { contextLength, dropout = 0, embeddingDropout = dropout } = this.#config;
    const side = this.blocks.items[0].crossAttention ? "target ids" : "source ids";
    expectIdTensor("Transformer", ids, contextLength, side);
    const x = points?.wants("hook_embed", "hook_pos_embed")
      ? this.#positionedAt(points, ids)
      : this.#positioned(ids, context.options.cache?.position);
    return context.dropout(normedAt(points, "ln_embed", this.embeddingNorm, x), embeddingDropout);
  }

  /** `#positioned` with the points `hook_embed` and `hook_pos_embed`. */
  #positionedAt(points: Points, ids: Tensor): Tensor {
    const { embeddingScale = 1 } = this.#config;
    const tokens = embedding(this.tokens.weight, ids);
    const scaled = embeddingScale === 1 ? tokens : mul(tokens, embeddingScale);
    const embedded = points.visit("hook_embed", scaled);
    const positions = this.positions?.weight ?? this.#fixedPositions;
    if (!positions) return embedded;
    const [batch, time] = ids.shape;
    const placed = embedding(positions, rowNumbers(batch, time, ids));
    return add(embedded, points.visit("hook_pos_embed", placed));
  }

  /** scale·tokens + positions, which begin at `offset`, i32 [1] or [B]. */
  #positioned(ids: Tensor, offset: Tensor | undefined): Tensor {
    const { embeddingScale = 1 } = this.#config;
    const { weight } = this.tokens;
    const positions = this.positions?.weight ?? this.#fixedPositions;
    if (embeddingScale === 1) return embedding(weight, ids, { positions, offset });
    const tokens = mul(embedding(weight, ids), embeddingScale);
    if (!positions) return tokens;
    const [, time] = ids.shape;
    if (!offset) return add(tokens, slice(positions, { axis: 0, end: time }));
    const none = zeros([1, positions.shape[1]], { device: ids.device });
    const first = zeros(ids.shape, { dtype: "i32", device: ids.device });
    return add(tokens, embedding(none, first, { positions, offset }));
  }
}
