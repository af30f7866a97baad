/**
 * A small model for tests of generation.
 *
 * @module
 */
import type { ModelConfigInput } from "../../lib/nn/config.ts";
import { GPT } from "../../lib/nn/gpt.ts";
import { normal } from "../../lib/nn/initializers.ts";
import { Random } from "../../lib/random.ts";

/** A model with weights so large that its most probable tokens are clearly separated. */
export function decisiveModel(changes: Partial<ModelConfigInput> = {}): GPT {
  const shape = { vocabSize: 23, contextLength: 24, layers: 2, heads: 2, width: 32 };
  const model = new GPT({ ...shape, ...changes });
  const random = new Random(5);
  for (const parameter of model.parameters()) {
    if (parameter.shape.length === 2) parameter.write(normal(0.3)(parameter.shape, random));
  }
  return model;
}
