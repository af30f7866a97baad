/**
 * The check that a model was passed, and not what it is made from or loaded with.
 *
 * @module
 */
import { describe } from "../errors.ts";
import { GPT } from "./gpt.ts";

/**
 * Throws a TypeError unless `model` is a GPT, and a RangeError unless it predicts its own tokens.
 */
export function expectLanguageModel(operation: string, model: unknown): asserts model is GPT {
  expectModel(operation, model);
  const { outputSize, vocabSize } = model.config;
  if (outputSize === undefined) return;
  throw new RangeError(
    `${operation}: expected a model that predicts its tokens, ${vocabSize} of them, got outputSize ` +
      `${outputSize}`,
  );
}

/** Throws a TypeError unless `model` is a GPT. */
export function expectModel(operation: string, model: unknown): asserts model is GPT {
  if (model instanceof GPT) return;
  const inside = typeof model === "object" && model !== null && "model" in model;
  const advice = inside ? "; take its field model" : "";
  throw new TypeError(`${operation}: expected a model, a GPT, got ${describe(model)}${advice}`);
}
