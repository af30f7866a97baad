/**
 * The flags that the commands which generate share.
 *
 * @module
 */

import type { GenerationOptions } from "../../generate/generation.ts";
import { choice, type FlagValues, group, integer, number, text } from "../flags.ts";

/** How tokens are chosen. */
export const choiceFlags = group("Choice of tokens", {
  temperature: number(0.8, "divides the logits; 0 takes the likeliest token", { min: 0 }),
  topK: integer(200, "keep the k likeliest tokens; 0 keeps all", { min: 0 }),
  topP: number(1, "keep the likeliest tokens that sum to this probability", { min: 0, max: 1 }),
  minP: number(0, "keep tokens with this times the likeliest one's probability", {
    min: 0,
    max: 1,
  }),
  repetitionPenalty: number(1, "makes tokens that have come less likely; 1 is none", {
    min: 1e-3,
    max: 1e3,
  }),
  noRepeatNgram: integer(0, "let no run of so many tokens come twice; 0 lets any", { min: 0 }),
  seed: integer(1337, "same seed, same text", { min: 0, max: 2 ** 32 - 1 }),
});

/** What computes, and with which weights. */
export const deviceFlags = group("Where", {
  device: choice("auto", "what computes", { choices: ["auto", "webgpu", "cpu"] }),
  precision: choice("f32", "of the operands of products; f16 is for WebGPU", {
    choices: ["f32", "f16"],
  }),
  weights: choice("f32", "how the weights are kept; int8 is faster and a little less exact", {
    choices: ["f32", "int8"],
  }),
  threads: integer(undefined, "CPU threads. Default: all cores", { min: 1, max: 64 }),
  context: integer(
    undefined,
    "tokens of a published model's context to use; fewer take less memory",
    {
      min: 1,
      shownDefault: "all",
    },
  ),
  revision: text(undefined, "branch, tag or commit of a model on the hub", {
    shownDefault: "main",
  }),
});

/** The options of `generate` that `choiceFlags` stand for. */
export function choiceOptions(
  { topP, ...flags }: FlagValues<typeof choiceFlags>,
): GenerationOptions {
  const { temperature, topK, minP, repetitionPenalty, noRepeatNgram, seed } = flags;
  return {
    ...{ temperature, topK, minP, repetitionPenalty, noRepeatNgram, seed },
    topP: Math.max(topP, Number.MIN_VALUE), // 0: only the likeliest
  };
}
