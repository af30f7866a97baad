/**
 * Random weights for tests, larger than those that a model begins with.
 *
 * @module
 */
import type { GPT } from "../../lib/nn/gpt.ts";
import { normal } from "../../lib/nn/initializers.ts";
import { Random } from "../../lib/random.ts";

/**
 * Draws a model's matrices from a normal distribution of this standard deviation; gives the model.
 */
export function drawMatrices(model: GPT, deviation: number, seed: number): GPT {
  const random = new Random(seed);
  for (const parameter of model.parameters()) {
    if (parameter.shape.length === 2) parameter.write(normal(deviation)(parameter.shape, random));
  }
  return model;
}
