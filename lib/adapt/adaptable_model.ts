/**
 * What an adapter can be put on: a language model, or a classifier of texts. Here is what differs
 * between them: names of tensors, the task, and the head, which is trained whole.
 *
 * @module
 */
import { describe } from "../errors.ts";
import { savedNames } from "../hub/config.ts";
import { rememberedNames } from "../hub/file_names.ts";
import type { ArchitectureNames } from "../hub/format.ts";
import { GPT } from "../nn/gpt.ts";
import type { Embedding } from "../nn/layers.ts";
import { SequenceClassifier } from "../nn/sequence_classifier.ts";
import { TextClassifier } from "../nn/text_classifier.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { AdapterTask } from "./adapter_config.ts";

/** A language model, or a classifier: a language model or an encoder with a head. */
export type AdaptableModel = GPT | TextClassifier | SequenceClassifier;

/** Throws a TypeError unless `model` can take an adapter. */
export function expectAdaptable(
  operation: string,
  model: unknown,
): asserts model is AdaptableModel {
  const kinds = [GPT, TextClassifier, SequenceClassifier];
  if (kinds.some((kind) => model instanceof kind)) return;
  const inside = typeof model === "object" && model !== null && "model" in model;
  const advice = inside ? "; take its field model" : "";
  throw new TypeError(
    `${operation}: expected a model, a GPT or a classifier, got ${describe(model)}${advice}`,
  );
}

/** What the model is for, by PEFT's names. */
export function taskOf(model: AdaptableModel): AdapterTask {
  return model instanceof GPT ? "CAUSAL_LM" : "SEQ_CLS";
}

/** The names of tensors in the model's files, which are those of its modules in transformers. */
export function namesOfModel(model: AdaptableModel): ArchitectureNames {
  if (model instanceof GPT) return savedNames(model);
  if (model instanceof SequenceClassifier) return rememberedNames(model);
  const names = savedNames(model.model);
  const score = { names: ["score.weight"], transposed: false };
  return { ...names, source: (name) => name === "score.weight" ? score : names.source(name) };
}

/** The model's token table. */
export function tokensOf(model: AdaptableModel): Embedding {
  if (model instanceof GPT) return model.tokens;
  return model instanceof SequenceClassifier ? model.encoder.tokens : model.model.tokens;
}

/**
 * The parameters by which an adapter knows its base: a classifier has no head of a language model.
 */
export function baseParameters(model: AdaptableModel): Map<string, Tensor> {
  const named = [...model.namedParameters()];
  if (!(model instanceof TextClassifier)) return new Map(named);
  return new Map(named.filter(([name]) => !name.startsWith("lm_head.")));
}
