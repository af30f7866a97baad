/**
 * Writes text with a trained model.
 *
 *     deno task sample runs/baby --prompt "ROMEO:"
 *
 * @module
 */
import { choice, group, integer, number, text, toggle } from "../lib/cli/flags.ts";
import { onInterrupt, runScript, userInput } from "../lib/cli/run.ts";
import { printSample, SamplePrinter } from "../lib/cli/sample.ts";
import {
  Generator,
  loadModel,
  loadRunTokenizer,
  openDevice,
  openingTokens,
  quantize,
  UserError,
} from "../mod.ts";

const flags = {
  ...group("Text", {
    prompt: text(undefined, "what the text begins with", { shownDefault: "a line's end" }),
    maxNewTokens: integer(300, "tokens to write", { min: 1 }),
    stream: toggle(true, "show tokens as they come"),
  }),
  ...group("Choice of tokens", {
    temperature: number(0.8, "divides the logits; 0 takes the likeliest token", { min: 0 }),
    topK: integer(200, "keep the k likeliest tokens; 0 keeps all", { min: 0 }),
    topP: number(1, "keep the likeliest tokens that sum to this probability", { min: 0, max: 1 }),
    seed: integer(1337, "same seed, same text", { min: 0, max: 2 ** 32 - 1 }),
  }),
  ...group("Where", {
    device: choice("auto", "what computes", { choices: ["auto", "webgpu", "cpu"] }),
    precision: choice("f32", "of the operands of products; f16 is for WebGPU", {
      choices: ["f32", "f16"],
    }),
    weights: choice("f32", "how the weights are kept; int8 is faster and a little less exact", {
      choices: ["f32", "int8"],
    }),
    threads: integer(undefined, "CPU threads. Default: all cores", { min: 1, max: 64 }),
  }),
};

const command = {
  name: "deno task sample",
  summary: "Writes text with a trained model.",
  flags,
  positionals: { name: "RUN", meaning: "folder of the run", min: 1, max: 1 },
  examples: [
    ['deno task sample runs/baby --prompt "ROMEO:"', "go on from a speaker's name"],
    ["deno task sample runs/baby --temperature 0", "always the likeliest character"],
  ] as const,
};

await runScript(command, async ({ flags, positionals: [run] }) => {
  const { maxNewTokens, temperature, topK, seed } = flags;
  const tokenizer = await loadRunTokenizer(run);
  const ids = await userInput(() =>
    flags.prompt === undefined ? openingTokens(tokenizer) : tokenizer.encode(flags.prompt)
  );
  if (ids.length === 0) throw new UserError("--prompt: it holds no token; give at least one");
  const device = await openDevice(flags);
  const model = await loadModel(run, { dropout: 0 });
  if (flags.weights === "int8") await quantize(model);
  const stop = new AbortController();
  using _interrupt = onInterrupt(() => stop.abort());
  const topP = Math.max(flags.topP, Number.MIN_VALUE); // 0: only the likeliest
  const options = { maxNewTokens, temperature, topK, topP, seed, signal: stop.signal };
  const tokens = new Generator(model).generate(ids, options);
  const prompt = tokenizer.decode(ids); // as the model sees it
  const pieces = tokenizer.stream();
  for (const id of ids) pieces.push(id); // so that the first new word gets its space
  if (flags.stream) {
    const printer = new SamplePrinter(prompt);
    for await (const token of tokens) printer.write(pieces.push(token));
    printer.write(pieces.end());
    printer.finish();
  } else {
    let text = "";
    for await (const token of tokens) text += pieces.push(token);
    printSample(prompt, text + pieces.end());
  }
  device.close();
});
