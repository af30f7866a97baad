/**
 * Copies a model's weights from its files into its parameters, sequentially, so that the host holds
 * about one at a time.
 *
 * @module
 */
import type { Module } from "../nn/module.ts";
import type { ArchitectureNames } from "./format.ts";
import { readParameters } from "./parameters.ts";
import type { RoundedWeight } from "./quantized_weights.ts";
import type { Weights } from "./weights.ts";

/**
 * Fills every parameter of `model`; those in `rounded` are rounded as they are read.
 *
 * @throws {SyntaxError} if names or shapes are not the model's
 * @throws {RangeError} if a weight is NaN or infinite
 */
export async function fillParameters(
  model: Module,
  weights: Weights,
  names: ArchitectureNames,
  rounded: ReadonlyMap<string, RoundedWeight> = new Map(),
): Promise<void> {
  const parameters = model.namedParameters();
  const shapes = new Map([...parameters].map(([name, { shape }]) => [name, shape]));
  for await (const [name, data] of readParameters(weights, shapes, names, rounded)) {
    const weight = rounded.get(name);
    if (weight) weight.whole(data);
    else parameters.get(name)!.write(data);
  }
  await weights.verify();
}
