/**
 * The matrices of a model that an optimizer for matrices trains.
 *
 * @module
 */
import type { Tensor } from "../tensor/tensor.ts";
import type { GPT } from "./gpt.ts";
import { linearLayers } from "./linear_layers.ts";

/**
 * The matrices of a model's blocks, [inputs, outputs]: what `Muon` makes orthogonal steps of.
 * Tables and the head are not among them.
 *
 * ```ts
 * import { blockMatrices, GPT, Muon, openDevice } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const model = new GPT({ vocabSize: 65, contextLength: 32, layers: 2, heads: 2, width: 16 });
 * const optimizer = new Muon(model.parameters(), { matrices: blockMatrices(model) });
 * console.log(optimizer.options.matrices.length); // 8
 * device.close();
 * ```
 */
export function blockMatrices({ blocks }: GPT): Tensor[] {
  return [...linearLayers(blocks).values()].map(({ weight }) => weight);
}
