/**
 * A small model for tests of generation.
 *
 * @module
 */
import type { ModelConfigInput } from "../../lib/nn/config.ts";
import { GPT } from "../../lib/nn/gpt.ts";
import { drawMatrices } from "./draw_matrices.ts";

/** A model with weights so large that its most probable tokens are clearly separated. */
export function decisiveModel(changes: Partial<ModelConfigInput> = {}): GPT {
  const shape = { vocabSize: 23, contextLength: 24, layers: 2, heads: 2, width: 32 };
  return drawMatrices(new GPT({ ...shape, ...changes }), 0.3, 5);
}
