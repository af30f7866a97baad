/**
 * A model's weights in 8 bits, for generation and evaluation.
 *
 * See lib/ops/int8_linear.ts for how a matrix is rounded and multiplied.
 *
 * @module
 */
import { type Int8Matrix, toInt8 } from "../ops/int8_linear.ts";
import { checkOptions } from "../options.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { GPT } from "./gpt.ts";
import { linearLayers } from "./linear_layers.ts";

/** Options of `quantize`. */
export interface QuantizeOptions {
  /** Weights that share a scale: a multiple of 16 up to 256. Default 64. */
  group?: number;
}

/**
 * Rounds the weights of every linear layer and of the head to 8 bits and frees their float32
 * memory: a token reads about a quarter of the bytes. Biases, norms and the embedding tables stay
 * in float32.
 *
 * Afterwards the model can generate and be evaluated, but neither trained nor saved; a generator
 * made before must not be used.
 *
 * ```ts
 * import { Generator, GPT, openDevice, quantize } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const model = new GPT({ vocabSize: 8, contextLength: 16, layers: 1, heads: 2, width: 32 });
 * await quantize(model);
 * const tokens = new Generator(model).generate([1, 2], { maxNewTokens: 4 });
 * for await (const token of tokens) console.log(token);
 * device.close();
 * ```
 *
 * @throws {RangeError} for an impossible group
 */
export async function quantize(model: GPT, options: QuantizeOptions = {}): Promise<void> {
  checkOptions("quantize", options, { group: true });
  const { group = 64 } = options;
  for (const linear of linearLayers(model).values()) {
    linear.int8 = await rounded(linear.weight, linear.transposed, group);
    linear.weight.dispose();
  }
  if (!model.head) model.int8Head = await rounded(model.tokens.weight, true, group);
}

async function rounded(weight: Tensor, transposed: boolean, group: number): Promise<Int8Matrix> {
  const values = await weight.data() as Float32Array;
  return toInt8(values, weight.shape, { group, transposed, device: weight.device });
}
