/**
 * Writes text with a trained model.
 *
 *     deno task sample runs/baby --prompt "ROMEO:"
 *     deno task sample --model openai-community/gpt2 --prompt "Once upon a time"
 *
 * @module
 */
import { choice, type FlagValues, group, integer, number, text, toggle } from "../lib/cli/flags.ts";
import { choiceFlags, choiceOptions, deviceFlags } from "../lib/cli/generate/flags.ts";
import { openModel } from "../lib/cli/generate/open_model.ts";
import { print } from "../lib/cli/output.ts";
import { onInterrupt, runScript, userInput } from "../lib/cli/run.ts";
import { printSample, SamplePrinter } from "../lib/cli/sample.ts";
import {
  generate,
  type Generated,
  type GenerationOptions,
  openDevice,
  openingTokens,
  type Tokenizer,
  UserError,
} from "../mod.ts";

const flags = {
  model: text(undefined, "folder, address or hub name of a model; may stand without --model", {
    placeholder: "MODEL",
    shownDefault: "",
  }),
  ...group("Text", {
    prompt: text(undefined, "what the text begins with", { shownDefault: "a line's end" }),
    maxNewTokens: integer(300, "tokens to write", { min: 1 }),
    minNewTokens: integer(0, "tokens before the text may end", { min: 0 }),
    stop: text(undefined, "text that ends it, \\n for a line's end", { shownDefault: "" }),
    sequences: integer(1, "texts to write", { min: 1, max: 64 }),
    overflow: choice("slide", "at a full context: forget its first half, or stop", {
      choices: ["slide", "stop"],
    }),
    scores: toggle(false, "show each token's log-probability"),
    stream: toggle(true, "show tokens as they come"),
  }),
  ...choiceFlags,
  ...group("Beam search", {
    beams: integer(1, "likeliest texts kept at each token; replaces the choice by chance", {
      min: 1,
      max: 64,
    }),
    lengthPenalty: number(1, "power of the length that a text's score is divided by"),
  }),
  ...deviceFlags,
};

const command = {
  name: "deno task sample",
  summary: "Writes text with a trained model.",
  flags,
  positionals: { name: "MODEL", meaning: "folder of a run, or as --model", max: 1 },
  examples: [
    ['deno task sample runs/baby --prompt "ROMEO:"', "go on from a speaker's name"],
    ["deno task sample runs/baby --temperature 0", "always the likeliest character"],
    ["deno task sample --model openai-community/gpt2 --beams 4", "a published model, beam search"],
  ] as const,
};

await runScript(command, async ({ flags, positionals }) => {
  const location = flags.model ?? positionals[0];
  if (location === undefined || (flags.model !== undefined && positionals.length > 0)) {
    throw new UserError("expected one model: the folder of a run, or --model; see --help");
  }
  const device = await openDevice(flags);
  const { model, tokenizer, endTokens } = await openModel(location, flags);
  const ids = await userInput(() =>
    flags.prompt === undefined
      ? openingTokens(tokenizer)
      : [...tokenizer.surroundings.before, ...tokenizer.encode(flags.prompt)]
  );
  if (ids.length === 0) throw new UserError("--prompt: it holds no token; give at least one");
  const prompt = tokenizer.decode(ids, { skipSpecialTokens: true }); // as the model sees it
  const stop = new AbortController();
  using _interrupt = onInterrupt(() => stop.abort());
  const options = {
    ...textOptions(flags),
    ...{ tokenizer, endToken: endTokens, signal: stop.signal },
  };
  const write = (onToken?: GenerationOptions["onToken"]) =>
    userInput(() => generate(model, ids, { ...options, onToken }));
  if (flags.stream && flags.sequences === 1 && flags.beams === 1) {
    const printer = new SamplePrinter(prompt);
    let printed = 0;
    const [generated] = await write(({ text }) => {
      printer.write(text);
      printed += text.length;
    });
    printer.write(generated.text!.slice(printed));
    printer.finish();
    printScores(generated, tokenizer);
  } else {
    for (const generated of await write()) {
      if (flags.sequences > 1) print(`[${generated.sequence + 1} of ${flags.sequences}]`);
      printSample(prompt, generated.text!);
      printScores(generated, tokenizer);
    }
  }
  device.close();
});

function textOptions(values: FlagValues<typeof flags>): GenerationOptions {
  const { maxNewTokens, minNewTokens, sequences, scores, overflow, beams, lengthPenalty } = values;
  const stop = values.stop?.replaceAll("\\n", "\n");
  const shared = { maxNewTokens, minNewTokens, sequences, scores };
  const { repetitionPenalty, noRepeatNgram, ...sampling } = choiceOptions(values);
  const rules = { repetitionPenalty, noRepeatNgram };
  return beams > 1
    ? { ...shared, ...rules, stop, beams, lengthPenalty }
    : { ...shared, ...rules, stop, ...sampling, overflow };
}

/** A line for each token: its log-probability and its spelling. */
function printScores({ tokens, scores, score }: Generated, tokenizer: Tokenizer): void {
  scores?.forEach((value, i) =>
    print(`${value.toFixed(3).padStart(9)}  ${JSON.stringify(tokenizer.token(tokens[i]))}`)
  );
  if (scores && score !== undefined) print(`${score.toFixed(3).padStart(9)}  for each token`);
}
