/**
 * The names of tensors in the file that a model was loaded from, which its configuration does not
 * determine: a BERT and a RoBERTa may have the same one, and so may a GPT-2 and an OPT.
 *
 * A model is saved as what it was loaded from, and adapters name its layers as its files do; see
 * lib/adapt.
 *
 * @module
 */
import type { Module } from "../nn/module.ts";
import type { ArchitectureNames } from "./format.ts";

const known = new WeakMap<Module, ArchitectureNames>();

/** Notes the names of the file that `model` was loaded from. */
export function rememberNames(model: Module, names: ArchitectureNames): void {
  known.set(model, names);
}

/** The names of the file that `model` was loaded from; undefined if it was not loaded. */
export function loadedNames(model: Module): ArchitectureNames | undefined {
  return known.get(model);
}

/** The names of the file that `model` was loaded from, or the model's own if it was not loaded. */
export function rememberedNames(model: Module): ArchitectureNames {
  return known.get(model) ?? OWN;
}

const OWN: ArchitectureNames = {
  name: "folio",
  source: (name) => ({ names: [name], transposed: false }),
};
