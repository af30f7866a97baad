/**
 * The flags that `deno task sample` and `deno task chat` share.
 *
 * @module
 */
import { deviceFlags } from "../../lib/cli/device_flags.ts";
import { stderr } from "../../lib/cli/output.ts";
import { choice, type FlagValues, group, integer, number, text } from "../../lib/cli/flags.ts";
import type { GenerationOptions } from "../../mod.ts";
import { newSeed } from "./new_seed.ts";

/** Flags for sampling. */
export const samplingFlags = group("Sampling", {
  temperature: number(0.8, "divides the logits; 0 takes the most likely token", { min: 0 }),
  topK: integer(200, "keep the k most likely tokens; 0 keeps all", { min: 0 }),
  topP: number(1, "keep the most likely tokens whose probabilities sum to this", {
    min: 0,
    max: 1,
  }),
  minP: number(0, "keep tokens with at least this fraction of the highest probability", {
    min: 0,
    max: 1,
  }),
  repetitionPenalty: number(1, "makes tokens that were used before less likely; 1 disables it", {
    min: 1e-3,
    max: 1e3,
  }),
  noRepeatNgram: integer(0, "forbid repeating any n-gram of this size; 0 allows all", { min: 0 }),
  seed: integer(undefined, "same seed, same text", {
    min: 0,
    max: 2 ** 32 - 1,
    shownDefault: "a new one, which is printed",
  }),
});

/** Flags for the device, the model and its weights. */
export const modelFlags = group("Device and model", {
  ...deviceFlags,
  weights: choice("f32", "how weights are stored; int8 is faster and slightly less exact", {
    choices: ["f32", "int8"],
  }),
  context: integer(
    undefined,
    "use this many tokens of a published model's context; fewer take less memory",
    { min: 1, shownDefault: "all" },
  ),
  revision: text(undefined, "branch, tag or commit of a model on the hub", {
    shownDefault: "main",
  }),
});

/** The options of `generate` for `samplingFlags`. */
export function samplingOptions(flags: FlagValues<typeof samplingFlags>): GenerationOptions {
  const { temperature, topK, topP, minP, repetitionPenalty, noRepeatNgram } = flags;
  return {
    temperature,
    topK,
    topP: Math.max(topP, Number.MIN_VALUE), // 0: the most likely token only
    minP,
    repetitionPenalty,
    noRepeatNgram,
    seed: chosenSeed(flags),
  };
}

/** `--seed`, or a new one: then standard error says which, if the text depends on it. */
function chosenSeed({ seed, temperature }: FlagValues<typeof samplingFlags>): number {
  if (seed !== undefined) return seed;
  const chosen = newSeed();
  if (temperature > 0) stderr.write(`seed ${chosen}\n`);
  return chosen;
}
