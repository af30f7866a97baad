/**
 * What directions of the residual stream say by themselves: the tokens that they speak for.
 *
 * @module
 */
import { onDevice } from "../device/current_device.ts";
import type { GPT } from "../nn/gpt.ts";
import { LayerNorm } from "../nn/layers.ts";
import { mul, sub } from "../ops/binary.ts";
import { matmul } from "../ops/matmul.ts";
import { mean } from "../ops/reduce.ts";
import { scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { expectGpt } from "./model_parts.ts";

/**
 * (d ⊙ gain)·Uᵀ for directions d of the residual stream, [n,C] → [n,V], less each row's mean: how
 * much a step along d changes each token's logit compared with the others, if no later layer reads
 * it and the final norm's scale stays as it is.
 *
 * For features of a sparse autoencoder (`autoencoder.decoder`), steering vectors, and rows of a
 * feed-forward's matrix. Source: Geva et al., arXiv 2203.14680; nostalgebraist 2020.
 *
 * ```ts
 * import { directionLogits, GPT, openDevice, randomNormal, tensor, topK } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const model = new GPT({ vocabSize: 8, contextLength: 16, layers: 1, heads: 2, width: 16 });
 * const logits = directionLogits(model, randomNormal([3, 16], tensor(Int32Array.of(1, 2))));
 * console.log(await topK(logits, 2).indices.toArray()); // for each direction the two foremost ids
 * device.close();
 * ```
 *
 * @throws {TypeError} if the model is no GPT, its head is rounded, or the directions are no [n,C]
 */
export function directionLogits(model: GPT, directions: Tensor): Tensor {
  const operation = "directionLogits";
  expectGpt(operation, model, "whose head reads its stream");
  const { width } = model.config;
  if (directions.shape.length !== 2 || directions.shape[1] !== width) {
    throw new TypeError(`${operation}: expected directions [n,${width}], got ${directions}`);
  }
  if (model.quantizedHead || model.head?.quantized) {
    throw new TypeError(`${operation}: expected plain weights, got a rounded head`);
  }
  const { finalNorm, head, tokens } = model;
  const over = { axis: -1, keepDimensions: true };
  return onDevice(tokens.weight.device, () =>
    scope(() => {
      const centers = finalNorm instanceof LayerNorm;
      const own = centers ? sub(directions, mean(directions, over)) : directions;
      const gained = finalNorm?.weight ? mul(own, finalNorm.weight) : own;
      const logits = matmul(gained, (head ?? tokens).weight, { transposeB: true });
      return sub(logits, mean(logits, over));
    }));
}
