/**
 * The initial weights of a decoder, kind by kind: GPT-2's, and those scaled by each product's
 * width.
 *
 * Biases start at 0 and gains at 1 whatever is chosen here. The distributions are in
 * initializers.ts.
 *
 * @module
 */
import { type Initializer, normal, varianceScaling } from "./initializers.ts";

/** How each kind of weight of a decoder is drawn. */
export interface InitialWeights {
  /** The token table, [V,C]. */
  readonly tokens: Initializer;
  /** The table of learned positions, [T,C]. */
  readonly positions: Initializer;
  /** Queries, keys and values, [C, …]. */
  readonly queryKeyValue: Initializer;
  /** What attention ends with, [C,C]. */
  readonly attentionProjection: Initializer;
  /** What the feed-forward begins with, its gate too: [C,hidden]. */
  readonly up: Initializer;
  /** What the feed-forward ends with, [hidden,C]. */
  readonly down: Initializer;
  /** A head of its own, [V,C]. */
  readonly head: Initializer;
}

/**
 * N(0, 0.02²), and what ends a block's half divided by √(2·layers). Source: Radford et al. 2019,
 * section 2.3.
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
 * Variances that fall with a product's inputs n, cut at two deviations: 0.5/n in attention, 0.25/n
 * in the feed-forward, 1/n in the head (LeCun's); the tables are N(0, 1/C). For blocks that
 * normalize after each residual.
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
