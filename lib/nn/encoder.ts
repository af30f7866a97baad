/**
 * Encoders of the BERT family: embeddings and blocks whose tokens attend in both directions.
 *
 * B batch, T time, C width. See sequence_classifier.ts for a head.
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
import { BLOCK_OPTIONS, blockConfig, type BlockConfigInput, pickFields } from "./block_config.ts";
import { expectWholeNumber } from "./config_checks.ts";
import { ForwardContext } from "./context.ts";
import { expectIds } from "./expect_ids.ts";
import type { InitialOptions } from "./initial_weights.ts";
import { Embedding, LayerNorm, makeNorm, type NormLayer } from "./layers.ts";
import { Module, ModuleList, type Parts } from "./module.ts";
import { sinusoidalPositions } from "./positions.ts";

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
  /** Dropout of the embeddings. Default: `dropout`. */
  embeddingDropout?: number;
}

/** Every field of an `EncoderConfig`. */
export const ENCODER_OPTIONS: OptionNames<EncoderConfig> = {
  vocabSize: true,
  contextLength: true,
  layers: true,
  tokenTypes: true,
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
  /** The token table, [V,C]. */
  readonly tokens: Embedding;
  /** The position table, [contextLength,C]; undefined unless positions are learned. */
  readonly positions: Embedding | undefined;
  /** The table of token types; undefined if there are none. */
  readonly tokenTypes: Embedding | undefined;
  /** The norm of the embeddings' sum. */
  readonly norm: LayerNorm;
  /** The blocks, first to last. */
  readonly blocks: ModuleList<Block>;
  /** The norm after the last block; undefined with post-norm. */
  readonly finalNorm: NormLayer | undefined;
  readonly #fixedPositions: Tensor | undefined;

  /**
   * Draws weights N(0, 0.02²). RangeError for an impossible configuration, such as heads that do
   * not divide the width.
   */
  constructor(readonly config: EncoderConfig, options: InitialOptions = {}) {
    super();
    checkOptions("Encoder", config, ENCODER_OPTIONS);
    checkOptions("Encoder", options, { random: true });
    const { random = new Random(0) } = options;
    const { vocabSize, contextLength, layers, tokenTypes = 0 } = config;
    for (const [name, value] of Object.entries({ vocabSize, contextLength, layers })) {
      expectWholeNumber(name, value);
    }
    const fields = pickFields<BlockConfigInput>(config, BLOCK_OPTIONS);
    const shared = blockConfig(fields, { normPlacement: "post" });
    const { width, positions, normPlacement, normEpsilon } = shared;
    const table = (rows: number) => new Embedding(rows, width, { random });
    this.tokens = table(vocabSize);
    if (positions === "learned") this.positions = table(contextLength);
    if (positions === "sinusoidal") {
      this.#fixedPositions = sinusoidalPositions(contextLength, width);
    }
    this.tokenTypes = tokenTypes > 0 ? table(tokenTypes) : undefined;
    this.norm = new LayerNorm(width, normEpsilon);
    this.blocks = new ModuleList(
      Array.from({ length: layers }, () => new Block(shared, { random })),
    );
    this.finalNorm = normPlacement === "post" ? undefined : makeNorm(shared);
  }

  /** `tokens`, `positions`, `token_types`, `norm`, `blocks` and `final_norm`. */
  override parts(): Parts {
    const { tokens, positions, tokenTypes, norm, blocks, finalNorm } = this;
    return { tokens, positions, token_types: tokenTypes, norm, blocks, final_norm: finalNorm };
  }

  /**
   * ids i32 [B,T] → [B,T,C]; its value at padding is undefined. RangeError beyond the context
   * length, TypeError for types that do not fit.
   */
  forward(
    ids: Tensor,
    { lengths, types }: EncoderInput = {},
    context: ForwardContext = new ForwardContext(),
  ): Tensor {
    const { contextLength, dropout = 0, embeddingDropout = dropout } = this.config;
    expectIds("Encoder", ids, contextLength);
    const positions = this.positions?.weight ?? this.#fixedPositions;
    const tokens = embedding(this.tokens.weight, ids, { positions });
    const typed = this.#types(ids, types);
    const sum = this.norm.forward(typed ? add(tokens, typed) : tokens);
    let x = context.dropout(sum, embeddingDropout);
    for (const block of this.blocks.items) x = block.forward(x, { lengths }, context);
    return this.finalNorm?.forward(x) ?? x;
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
