/**
 * Encoders: embeddings and blocks whose tokens attend in both directions, as in BERT, RoBERTa,
 * MPNet, ALBERT and ModernBERT.
 *
 * B batch, T time, C width, E width of the embeddings. See sequence_classifier.ts and
 * masked_language_model.ts for heads, pool.ts for a vector of the whole sequence.
 *
 * @module
 */
import { formatShape, sameShape } from "../shape.ts";
import { Random } from "../random.ts";
import { add } from "../ops/binary.ts";
import { embedding } from "../ops/embedding.ts";
import { checkOptions, type OptionNames } from "../options.ts";
import { type Tensor, zeros } from "../tensor/tensor.ts";
import { Block } from "./block.ts";
import {
  BLOCK_OPTIONS,
  type BlockConfig,
  blockConfig,
  type BlockConfigInput,
  pickFields,
} from "./block_config.ts";
import { expectDivides, expectWholeNumber } from "./config_checks.ts";
import { ForwardContext } from "./context.ts";
import { expectIdTensor } from "./expect_id_tensor.ts";
import type { InitialOptions } from "./initial_weights.ts";
import { Embedding, LayerNorm, Linear, makeNorm, type NormLayer } from "./layers.ts";
import { Module, ModuleList, type Parts } from "./module.ts";
import { normedAt, type Points, pointsOf, visited } from "./points.ts";
import { sinusoidalPositions } from "./positions.ts";
import { RelativePositions } from "./relative_positions.ts";
import { rowNumbers } from "./virtual_tokens.ts";

/** Sizes and choices of an `Encoder`: those of its blocks, post-norm by default, and its own. */
export interface EncoderConfig extends BlockConfigInput {
  /** V, the number of token ids. */
  vocabSize: number;
  /** The longest sequence, in tokens. */
  contextLength: number;
  /** L, the number of blocks. */
  layers: number;
  /** Number of token types (segment embeddings); 0 for none, as in DistilBERT. Default: 0. */
  tokenTypes?: number;
  /**
   * E, the size of the embeddings, which a linear layer maps to the width, as in ALBERT. Default:
   * the width, without such a layer.
   */
  embeddingWidth?: number;
  /** Blocks with own weights, each for layers / layerGroups layers in a row. Default: `layers`. */
  layerGroups?: number;
  /**
   * For each layer, the distance from which on tokens are hidden (a window on both sides);
   * undefined hides none. Default: none.
   */
  window?: readonly (number | undefined)[];
  /** `rotaryBase` of the layers with a window. Default: `rotaryBase`. */
  windowRotaryBase?: number;
  /**
   * Ranges of distances of a learned bias of the attention scores, which all layers share, as in
   * MPNet. Default: no such bias.
   */
  relativeBuckets?: number;
  /** Normalize before the first layer's attention; false in ModernBERT. Default: true. */
  firstNorm?: boolean;
  /** Dropout of the embeddings. Default: `dropout`. */
  embeddingDropout?: number;
}

/** Every field of an `EncoderConfig`. */
export const ENCODER_OPTIONS: OptionNames<EncoderConfig> = {
  vocabSize: true,
  contextLength: true,
  layers: true,
  tokenTypes: true,
  embeddingWidth: true,
  layerGroups: true,
  window: true,
  windowRotaryBase: true,
  relativeBuckets: true,
  firstNorm: true,
  ...BLOCK_OPTIONS,
  embeddingDropout: true,
};

/** Inputs of an encoder besides a batch's ids. */
export interface EncoderInput {
  /** i32 [B]: hide the positions of sequence b from lengths[b] on, its padding. Default: none. */
  readonly lengths?: Tensor;
  /** i32 [B,T], the type of each token. Default: 0 for all. */
  readonly types?: Tensor;
}

/**
 * norm(token + position + token type), then blocks that attend in both directions: ids i32 [B,T] →
 * [B,T,C]. Source: Devlin et al., arXiv 1810.04805.
 */
export class Encoder extends Module {
  /** The token table, [V,E]. */
  readonly tokens: Embedding;
  /** The position table, [contextLength,E]; undefined unless positions are learned. */
  readonly positions: Embedding | undefined;
  /** The table of token types; undefined if there are none. */
  readonly tokenTypes: Embedding | undefined;
  /** The norm of the embeddings' sum. */
  readonly norm: LayerNorm;
  /** E → C; undefined without `embeddingWidth`. */
  readonly embeddingProjection: Linear | undefined;
  /** The bias of the attention scores; undefined without `relativeBuckets`. */
  readonly relativePositions: RelativePositions | undefined;
  /** The blocks with own weights, first to last. */
  readonly blocks: ModuleList<Block>;
  /** The norm after the last block; undefined with post-norm. */
  readonly finalNorm: NormLayer | undefined;
  readonly #fixedPositions: Tensor | undefined;

  /**
   * Draws weights N(0, 0.02²).
   *
   * @throws {RangeError} if the configuration is impossible, such as heads that do not divide the
   *   width
   */
  constructor(readonly config: EncoderConfig, options: InitialOptions = {}) {
    super();
    checkOptions("Encoder", config, ENCODER_OPTIONS);
    checkOptions("Encoder", options, { random: true });
    const { random = new Random(0) } = options;
    const { vocabSize, contextLength, layers, tokenTypes = 0 } = config;
    const { layerGroups = layers } = config;
    const shared = encoderBlocks(config);
    const { width, positions, normPlacement, normEpsilon, normGain, normBias } = shared;
    const { embeddingWidth: size = width } = config;
    const table = (rows: number) => new Embedding(rows, size, { random });
    this.tokens = table(vocabSize);
    if (positions === "learned") this.positions = table(contextLength);
    if (positions === "sinusoidal") {
      this.#fixedPositions = sinusoidalPositions(contextLength, size);
    }
    this.tokenTypes = tokenTypes > 0 ? table(tokenTypes) : undefined;
    this.norm = new LayerNorm(size, normEpsilon, { gain: normGain, bias: normBias });
    if (config.embeddingWidth) this.embeddingProjection = new Linear(size, width, { random });
    const { heads, relativeBuckets: buckets } = config;
    if (buckets) {
      const options = { heads, buckets, bidirectional: true, random };
      this.relativePositions = new RelativePositions(options);
    }
    const blocks = Array.from(
      { length: layerGroups },
      (_, layer) => encoderBlock(config, shared, { layer, random }),
    );
    this.blocks = new ModuleList(blocks);
    this.finalNorm = normPlacement === "post" ? undefined : makeNorm(shared);
  }

  /**
   * `tokens`, `positions`, `token_types`, `norm`, `embedding_projection`, `relative_positions`,
   * `blocks` and `final_norm`, without those that the configuration omits.
   */
  override parts(): Parts {
    const { tokens, positions, tokenTypes, norm, embeddingProjection, blocks, finalNorm } = this;
    const { relativePositions } = this;
    return {
      tokens,
      positions,
      token_types: tokenTypes,
      norm,
      embedding_projection: embeddingProjection,
      relative_positions: relativePositions,
      blocks,
      final_norm: finalNorm,
    };
  }

  /**
   * ids i32 [B,T] → [B,T,C]; its value at padding is undefined.
   *
   * @throws {RangeError} if a sequence exceeds the context length
   * @throws {TypeError} if the types do not fit the ids
   */
  forward(
    ids: Tensor,
    { lengths, types }: EncoderInput = {},
    context: ForwardContext = new ForwardContext(),
  ): Tensor {
    const { contextLength, layers, dropout = 0, embeddingDropout = dropout } = this.config;
    expectIdTensor("Encoder", ids, contextLength);
    const points = pointsOf(this);
    const tokens = this.#placed(ids, points);
    const typed = this.#types(ids, types);
    const all = typed ? add(tokens, visited(points, "hook_token_type_embed", typed)) : tokens;
    const sum = normedAt(points, "ln_embed", this.norm, all);
    const embedded = context.dropout(sum, embeddingDropout);
    let x = this.embeddingProjection?.forward(embedded) ?? embedded;
    const { items } = this.blocks;
    const [, time] = ids.shape;
    const scoreBias = this.relativePositions?.forward(time, time);
    for (let layer = 0; layer < layers; layer++) {
      const block = items[Math.floor(layer * items.length / layers)];
      const own = points?.within(`blocks.${layer}`);
      x = block.forward(x, { lengths, scoreBias, points: own }, context);
    }
    return normedAt(points, "ln_final", this.finalNorm, x);
  }

  /** token + position: ids i32 [B,T] → [B,T,E]. */
  #placed(ids: Tensor, points: Points | undefined): Tensor {
    const positions = this.positions?.weight ?? this.#fixedPositions;
    const { weight } = this.tokens;
    if (!points?.wants("hook_embed", "hook_pos_embed")) {
      return embedding(weight, ids, { positions });
    }
    const tokens = points.visit("hook_embed", embedding(weight, ids));
    if (!positions) return tokens;
    const [batch, time] = ids.shape;
    const placed = embedding(positions, rowNumbers(batch, time, ids));
    return add(tokens, points.visit("hook_pos_embed", placed));
  }

  #types(ids: Tensor, types: Tensor | undefined): Tensor | undefined {
    if (types && !sameShape(types.shape, ids.shape)) {
      throw new TypeError(`Encoder: expected types ${formatShape(ids.shape)}, got ${types}`);
    }
    return this.tokenTypes?.forward(
      types ?? zeros(ids.shape, { dtype: "i32", device: ids.device }),
    );
  }
}

/**
 * The configuration that an encoder's blocks share, post-norm by default, and checks of the
 * encoder's own fields.
 *
 * @throws {RangeError} if a field is impossible
 */
export function encoderBlocks(config: EncoderConfig): BlockConfig {
  const shared = blockConfig(pickFields<BlockConfigInput>(config, BLOCK_OPTIONS), {
    normPlacement: "post",
  });
  if (shared.positions === "shortformer") {
    throw new RangeError("model: positions shortformer are for a GPT, got an encoder");
  }
  const { layers, layerGroups = layers, window } = config;
  for (const name of ["vocabSize", "contextLength", "layers"] as const) {
    expectWholeNumber(name, config[name]);
  }
  expectDivides("layerGroups", layerGroups, "layers", layers);
  if (!window) return shared;
  if (window.length !== layers || layerGroups !== layers) {
    throw new RangeError(
      `model: window needs one entry for each of ${layers} layers with own weights, got ${window.length} for ${layerGroups}`,
    );
  }
  return shared;
}

/** The block of one layer: its window, and the rotary base that goes with it. */
function encoderBlock(
  { window: windows, windowRotaryBase, firstNorm = true }: EncoderConfig,
  shared: BlockConfig,
  { layer, random }: { layer: number; random: Random },
): Block {
  const window = windows?.[layer];
  const own = window === undefined || windowRotaryBase === undefined
    ? shared
    : { ...shared, rotaryBase: windowRotaryBase };
  return new Block(own, { window, attentionNorm: firstNorm || layer > 0, random });
}
