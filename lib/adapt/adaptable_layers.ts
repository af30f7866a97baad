/**
 * The linear layers of a model by the names that its architecture gives them in transformers, which
 * are those that PEFT's adapters use.
 *
 * Folio packs queries, keys and values into one layer for every architecture; here each is
 * separate, a range of the packed layer's outputs. See module_matching.ts for choosing among them.
 *
 * @module
 */
import { storedShapes } from "../hub/stored_tensors.ts";
import type { Linear } from "../nn/layers.ts";
import { linearLayers } from "../nn/linear_layers.ts";
import { type AdaptableModel, baseParameters, namesOfModel } from "./adaptable_model.ts";

/** A linear layer, or the part of a packed one that has its own name. */
export interface AdaptableLayer {
  /** The full name in transformers, such as `transformer.h.0.attn.c_attn`. */
  readonly name: string;
  /** The layer that computes it. */
  readonly linear: Linear;
  /** Its number of inputs. */
  readonly inputs: number;
  /** Its first output among those of `linear`. */
  readonly start: number;
  /** Its number of outputs. */
  readonly outputs: number;
  /** The output of the published model that output c is, if their orders differ. */
  readonly column?: (c: number) => number;
}

/** Names of the heads of language models and classifiers: none of `"all-linear"`. */
export const HEADS: readonly string[] = ["lm_head", "score", "classifier"];

/**
 * Every linear layer of a model, in order of definition. A layer that transformers packs with
 * another one of Folio's (Phi-3's `gate_up_proj`) is left out: one A would belong to both.
 */
export function adaptableLayers(model: AdaptableModel): AdaptableLayer[] {
  const names = namesOfModel(model);
  const known = baseParameters(model);
  return [...linearLayers(model)].flatMap(([name, linear]) => {
    const parameter = `${name}.weight`;
    if (!known.has(parameter)) return []; // a classifier has no head of a language model
    const { inputs, outputs } = sizesOf(linear);
    const parts = storedShapes(model.config, [[parameter, linear.weight.shape]], names);
    const { column } = names.source(parameter);
    let start = 0;
    return parts.map(([stored, shape]) => {
      const own = parts.length === 1 ? outputs : sizeWithout(shape, inputs);
      const layer = { name: withoutKind(stored), linear, inputs, start, outputs: own, column };
      start += own;
      return layer;
    });
  });
}

function sizesOf({ weight, transposed }: Linear): { inputs: number; outputs: number } {
  const [first, second] = weight.shape;
  return transposed ? { inputs: second, outputs: first } : { inputs: first, outputs: second };
}

/** The other axis of a matrix of which one is known. */
function sizeWithout([rows, columns]: readonly number[], inputs: number): number {
  return rows * columns / inputs;
}

function withoutKind(name: string): string {
  return name.slice(0, name.lastIndexOf("."));
}
