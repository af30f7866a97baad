/**
 * The prediction of masked tokens by an encoder, as BERT and its relatives are trained.
 *
 * B batch, T time, C width, E width of the embeddings, V vocabulary. See encoder.ts for the
 * encoder, lib/hub for published models and texts.
 *
 * @module
 */
import { Random } from "../random.ts";
import { activate, type Activation } from "../ops/activation.ts";
import { crossEntropy } from "../ops/cross_entropy.ts";
import { linearCrossEntropy } from "../ops/linear_cross_entropy.ts";
import { linear } from "../ops/matmul.ts";
import { reshape } from "../ops/reshape.ts";
import { checkOptions, type OptionNames } from "../options.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { pickFields } from "./block_config.ts";
import { ForwardContext } from "./context.ts";
import { Encoder, ENCODER_OPTIONS, type EncoderConfig, type EncoderInput } from "./encoder.ts";
import type { InitialOptions } from "./initial_weights.ts";
import { constant, parameter } from "./initializers.ts";
import { LayerNorm, Linear } from "./layers.ts";
import { Module, ModuleGroup, type Parts } from "./module.ts";
import { pointsOf, visited } from "./points.ts";

/** An encoder with a head that predicts tokens. */
export interface MaskedLanguageModelConfig extends EncoderConfig {
  /** Activation after the head's dense layer. Default: `"gelu"`. */
  headActivation?: Activation;
  /** Bias of the head's dense layer. Default: true. */
  headBias?: boolean;
  /** Bias of the logits. Default: true. */
  logitBias?: boolean;
}

const OPTIONS: OptionNames<MaskedLanguageModelConfig> = {
  ...ENCODER_OPTIONS,
  headActivation: true,
  headBias: true,
  logitBias: true,
};

/**
 * norm(activation(encoder(ids)·W + b))·Eᵀ + c, E the token table: ids i32 [B,T] → logits [B,T,V] of
 * the token at each position. Source: Devlin et al., arXiv 1810.04805.
 *
 * ```ts
 * import { MaskedLanguageModel, openDevice, tensor } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const model = new MaskedLanguageModel({
 *   vocabSize: 9, contextLength: 8, layers: 1, heads: 2, width: 8,
 * });
 * const ids = tensor(new Int32Array([1, 4, 6, 2]), { shape: [1, 4] });
 * console.log(`${model.forward(ids)}`); // f32 [1,4,9]
 * device.close();
 * ```
 */
export class MaskedLanguageModel extends Module {
  /** Reads the sequence. */
  readonly encoder: Encoder;
  /** C → E, before the activation. */
  readonly dense: Linear;
  /** The norm after the activation. */
  readonly norm: LayerNorm;
  /** c, the bias of the logits, [V]; undefined without `logitBias`. */
  readonly logitBias: Tensor | undefined;

  /**
   * Draws weights N(0, 0.02²).
   *
   * @throws {RangeError} if the configuration is impossible, such as heads that do not divide the
   * width
   */
  constructor(readonly config: MaskedLanguageModelConfig, options: InitialOptions = {}) {
    super();
    checkOptions("MaskedLanguageModel", config, OPTIONS);
    checkOptions("MaskedLanguageModel", options, { random: true });
    const { random = new Random(0) } = options;
    const { width, embeddingWidth = width, vocabSize, normEpsilon, normGain, normBias } = config;
    const { headBias: bias, logitBias = true } = config;
    this.encoder = new Encoder(pickFields(config, ENCODER_OPTIONS), { random });
    this.dense = new Linear(width, embeddingWidth, { bias, random });
    this.norm = new LayerNorm(embeddingWidth, normEpsilon, { gain: normGain, bias: normBias });
    if (logitBias) this.logitBias = parameter([vocabSize], constant(0), random);
  }

  /** `encoder`, `dense`, `norm` and, if there is one, `logits.bias`. */
  override parts(): Parts {
    const { encoder, dense, norm, logitBias } = this;
    return { encoder, dense, norm, logits: new ModuleGroup({ bias: logitBias }) };
  }

  /**
   * ids i32 [B,T] → logits [B,T,V].
   *
   * @throws {RangeError} if a sequence exceeds the context length
   */
  forward(
    ids: Tensor,
    input: EncoderInput = {},
    context: ForwardContext = new ForwardContext(),
  ): Tensor {
    return this.logits(this.encoder.forward(ids, input, context));
  }

  /** The head: the encoder's value [..., C] → [..., V]. */
  logits(encoded: Tensor): Tensor {
    const { tokens: { weight } } = this.encoder;
    const features = this.#features(encoded);
    const logits = linear(features, weight, this.logitBias, { transposed: true });
    return visited(pointsOf(this), "logits", logits);
  }

  /**
   * The mean cross-entropy, in nats, of `targets` i32 [B,T], the tokens behind the masks; targets
   * of −100 are ignored.
   */
  loss(
    ids: Tensor,
    targets: Tensor,
    input: EncoderInput = {},
    context: ForwardContext = new ForwardContext(),
  ): Tensor {
    const encoded = this.encoder.forward(ids, input, context);
    const { width, vocabSize } = this.config;
    const flat = targets.view([targets.size]);
    if (pointsOf(this)?.wants("logits")) {
      return crossEntropy(reshape(this.logits(encoded), [targets.size, vocabSize]), flat);
    }
    const rows = this.#features(reshape(encoded, [targets.size, width]));
    const { tokens: { weight } } = this.encoder;
    return linearCrossEntropy(rows, weight, this.logitBias, flat, { transposed: true });
  }

  #features(encoded: Tensor): Tensor {
    const { headActivation = "gelu" } = this.config;
    return this.norm.forward(activate(this.dense.forward(encoded), headActivation));
  }
}
