/**
 * Writes text with a trained model.
 *
 *     deno task sample runs/baby --prompt "ROMEO:"
 *     deno task sample --model openai-community/gpt2 --prompt "Once upon a time"
 *
 * @module
 */
import { deviceOptions } from "../lib/cli/device_flags.ts";
import {
  choice,
  type FlagValues,
  group,
  integer,
  kebabCase,
  number,
  text,
  toggle,
} from "../lib/cli/flags.ts";
import { Interrupt } from "../lib/cli/interrupt.ts";
import { print, printable, stdout } from "../lib/cli/output.ts";
import { printSample, SamplePrinter } from "../lib/cli/print_sample.ts";
import { runScript, userInput } from "../lib/cli/run.ts";
import {
  generate,
  type Generated,
  type GenerationOptions,
  openDevice,
  openingTokens,
  type SamplingDefaults,
  streamText,
  type Tokenizer,
  UserError,
} from "../mod.ts";
import { modelFlags, samplingFlags, samplingOptions } from "./generation/flags.ts";
import { type OpenedModel, openModel } from "./generation/open_model.ts";

const flags = {
  model: text(undefined, "the same as MODEL alone", { placeholder: "MODEL", shownDefault: "" }),
  ...group("Text", {
    prompt: text(undefined, "what the text begins with", { shownDefault: "a line feed" }),
    maxNewTokens: integer(300, "maximum number of tokens to write", { min: 1 }),
    minNewTokens: integer(0, "minimum number of tokens: end tokens are suppressed before", {
      min: 0,
    }),
    stop: text(undefined, "text or special token that ends it; \\n is a line feed", {
      shownDefault: "",
    }),
    sequences: integer(1, "number of texts to write", { min: 1, max: 64 }),
    overflow: choice("slide", "at a full context, forget its first half (slide) or stop", {
      choices: ["slide", "stop"],
    }),
    scores: toggle(false, "show the log-probability of each token"),
    sideBySide: toggle(false, "write the text without --adapter first, and then with it"),
    stream: toggle(true, "show tokens as they are generated"),
    showPrompt: toggle(true, "show the prompt before what is written"),
  }),
  ...samplingFlags,
  ...group("Beam search", {
    beams: integer(1, "number of beams; above 1, beam search replaces sampling", {
      min: 1,
      max: 64,
    }),
    lengthPenalty: number(1, "divides a text's score by its length to this power"),
  }),
  ...modelFlags,
};

type SampleFlags = FlagValues<typeof flags>;

const command = {
  name: "deno task sample",
  summary: "Writes text with a trained model.",
  flags,
  positionals: {
    name: "MODEL",
    meaning: "folder of a run or a model, address, or name on the hub",
    max: 1,
  },
  examples: [
    ['deno task sample runs/baby --prompt "ROMEO:"', "continue a speaker's name"],
    ["deno task sample runs/baby --temperature 0", "always the most likely character"],
    [
      "deno task sample runs/baby --adapter runs/finetune --side-by-side",
      "what fine-tuning changed",
    ],
    ["deno task sample --model openai-community/gpt2 --beams 4", "a published model, beam search"],
  ] as const,
};

await runScript(command, async ({ flags, given, positionals }) => {
  const location = modelLocation(flags, positionals);
  expectUsed(given, flags.beams);
  if (flags.sideBySide && flags.adapter === undefined) {
    throw new UserError("--side-by-side: expected --adapter RUN, whose effect it shows");
  }
  const device = await openDevice(deviceOptions(flags));
  const opened = await openModel(location, flags);
  const ids = await promptTokens(flags, opened.tokenizer);
  using interrupt = new Interrupt(); // Ctrl-C cuts the text off
  const { signal } = interrupt;
  const options = { ...textOptions(flags, opened.sampling), signal };
  const writeText = () => write(opened, ids, flags, options);
  if (flags.sideBySide) {
    for (const enabled of [false, true]) {
      if (signal.aborted) break;
      opened.adapter!.enabled = enabled;
      print(enabled ? `\n[with ${flags.adapter}]` : `[${location} alone]`);
      await writeText();
    }
  } else await writeText();
  device.close();
  if (signal.aborted) Deno.exit(interrupt.exitCode);
});

/** Writes the texts that the flags ask for, which begin with the tokens `ids`. */
async function write(
  { model, tokenizer, endTokens }: OpenedModel,
  ids: readonly number[],
  flags: SampleFlags,
  rules: GenerationOptions,
): Promise<void> {
  // As the model sees it.
  const prompt = flags.showPrompt ? tokenizer.decode(ids, { skipSpecialTokens: true }) : "";
  const options = { ...rules, tokenizer, endToken: endTokens };
  const { sequences } = flags;
  if (flags.stream && sequences === 1 && flags.beams === 1) {
    const printer = new SamplePrinter(prompt);
    const write = (piece: string) => printer.write(piece);
    const generated = await userInput(() => streamText(model, ids, { ...options, write }));
    printer.finish();
    printScores(generated, tokenizer);
    return;
  }
  for (
    const generated of await userInput(() => generate(model, [ids], { ...options, sequences }))
  ) {
    if (sequences > 1) print(`[${generated.sequence + 1} of ${sequences}]`);
    printSample(prompt, generated.text!);
    printScores(generated, tokenizer);
  }
}

function modelLocation({ model }: SampleFlags, positionals: readonly string[]): string {
  const locations = model === undefined ? positionals : [model, ...positionals];
  if (locations.length === 1) return locations[0];
  throw new UserError("expected one model: the folder of a run, or --model; see --help");
}

/** Refuses a flag without effect: those of sampling beside beams, that of beams without. */
function expectUsed(given: ReadonlySet<keyof SampleFlags>, beams: number): void {
  const sampling = ["temperature", "topK", "topP", "minP"] as const;
  const idle = beams > 1 ? sampling.find((name) => given.has(name)) : undefined;
  if (idle) {
    throw new UserError(`--${kebabCase(idle)} is for sampling, and --beams takes its place`);
  }
  if (beams === 1 && given.has("lengthPenalty")) {
    throw new UserError("--length-penalty is for beam search; give --beams of 2 or more, too");
  }
}

/** The ids of the prompt, or of what a text of this tokenizer begins with. */
async function promptTokens({ prompt }: SampleFlags, tokenizer: Tokenizer): Promise<number[]> {
  if (prompt === undefined) return openingTokens(tokenizer);
  const ids = await userInput(() => tokenizer.encode(prompt));
  const all = [...tokenizer.surroundings.before, ...ids];
  if (all.length === 0) throw new UserError("--prompt: it holds no token; give at least one");
  return all;
}

/** The options of `generate`: rules for all texts, and those of beam search or of sampling. */
function textOptions(flags: SampleFlags, sampling: SamplingDefaults): GenerationOptions {
  const { maxNewTokens, minNewTokens, scores, overflow, beams, lengthPenalty } = flags;
  const stop = flags.stop?.replaceAll("\\n", "\n");
  const rules = { maxNewTokens, minNewTokens, scores, stop };
  if (beams === 1) return { ...rules, ...samplingOptions(flags, sampling), overflow };
  const { repetitionPenalty = sampling.repetitionPenalty } = flags;
  const { noRepeatNgram = sampling.noRepeatNgram } = flags;
  return { ...rules, repetitionPenalty, noRepeatNgram, beams, lengthPenalty };
}

/** A line for each token: its log-probability and its spelling. */
function printScores({ tokens, scores, score }: Generated, tokenizer: Tokenizer): void {
  scores?.forEach((value, i) =>
    print(`${value.toFixed(3).padStart(9)}  ${spelling(tokenizer.token(tokens[i]))}`)
  );
  if (scores && score !== undefined) print(`${score.toFixed(3).padStart(9)}  score of the text`);
}

/** A token in quotes. */
function spelling(token: string): string {
  return printable(JSON.stringify(token), stdout);
}
