/**
 * Encoders of the BERT family, and the classification of sequences with them.
 *
 * B batch, T time, C width, N labels. Tokenizing texts and naming labels are left to lib/hub.
 *
 * @module
 */
import { formatShape, sameShape } from "../shape.ts";
import { Random } from "../random.ts";
import { add } from "../ops/binary.ts";
import { crossEntropy } from "../ops/cross_entropy.ts";
import { embedding } from "../ops/embedding.ts";
import { reshape } from "../ops/reshape.ts";
import { slice } from "../ops/slice.ts";
import { type Tensor, zeros } from "../tensor/tensor.ts";
import { type Activation, relu } from "../ops/activation.ts";
import { tanh } from "../ops/unary.ts";
import { EncoderBlock } from "./encoder_block.ts";
import { normal } from "./initializers.ts";
import { Embedding, LayerNorm, Linear } from "./layers.ts";
import { Module, ModuleList, type Parts } from "./module.ts";

/** Sizes and choices of an `Encoder`. */
export interface EncoderConfig {
  /** V, the number of token ids. */
  readonly vocabSize: number;
  /** The longest sequence, in tokens. */
  readonly contextLength: number;
  /** Number of blocks. */
  readonly layers: number;
  /** H; it divides the width. */
  readonly heads: number;
  /** C. */
  readonly width: number;
  /** The feed-forward's inner size. */
  readonly hidden: number;
  /** The feed-forward's non-linearity. */
  readonly activation: Activation;
  /** Added to the variance under the root. */
  readonly normEpsilon: number;
  /**
   * Kinds of tokens, such as those of a first and a second sentence; 0 where they are not told
   * apart, as in DistilBERT.
   */
  readonly tokenTypes: number;
}

/** An encoder with a head. */
export interface SequenceClassifierConfig extends EncoderConfig {
  /** What follows the first dense layer: BERT's tanh or DistilBERT's ReLU. */
  readonly poolerActivation: "tanh" | "relu";
  /** Names of the classes, N of them. */
  readonly labels: readonly string[];
}

/** What is known of a batch besides its ids. */
export interface EncoderInput {
  /**
   * i32 [B]: what stands in sequence b from lengths[b] on is padding and is hidden. Default:
   * nothing is.
   */
  readonly lengths?: Tensor;
  /** i32 [B,T], the kind of each token. Default: 0 for all. */
  readonly types?: Tensor;
}

/**
 * norm(token + place + kind), then blocks that look in both directions: ids i32 [B,T] → [B,T,C].
 * Source: Devlin et al., arXiv 1810.04805.
 */
export class Encoder extends Module {
  /** The token table, [V,C]. */
  readonly tokens: Embedding;
  /** The position table, [contextLength,C]. */
  readonly positions: Embedding;
  /** The table of kinds; undefined where they are not told apart. */
  readonly tokenTypes: Embedding | undefined;
  /** Of the sum of the tables' rows. */
  readonly norm: LayerNorm;
  /** First to last. */
  readonly blocks: ModuleList<EncoderBlock>;

  /**
   * Draws weights N(0, 0.02²) from `random`, default `new Random(0)`. RangeError when the heads do
   * not divide the width.
   */
  constructor(readonly config: EncoderConfig, random: Random = new Random(0)) {
    super();
    const { vocabSize, contextLength, width, layers, tokenTypes, normEpsilon } = config;
    const table = (rows: number) => new Embedding(rows, width, normal(), random);
    this.tokens = table(vocabSize);
    this.positions = table(contextLength);
    this.tokenTypes = tokenTypes > 0 ? table(tokenTypes) : undefined;
    this.norm = new LayerNorm(width, normEpsilon);
    const { heads, hidden, activation } = config;
    const options = {
      heads,
      hidden,
      activation,
      epsilon: normEpsilon,
      initializer: normal(),
      random,
    };
    this.blocks = new ModuleList(
      Array.from({ length: layers }, () => new EncoderBlock(width, options)),
    );
  }

  /** `tokens`, `positions`, `token_types`, `norm` and `blocks`. */
  override parts(): Parts {
    const { tokens, positions, tokenTypes, norm, blocks } = this;
    return { tokens, positions, token_types: tokenTypes, norm, blocks };
  }

  /**
   * ids i32 [B,T] → [B,T,C]; what it gives at padding means nothing. RangeError beyond the context
   * length, TypeError for types that do not fit.
   */
  forward(ids: Tensor, { lengths, types }: EncoderInput = {}): Tensor {
    const { contextLength } = this.config;
    if (ids.shape.length !== 2 || ids.shape[1] > contextLength) {
      throw new RangeError(
        `Encoder: expected ids [B,T] with T of at most ${contextLength}, the context length; got ${ids}`,
      );
    }
    let x = embedding(this.tokens.weight, ids, { positions: this.positions.weight });
    const kinds = this.#kinds(ids, types);
    if (kinds) x = add(x, kinds);
    x = this.norm.forward(x);
    for (const block of this.blocks.items) x = block.forward(x, { lengths });
    return x;
  }

  #kinds(ids: Tensor, types: Tensor | undefined): Tensor | undefined {
    if (types && !sameShape(types.shape, ids.shape)) {
      throw new TypeError(`Encoder: expected types ${formatShape(ids.shape)}, got ${types}`);
    }
    return this.tokenTypes?.forward(
      types ?? zeros(ids.shape, { dtype: "i32", device: ids.device }),
    );
  }
}

/**
 * An encoder whose first token says which class a sequence is of: ids i32 [B,T] → logits [B,N].
 *
 * The head is dense, tanh or ReLU, dense. Source: Devlin et al., arXiv 1810.04805; Sanh et al.,
 * arXiv 1910.01108.
 *
 * ```ts
 * import { openDevice, padSequences, SequenceClassifier } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const model = new SequenceClassifier({
 *   vocabSize: 9, contextLength: 8, layers: 1, heads: 2, width: 8, hidden: 16, activation: "gelu",
 *   normEpsilon: 1e-12, tokenTypes: 0, poolerActivation: "relu", labels: ["NEGATIVE", "POSITIVE"],
 * });
 * const { ids, lengths } = padSequences([[1, 5, 6, 2], [1, 7, 2]]);
 * console.log(`${model.forward(ids, { lengths })}`); // f32 [2,2]
 * device.close();
 * ```
 */
export class SequenceClassifier extends Module {
  /** What reads the sequence. */
  readonly encoder: Encoder;
  /** C → C, before the activation. */
  readonly pooler: Linear;
  /** C → N. */
  readonly classifier: Linear;

  /**
   * Draws weights N(0, 0.02²) from `random`, default `new Random(0)`. RangeError when the heads do
   * not divide the width.
   */
  constructor(readonly config: SequenceClassifierConfig, random: Random = new Random(0)) {
    super();
    const { width, labels } = config;
    this.encoder = new Encoder(config, random);
    this.pooler = new Linear(width, width, { random });
    this.classifier = new Linear(width, labels.length, { random });
  }

  /** `encoder`, `pooler` and `classifier`. */
  override parts(): Parts {
    const { encoder, pooler, classifier } = this;
    return { encoder, pooler, classifier };
  }

  /** ids i32 [B,T] → logits [B,N]. RangeError beyond the context length. */
  forward(ids: Tensor, input: EncoderInput = {}): Tensor {
    return this.logits(this.encoder.forward(ids, input));
  }

  /** The head: the encoder's value [B,T,C] → [B,N]. */
  logits(encoded: Tensor): Tensor {
    const [batch, , width] = encoded.shape;
    const first = reshape(slice(encoded, { axis: 1, end: 1 }), [batch, width]);
    const dense = this.pooler.forward(first);
    const pooled = this.config.poolerActivation === "tanh" ? tanh(dense) : relu(dense);
    return this.classifier.forward(pooled);
  }

  /** The mean cross-entropy, in nats, of `labels` i32 [B], indices of the config's labels. */
  loss(ids: Tensor, labels: Tensor, input: EncoderInput = {}): Tensor {
    return crossEntropy(this.forward(ids, input), labels);
  }
}
