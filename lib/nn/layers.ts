/**
 * The plain layers: Linear, Embedding, LayerNorm, RMSNorm.
 *
 * See lib/ops for the operations that compute them.
 *
 * @module
 */
import type { Random } from "../random.ts";
import { embedding } from "../ops/embedding.ts";
import { activate } from "../ops/activation.ts";
import { add } from "../ops/binary.ts";
import { quantizedEmbedding } from "../ops/quantized_embedding.ts";
import { quantizedLinear } from "../ops/quantized_linear.ts";
import type { QuantizedMatrix } from "../ops/quantized_matrix.ts";
import { layerNorm } from "../ops/layer_norm.ts";
import { linear, type LinearOptions } from "../ops/matmul.ts";
import { rmsNorm } from "../ops/rms_norm.ts";
import { checkOptions } from "../options.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { BlockConfig } from "./block_config.ts";
import { expectEpsilon, expectWholeNumber } from "./config_checks.ts";
import type { ForwardContext } from "./context.ts";
import { constant, type Initializer, layerRandom, normal, parameter } from "./initializers.ts";
import { addLowRank, type LowRankUpdate, updateFactors } from "./low_rank.ts";
import { Module, type Parts } from "./module.ts";

/** Options of `Linear`. */
export interface LinearLayerOptions {
  /** Add a bias. Default true. */
  bias?: boolean;
  /** Store the weight as [outputs, inputs] rather than [inputs, outputs]. Default false. */
  transposed?: boolean;
  /** Initializer of the weight; the bias starts at 0. Default N(0, 0.02²). */
  initializer?: Initializer;
  /** The random stream it draws from. Default: one stream that all such layers share. */
  random?: Random;
}

const LINEAR_OPTIONS = { bias: true, transposed: true, initializer: true, random: true };

/** Options of one call of a `Linear`. */
export interface LinearCallOptions extends Omit<LinearOptions, "transposed" | "update"> {
  /** The forward pass, for the dropout of low-rank updates. Default: an evaluation. */
  context?: ForwardContext;
  /** Leave b out. Default: false. */
  omitBias?: boolean;
}

/**
 * y = activation(x·W + b) + residual: [..., inputs] → [..., outputs].
 *
 * ```ts
 * import { Linear, openDevice, zeros } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const layer = new Linear(4, 3);
 * console.log(`${layer.forward(zeros([2, 4]), { activation: "relu" })}`); // f32 [2,3]
 * device.close();
 * ```
 */
export class Linear extends Module {
  /** W, [inputs, outputs], or [outputs, inputs] if `transposed`. */
  readonly weight: Tensor;
  /** b, [outputs]; undefined without a bias. */
  readonly bias: Tensor | undefined;
  /** Whether the weight is stored as [outputs, inputs]. */
  readonly transposed: boolean;
  /** The weight in 16, 8 or 4 bits, which replaces it; see `quantize`. */
  quantized: QuantizedMatrix | undefined;
  /** Added to x·W + b, before the activation; see `attachLora`. */
  updates: readonly LowRankUpdate[] = [];

  /**
   * Draws the weight from the options' initializer and sets the bias to 0.
   *
   * @throws {RangeError} unless `inputs` and `outputs` are whole numbers from 1
   */
  constructor(inputs: number, outputs: number, options: LinearLayerOptions = {}) {
    super();
    checkOptions("Linear", options, LINEAR_OPTIONS);
    const { bias = true, initializer = normal(), random = layerRandom } = options;
    expectWholeNumber("inputs", inputs, "Linear");
    expectWholeNumber("outputs", outputs, "Linear");
    this.transposed = options.transposed ?? false;
    const shape = this.transposed ? [outputs, inputs] : [inputs, outputs];
    this.weight = parameter(shape, initializer, random);
    this.bias = bias ? parameter([outputs], constant(0), random) : undefined;
  }
  /** `weight` and, if there is one, `bias`. */
  override parts(): Parts {
    return { weight: this.weight, bias: this.bias };
  }
  /**
   * The layer's value. The activation and the residual are computed in the product's kernel, also
   * with low-rank updates in a training step of many rows.
   */
  forward(x: Tensor, { context, ...options }: LinearCallOptions = {}): Tensor {
    if (this.updates.length === 0) return this.#product(x, options);
    const update = this.quantized
      ? undefined
      : updateFactors(this.updates, this.#sizes(x), context);
    if (update) return this.#product(x, { ...options, update });
    const { activation, residual, omitBias } = options;
    const base = this.#product(x, activation ? { omitBias } : { residual, omitBias });
    const sum = addLowRank(x, base, this.updates, context);
    if (!activation) return sum;
    const y = activate(sum, activation);
    return residual ? add(y, residual) : y;
  }

  #sizes(x: Tensor): { rows: number; inputs: number; outputs: number } {
    const [first, second] = this.weight.shape;
    const [inputs, outputs] = this.transposed ? [second, first] : [first, second];
    return { rows: x.size / inputs, inputs, outputs };
  }

  #product(
    x: Tensor,
    { omitBias, ...options }: Omit<LinearOptions, "transposed"> & { omitBias?: boolean },
  ): Tensor {
    const bias = omitBias ? undefined : this.bias;
    if (this.quantized) return quantizedLinear(x, this.quantized, bias, options);
    return linear(x, this.weight, bias, { ...options, transposed: this.transposed });
  }
}

/** Options of `Embedding`. */
export interface EmbeddingLayerOptions {
  /** Initializer of the table. Default N(0, 0.02²). */
  initializer?: Initializer;
  /** The random stream it draws from. Default: one stream that all such layers share. */
  random?: Random;
}

/**
 * A table of vectors: ids [...] → [..., width].
 *
 * ```ts
 * import { Embedding, openDevice, tensor } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const table = new Embedding(65, 16);
 * console.log(`${table.forward(tensor(Int32Array.of(7, 7, 0)))}`); // f32 [3,16]
 * device.close();
 * ```
 */
export class Embedding extends Module {
  /** The table, [rows, width]. */
  readonly weight: Tensor;
  /** The table in 16, 8 or 4 bits, which replaces it; see `quantize`. */
  quantized: QuantizedMatrix | undefined;

  /**
   * Draws the table from the options' initializer.
   *
   * @throws {RangeError} unless `rows` and `width` are whole numbers from 1
   */
  constructor(rows: number, width: number, options: EmbeddingLayerOptions = {}) {
    super();
    checkOptions("Embedding", options, { initializer: true, random: true });
    expectWholeNumber("rows", rows, "Embedding");
    expectWholeNumber("width", width, "Embedding");
    const { initializer = normal(), random = layerRandom } = options;
    this.weight = parameter([rows, width], initializer, random);
  }
  /** `weight`. */
  override parts(): Parts {
    return { weight: this.weight };
  }
  /** The table's rows of `ids`, i32 [...]: [..., width]. */
  forward(ids: Tensor): Tensor {
    return this.quantized ? quantizedEmbedding(this.quantized, ids) : embedding(this.weight, ids);
  }
}

/** Options of `LayerNorm`. */
export interface LayerNormLayerOptions {
  /** Multiply by a gain. Default true. */
  gain?: boolean;
  /** Add a bias. Default true. */
  bias?: boolean;
}

/**
 * Layer norm over the last axis, with gain and bias. Source: Ba et al., arXiv 1607.06450.
 *
 * ```ts
 * import { LayerNorm, openDevice, tensor } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const norm = new LayerNorm(4);
 * console.log(await norm.forward(tensor([1, 3, 1, 3])).data()); // nearly [-1, 1, -1, 1]
 * device.close();
 * ```
 */
export class LayerNorm extends Module {
  /** The gain, [width]; starts at 1; undefined without a gain. */
  readonly weight: Tensor | undefined;
  /** The bias, [width]; starts at 0; undefined without a bias. */
  readonly bias: Tensor | undefined;

  /**
   * For a last axis of `width`; `epsilon`, default 1e-5, is added to the variance under the root.
   *
   * @throws {RangeError} unless `width` is a whole number from 1 and `epsilon` a number above 0
   */
  constructor(width: number, readonly epsilon = 1e-5, options: LayerNormLayerOptions = {}) {
    super();
    expectWholeNumber("width", width, "LayerNorm");
    expectEpsilon("epsilon", epsilon, "LayerNorm");
    checkOptions("LayerNorm", options, { gain: true, bias: true });
    const { gain = true, bias = true } = options;
    this.weight = gain ? parameter([width], constant(1), layerRandom) : undefined;
    this.bias = bias ? parameter([width], constant(0), layerRandom) : undefined;
  }
  /** `weight` and `bias`, if there are such. */
  override parts(): Parts {
    return { weight: this.weight, bias: this.bias };
  }
  /** (x − mean)/√(variance + epsilon) · weight + bias: [..., width] → [..., width]. */
  forward(x: Tensor): Tensor {
    return layerNorm(x, this.weight, this.bias, this.epsilon);
  }
}

/** Options of `RMSNorm`. */
export type RMSNormLayerOptions = Pick<LayerNormLayerOptions, "gain">;

/**
 * Root-mean-square norm over the last axis, with gain. Source: Zhang & Sennrich, arXiv 1910.07467.
 */
export class RMSNorm extends Module {
  /** The gain, [width]; starts at 1; undefined without a gain. */
  readonly weight: Tensor | undefined;

  /**
   * For a last axis of `width`; `epsilon`, default 1e-5, is added to the mean square under the
   * root.
   *
   * @throws {RangeError} unless `width` is a whole number from 1 and `epsilon` a number above 0
   */
  constructor(width: number, readonly epsilon = 1e-5, options: RMSNormLayerOptions = {}) {
    super();
    expectWholeNumber("width", width, "RMSNorm");
    expectEpsilon("epsilon", epsilon, "RMSNorm");
    checkOptions("RMSNorm", options, { gain: true });
    const { gain = true } = options;
    this.weight = gain ? parameter([width], constant(1), layerRandom) : undefined;
  }
  /** `weight`, if there is a gain. */
  override parts(): Parts {
    return { weight: this.weight };
  }
  /** x/√(mean x² + epsilon) · weight: [..., width] → [..., width]. */
  forward(x: Tensor): Tensor {
    return rmsNorm(x, this.weight, this.epsilon);
  }
}

/** A norm of either kind. */
export type NormLayer = LayerNorm | RMSNorm;

/** The norm of a configuration over a last axis of `size`, by default the width; none for none. */
export function makeNorm(
  { norm, normEpsilon, normGain, normBias, width }: Pick<
    BlockConfig,
    "norm" | "normEpsilon" | "normGain" | "normBias" | "width"
  >,
  size: number = width,
): NormLayer | undefined {
  if (norm === "none") return undefined;
  if (norm === "rms") return new RMSNorm(size, normEpsilon, { gain: normGain });
  return new LayerNorm(size, normEpsilon, { gain: normGain, bias: normBias });
}
