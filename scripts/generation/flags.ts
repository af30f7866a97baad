/**
 * The flags that `deno task sample` and `deno task chat` share.
 *
 * @module
 */
import { deviceFlags } from "../../lib/cli/device_flags.ts";
import { stderr } from "../../lib/cli/output.ts";
import { choice, type FlagValues, group, integer, number, text } from "../../lib/cli/flags.ts";
import { revisionFlag } from "../../lib/cli/model_place.ts";
import type { GenerationOptions, SamplingDefaults } from "../../mod.ts";
import { newSeed } from "../../lib/cli/new_seed.ts";

/** Sampling if neither the user nor the model says anything. */
const USUAL = {
  temperature: 0.8,
  topK: 200,
  topP: 1,
  minP: 0,
  repetitionPenalty: 1,
  noRepeatNgram: 0,
} satisfies SamplingDefaults;

const shown = (name: keyof typeof USUAL) => ({ shownDefault: `the model's, or ${USUAL[name]}` });

/** Flags for sampling; those that are not given are the model's, by `generation_config.json`. */
export const samplingFlags = group("Sampling", {
  temperature: number(undefined, "divides the logits; 0 takes the most likely token", {
    min: 0,
    ...shown("temperature"),
  }),
  topK: integer(undefined, "keep the k most likely tokens; 0 keeps all", {
    min: 0,
    ...shown("topK"),
  }),
  topP: number(undefined, "keep the most likely tokens whose probabilities sum to this", {
    min: 0,
    max: 1,
    ...shown("topP"),
  }),
  minP: number(undefined, "keep tokens with at least this fraction of the highest probability", {
    min: 0,
    max: 1,
    ...shown("minP"),
  }),
  repetitionPenalty: number(
    undefined,
    "makes tokens that were used before less likely; 1 disables it",
    { min: 1e-3, max: 1e3, ...shown("repetitionPenalty") },
  ),
  noRepeatNgram: integer(undefined, "forbid repeating any n-gram of this size; 0 allows all", {
    min: 0,
    ...shown("noRepeatNgram"),
  }),
  seed: integer(undefined, "same seed, same text", {
    min: 0,
    max: 2 ** 32 - 1,
    shownDefault: "a new one, which is printed",
  }),
});

/** Flags for the device, the model and its weights. */
export const modelFlags = group("Device and model", {
  ...deviceFlags,
  weights: choice(
    "f32",
    "how weights are stored: bf16 and f16 as in the file, int8 and int4 rounded",
    {
      choices: ["f32", "bf16", "f16", "int8", "int4"],
    },
  ),
  context: integer(
    undefined,
    "use this many tokens of a published model's context; fewer take less memory",
    { min: 1, shownDefault: "all" },
  ),
  adapter: text(
    undefined,
    "LoRA adapter, prompt or prefix of the model: folder of a run, address, or name on the hub",
    {
      placeholder: "RUN",
      shownDefault: "",
    },
  ),
  revision: revisionFlag(),
});

type Sampling = FlagValues<typeof samplingFlags>;

/**
 * The options of `generate` for `samplingFlags` and a model whose makers sample so; standard error
 * says which of their settings are used.
 */
export function samplingOptions(flags: Sampling, model: SamplingDefaults): GenerationOptions {
  const given = rulesOf(flags);
  const makers = Object.entries(model).filter(([name]) => given[name as keyof Rules] === undefined);
  if (makers.length > 0) {
    const settings = makers.map(([name, value]) => `${kebab(name)} ${value}`).join(", ");
    stderr.write(`sampling as the model's generation_config.json says: ${settings}\n`);
  }
  const { topP, ...chosen } = { ...USUAL, ...Object.fromEntries(makers), ...defined(given) };
  return {
    ...chosen,
    topP: Math.max(topP, Number.MIN_VALUE), // 0: the most likely token only
    seed: chosenSeed(flags, chosen.temperature),
  };
}

type Rules = { [Name in keyof typeof USUAL]: number | undefined };

function rulesOf(flags: Sampling): Rules {
  const { temperature, topK, topP, minP, repetitionPenalty, noRepeatNgram } = flags;
  return { temperature, topK, topP, minP, repetitionPenalty, noRepeatNgram };
}

function defined(rules: Rules): Partial<typeof USUAL> {
  return Object.fromEntries(Object.entries(rules).filter(([, value]) => value !== undefined));
}

function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** `--seed`, or a new one: then standard error says which, if the text depends on it. */
function chosenSeed({ seed }: Sampling, temperature: number): number {
  if (seed !== undefined) return seed;
  const chosen = newSeed();
  if (temperature > 0) stderr.write(`seed ${chosen}\n`);
  return chosen;
}
