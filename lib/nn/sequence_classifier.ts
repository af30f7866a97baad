/**
 * The classification of sequences by an encoder, as BERT and DistilBERT do it.
 *
 * B batch, T time, C width, N labels. See encoder.ts for the encoder, lib/hub for published models
 * and texts.
 *
 * @module
 */
import { describe } from "../errors.ts";
import { Random } from "../random.ts";
import { crossEntropy } from "../ops/cross_entropy.ts";
import { reshape } from "../ops/reshape.ts";
import { slice } from "../ops/slice.ts";
import { checkOptions, type OptionNames } from "../options.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { relu } from "../ops/activation.ts";
import { tanh } from "../ops/unary.ts";
import { pickFields } from "./block_config.ts";
import { ForwardContext } from "./context.ts";
import { Encoder, ENCODER_OPTIONS, type EncoderConfig, type EncoderInput } from "./encoder.ts";
import type { InitialOptions } from "./initial_weights.ts";
import { Linear } from "./layers.ts";
import { Module, type Parts } from "./module.ts";

/** An encoder with a head. */
export interface SequenceClassifierConfig extends EncoderConfig {
  /** Activation after the head's first dense layer: BERT's tanh or DistilBERT's ReLU. */
  poolerActivation: "tanh" | "relu";
  /** Names of the classes, N of them. */
  labels: readonly string[];
  /** Dropout before the last layer. Default: `dropout`. */
  classifierDropout?: number;
}

const OPTIONS: OptionNames<SequenceClassifierConfig> = {
  ...ENCODER_OPTIONS,
  poolerActivation: true,
  labels: true,
  classifierDropout: true,
};

/**
 * W₂·activation(W₁·x₀ + b₁) + b₂, x₀ the encoder's value at the first token: ids i32 [B,T] → logits
 * [B,N].
 *
 * Source: Devlin et al., arXiv 1810.04805; Sanh et al., arXiv 1910.01108.
 *
 * ```ts
 * import { openDevice, padSequences, SequenceClassifier } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const model = new SequenceClassifier({
 *   vocabSize: 9, contextLength: 8, layers: 1, heads: 2, width: 8,
 *   poolerActivation: "tanh", labels: ["NEGATIVE", "POSITIVE"],
 * });
 * const { ids, lengths } = padSequences([[1, 5, 6, 2], [1, 7, 2]]);
 * console.log(`${model.forward(ids, { lengths })}`); // f32 [2,2]
 * device.close();
 * ```
 */
export class SequenceClassifier extends Module {
  /** Reads the sequence. */
  readonly encoder: Encoder;
  /** C → C, before the activation. */
  readonly pooler: Linear;
  /** C → N. */
  readonly classifier: Linear;

  /**
   * Draws weights N(0, 0.02²).
   *
   * @throws {TypeError} if `labels` is not an array
   * @throws {RangeError} for an impossible configuration, such as heads that do not divide the width
   */
  constructor(readonly config: SequenceClassifierConfig, options: InitialOptions = {}) {
    super();
    checkOptions("SequenceClassifier", config, OPTIONS);
    checkOptions("SequenceClassifier", options, { random: true });
    const { width, labels } = config;
    const { random = new Random(0) } = options;
    if (!Array.isArray(labels) || labels.length === 0) {
      throw new TypeError(
        `SequenceClassifier: expected labels, the names of the classes, got ${describe(labels)}`,
      );
    }
    this.encoder = new Encoder(pickFields(config, ENCODER_OPTIONS), { random });
    this.pooler = new Linear(width, width, { random });
    this.classifier = new Linear(width, labels.length, { random });
  }

  /** `encoder`, `pooler` and `classifier`. */
  override parts(): Parts {
    const { encoder, pooler, classifier } = this;
    return { encoder, pooler, classifier };
  }

  /** ids i32 [B,T] → logits [B,N]. RangeError beyond the context length. */
  forward(
    ids: Tensor,
    input: EncoderInput = {},
    context: ForwardContext = new ForwardContext(),
  ): Tensor {
    return this.logits(this.encoder.forward(ids, input, context), context);
  }

  /** The head: the encoder's value [B,T,C] → [B,N]. */
  logits(encoded: Tensor, context: ForwardContext = new ForwardContext()): Tensor {
    const { poolerActivation, dropout = 0, classifierDropout = dropout } = this.config;
    const [batch, , width] = encoded.shape;
    const first = reshape(slice(encoded, { axis: 1, end: 1 }), [batch, width]);
    const dense = this.pooler.forward(first);
    const pooled = poolerActivation === "tanh" ? tanh(dense) : relu(dense);
    return this.classifier.forward(context.dropout(pooled, classifierDropout));
  }

  /** The mean cross-entropy, in nats, of `labels` i32 [B], indices of the config's labels. */
  loss(
    ids: Tensor,
    labels: Tensor,
    input: EncoderInput = {},
    context: ForwardContext = new ForwardContext(),
  ): Tensor {
    return crossEntropy(this.forward(ids, input, context), labels);
  }
}
