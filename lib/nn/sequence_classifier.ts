/**
 * The classification of sequences by an encoder: one class of several, several labels, or numbers.
 *
 * B batch, T time, C width, N labels. See encoder.ts for the encoder, lib/hub for published models
 * and texts.
 *
 * @module
 */
import { describe } from "../errors.ts";
import { Random } from "../random.ts";
import { expectValue, oneOf } from "../rules.ts";
import { activate, type Activation } from "../ops/activation.ts";
import { sub } from "../ops/binary.ts";
import { binaryCrossEntropy } from "../ops/binary_cross_entropy.ts";
import { crossEntropy } from "../ops/cross_entropy.ts";
import { mean } from "../ops/reduce.ts";
import { softmax } from "../ops/softmax.ts";
import { sigmoid, square, tanh } from "../ops/unary.ts";
import { checkOptions, type OptionNames } from "../options.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { pickFields } from "./block_config.ts";
import { ForwardContext } from "./context.ts";
import { Encoder, ENCODER_OPTIONS, type EncoderConfig, type EncoderInput } from "./encoder.ts";
import type { InitialOptions } from "./initial_weights.ts";
import { LayerNorm, Linear } from "./layers.ts";
import { Module, type Parts } from "./module.ts";
import { pointsOf, visited } from "./points.ts";
import { pool, type Pooling } from "./pool.ts";

/**
 * What a classifier predicts, by the names of Hugging Face's `problem_type`: one of its labels, any
 * number of them, or a number for each (a rating, the relevance of a reranker).
 */
export type ProblemType =
  | "single_label_classification"
  | "multi_label_classification"
  | "regression";

/** The names of all problem types. */
export const PROBLEM_TYPES: readonly ProblemType[] = [
  "single_label_classification",
  "multi_label_classification",
  "regression",
];

/** An encoder with a head. */
export interface SequenceClassifierConfig extends EncoderConfig {
  /** The vector that the head receives. Default: `"cls"`. */
  pooling?: Pooling;
  /** Activation after the head's first dense layer, such as BERT's tanh or DistilBERT's ReLU. */
  poolerActivation: "tanh" | Activation;
  /** Bias of the first dense layer. Default: true. */
  poolerBias?: boolean;
  /** A norm after the activation, as in ModernBERT. Default: false. */
  poolerNorm?: boolean;
  /** Dropout before the first dense layer, as in RoBERTa. Default: 0. */
  poolerDropout?: number;
  /** Names of the classes, or of the numbers, N of them. */
  labels: readonly string[];
  /** Default: `"regression"` with one label, otherwise `"single_label_classification"`. */
  problemType?: ProblemType;
  /** Dropout before the last layer. Default: `dropout`. */
  classifierDropout?: number;
}

/** Every field of a `SequenceClassifierConfig`. */
const OPTIONS: OptionNames<SequenceClassifierConfig> = {
  ...ENCODER_OPTIONS,
  pooling: true,
  poolerActivation: true,
  poolerBias: true,
  poolerNorm: true,
  poolerDropout: true,
  labels: true,
  problemType: true,
  classifierDropout: true,
};

/** What a classifier with this configuration predicts. */
export function problemTypeOf(
  { problemType, labels }: Pick<SequenceClassifierConfig, "problemType" | "labels">,
): ProblemType {
  return problemType ?? (labels.length === 1 ? "regression" : "single_label_classification");
}

/**
 * An encoder and a head, W₂·norm(activation(W₁·pool(encoder(ids)) + b₁)) + b₂, the norm only if the
 * configuration has one: ids i32 [B,T] → logits [B,N].
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
  /** The norm after the activation; undefined unless `poolerNorm`. */
  readonly poolerNorm: LayerNorm | undefined;
  /** C → N. */
  readonly classifier: Linear;

  /**
   * Draws weights N(0, 0.02²).
   *
   * @throws {TypeError} if `labels` is not an array of names
   * @throws {RangeError} if the configuration is impossible, such as heads that do not divide the
   *   width, or there is no such problem type
   */
  constructor(readonly config: SequenceClassifierConfig, options: InitialOptions = {}) {
    super();
    checkOptions("SequenceClassifier", config, OPTIONS);
    checkOptions("SequenceClassifier", options, { random: true });
    const { width, labels, poolerBias, poolerNorm, normEpsilon, normGain, normBias } = config;
    const { random = new Random(0) } = options;
    if (!Array.isArray(labels) || labels.length === 0) {
      throw new TypeError(
        `SequenceClassifier: expected labels, the names of the classes, got ${describe(labels)}`,
      );
    }
    const problemType = problemTypeOf(config);
    expectValue("SequenceClassifier: problemType", oneOf(PROBLEM_TYPES), problemType);
    this.encoder = new Encoder(pickFields(config, ENCODER_OPTIONS), { random });
    this.pooler = new Linear(width, width, { bias: poolerBias, random });
    if (poolerNorm) {
      this.poolerNorm = new LayerNorm(width, normEpsilon, { gain: normGain, bias: normBias });
    }
    this.classifier = new Linear(width, labels.length, { random });
  }

  /** `encoder`, `pooler`, its norm if there is one, and `classifier`. */
  override parts(): Parts {
    const { encoder, pooler, poolerNorm, classifier } = this;
    return { encoder, pooler, pooler_norm: poolerNorm, classifier };
  }

  /**
   * ids i32 [B,T] → logits [B,N].
   *
   * @throws {RangeError} if a sequence exceeds the context length
   */
  forward(
    ids: Tensor,
    input: EncoderInput = {},
    context: ForwardContext = new ForwardContext(),
  ): Tensor {
    const encoded = this.encoder.forward(ids, input, context);
    const { pooling } = this.config;
    return this.logits(pool(encoded, { pooling, lengths: input.lengths }), context);
  }

  /** The head: the encoder's pooled value [B,C] → [B,N]. */
  logits(pooled: Tensor, context: ForwardContext = new ForwardContext()): Tensor {
    const { poolerActivation, poolerDropout = 0, dropout = 0 } = this.config;
    const { classifierDropout = dropout } = this.config;
    const dense = this.pooler.forward(context.dropout(pooled, poolerDropout), { context });
    const active = poolerActivation === "tanh" ? tanh(dense) : activate(dense, poolerActivation);
    const features = this.poolerNorm?.forward(active) ?? active;
    const logits = this.classifier.forward(context.dropout(features, classifierDropout));
    return visited(pointsOf(this), "logits", logits);
  }

  /**
   * What the logits [B,N] say of each label: its probability among all, softmax, its own
   * probability, sigmoid, with several labels, or the number itself in regression.
   */
  scores(logits: Tensor): Tensor {
    const problem = problemTypeOf(this.config);
    if (problem === "regression") return logits;
    return problem === "multi_label_classification" ? sigmoid(logits) : softmax(logits);
  }

  /**
   * The mean loss of `labels`: cross-entropy, in nats, of i32 [B], indices of the config's labels;
   * with several labels binary cross-entropy, in nats, of f32 [B,N], 1 for a label that holds and 0
   * for one that does not; in regression the squared error of f32 [B,N], or [B] with one label.
   */
  loss(
    ids: Tensor,
    labels: Tensor,
    input: EncoderInput = {},
    context: ForwardContext = new ForwardContext(),
  ): Tensor {
    const logits = this.forward(ids, input, context);
    const problem = problemTypeOf(this.config);
    if (problem === "single_label_classification") return crossEntropy(logits, labels);
    if (problem === "multi_label_classification") return binaryCrossEntropy(logits, labels);
    return mean(square(sub(logits, labels.view(logits.shape))));
  }
}
