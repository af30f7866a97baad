/**
 * Modules that an adapter trains in full and saves whole: PEFT's `modules_to_save`.
 *
 * @module
 */
import { GPT } from "../nn/gpt.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type AdaptableModel, namesOfModel, taskOf } from "./adaptable_model.ts";

/** A language model's parameter that is its token table. */
const TABLE = "transformer.wte.weight";

/** The modules that PEFT saves whole for every classifier. */
const CLASSIFIER_HEADS: readonly string[] = ["classifier", "score"];

/**
 * The modules to save whole that were asked for, and those that PEFT adds for the model.
 *
 * @throws {RangeError} if a name is that of no module, or of a token table that is also the head
 */
export function withHeads(model: AdaptableModel, modulesToSave: readonly string[]): string[] {
  for (const name of modulesToSave) expectModule(model, name);
  const heads = taskOf(model) === "SEQ_CLS" ? CLASSIFIER_HEADS : [];
  return [...new Set([...modulesToSave, ...heads])];
}

/** The stored name of the token table, if it is also the model's head. */
export function tiedTable(model: AdaptableModel): string | undefined {
  if (!(model instanceof GPT && model.config.tiedHead)) return undefined;
  return namesOfModel(model).source(TABLE).names[0];
}

function expectModule(model: AdaptableModel, name: string): void {
  const table = tiedTable(model);
  if (table && (isInModules(table, [name]) || name === "lm_head")) {
    throw new RangeError(
      `attachLora: expected modulesToSave that are not tied, got ${JSON.stringify(name)}: ` +
        `${table} is the token table and the head of this model`,
    );
  }
  const { source } = namesOfModel(model);
  if (wholeParameters(model, [name]).size > 0) return;
  const modules = [...model.namedParameters().keys()].flatMap((key) => source(key).names)
    .map((stored) => stored.split(".").at(-2)!);
  throw new RangeError(
    `attachLora: expected names of modules as modulesToSave, got ${JSON.stringify(name)}; ` +
      `the model has ${[...new Set(modules)].join(", ")}`,
  );
}

/**
 * Whether a tensor belongs to a module that is saved whole: PEFT compares the ends of the names of
 * all modules around it, without a dot, so `classifier` also means `pre_classifier`.
 */
export function isInModules(tensor: string, modules: readonly string[]): boolean {
  const path = tensor.split(".").slice(0, -1);
  const around = path.map((_, i) => path.slice(0, i + 1).join("."));
  return around.some((module) => modules.some((end) => module.endsWith(end)));
}

/** The model's parameters whose tensors are all within modules that are saved whole, by name. */
export function wholeParameters(
  model: AdaptableModel,
  modulesToSave: readonly string[],
): Map<string, Tensor> {
  if (modulesToSave.length === 0) return new Map();
  const { source } = namesOfModel(model);
  const isWhole = ([name]: [string, Tensor]) =>
    source(name).names.every((stored) => isInModules(stored, modulesToSave));
  return new Map([...model.namedParameters()].filter(isWhole));
}
