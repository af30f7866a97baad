/**
 * The initial weights of a transformer, by kind of matrix: GPT-2's, variance scaling by each
 * matrix's inputs, one distribution for all, and projections that start at 0.
 *
 * Biases always start at 0 and gains at 1. See initializers.ts for the distributions.
 *
 * @module
 */
import type { Random } from "../random.ts";
import { constant, type Initializer, normal, varianceScaling } from "./initializers.ts";

/** Initializers of the matrices of a block. */
export interface BlockWeights {
  /** Queries, keys and values, [C, …]. */
  readonly queryKeyValue: Initializer;
  /** Attention's output projection, [H·D,C]. */
  readonly attentionProjection: Initializer;
  /** The feed-forward's first matrix and its gate, [C,hidden]. */
  readonly up: Initializer;
  /** The feed-forward's last matrix, [hidden,C]. */
  readonly down: Initializer;
}

/** Initializers of the matrices of a decoder. */
export interface InitialWeights extends BlockWeights {
  /** The token table, [V,C]. */
  readonly tokens: Initializer;
  /** The table of learned positions, [T,C]. */
  readonly positions: Initializer;
  /** An untied head, [V,C]. */
  readonly head: Initializer;
  /** The tables of value embeddings, [V, Hkv·D]. Default: as the token table. */
  readonly valueEmbeddings?: Initializer;
}

/** Options of every model: the source of its initial weights. */
export interface InitialOptions {
  /** The random stream that weights are drawn from. Default: `new Random(0)`. */
  random?: Random;
}

/** Every matrix of a block drawn by the same initializer. */
export function sameWeights(initializer: Initializer): BlockWeights {
  return {
    queryKeyValue: initializer,
    attentionProjection: initializer,
    up: initializer,
    down: initializer,
  };
}

/**
 * N(0, 0.02²), and the projections into the residual stream divided by √(2·layers). Source: Radford
 * et al. 2019, section 2.3.
 */
export function gpt2Weights(layers: number): InitialWeights {
  const plain = normal();
  const residual = normal(0.02 / Math.sqrt(2 * layers));
  return {
    tokens: plain,
    positions: plain,
    queryKeyValue: plain,
    attentionProjection: residual,
    up: plain,
    down: residual,
    head: plain,
  };
}

/**
 * Normals truncated at two deviations, of variance 0.5/n in attention, 0.25/n in the feed-forward
 * and 1/n in the head (LeCun's), n a matrix's inputs; the tables are N(0, 1/C). For post-norm
 * blocks.
 */
export function varianceScaledWeights(): InitialWeights {
  const attention = varianceScaling({ scale: 0.5 });
  const feedForward = varianceScaling({ scale: 0.25 });
  // Tables and the head are stored as [rows, C], so that C counts as outputs.
  const table = varianceScaling({ mode: "fan_out", distribution: "normal" });
  return {
    tokens: table,
    positions: table,
    queryKeyValue: attention,
    attentionProjection: attention,
    up: feedForward,
    down: feedForward,
    head: varianceScaling({ mode: "fan_out" }),
  };
}

/**
 * Projections into the residual stream and the head start at 0, so that a new model predicts every
 * token alike and each block passes its input on; other matrices of blocks are N(0, 0.25/n), n
 * their inputs, and the tables N(0, 0.5²). For `Muon`. Source of the zero head: Yang et al., arXiv
 * 2203.03466.
 */
export function zeroProjectionWeights(): InitialWeights {
  const zero = constant(0);
  const inner = varianceScaling({ scale: 0.25, distribution: "normal" });
  const table = normal(0.5);
  return {
    tokens: table,
    positions: table,
    queryKeyValue: inner,
    attentionProjection: zero,
    up: inner,
    down: zero,
    head: zero,
    valueEmbeddings: zero,
  };
}
