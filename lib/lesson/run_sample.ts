/**
 * One call from a model and a prompt to text on the terminal.
 *
 * See ../cli/print_sample.ts for the colors, and ../generate for generation.
 *
 * @module
 */
import type { Output } from "../cli/output.ts";
import { SamplePrinter } from "../cli/print_sample.ts";
import { newSeed } from "../cli/new_seed.ts";
import { streamText } from "../generate/stream_text.ts";
import type { GPT } from "../nn/gpt.ts";
import { checkOptions, type OptionNames } from "../options.ts";
import { openingTokens } from "../text/opening_tokens.ts";
import type { Tokenizer } from "../text/tokenizer.ts";

/** Options of {@linkcode runSample}. */
export interface RunSampleOptions {
  /** Start of the text. Default: a line feed, if the tokenizer has one. */
  prompt?: string;
  /** Same seed, same text. Default: a random one. */
  seed?: number;
  /** Divides the logits; 0 takes the most likely token. Default 0.6. */
  temperature?: number;
  /** Keep the fewest most likely tokens whose probabilities sum to this. Default 0.9. */
  topP?: number;
  /** Maximum number of tokens to write. Default 64. */
  maxNewTokens?: number;
  /** Destination of the text. Default: standard output. */
  output?: Output;
}

/** The names of these options, with their defaults. */
const OPTIONS: OptionNames<RunSampleOptions> = {
  prompt: "a line feed",
  seed: "random",
  temperature: 0.6,
  topP: 0.9,
  maxNewTokens: 64,
  output: "stdout",
};

/**
 * Prints a prompt, once, and what the model writes after it, token by token, in the colors of
 * `printSample`; returns what the model wrote. It ends at the tokenizer's end token.
 *
 * ```ts
 * import { CharacterTokenizer, GPT, openDevice } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const tokenizer = CharacterTokenizer.fromText("to be or not");
 * const shape = { contextLength: 16, layers: 1, heads: 2, width: 16 };
 * const model = new GPT({ vocabSize: tokenizer.vocabSize, ...shape });
 * await runSample(model, tokenizer, { prompt: "to be", seed: 7, maxNewTokens: 8 });
 * device.close();
 * ```
 *
 * @throws {RangeError} if an option is out of range or the prompt cannot be encoded
 * @throws {TypeError} if an option is unknown
 */
export async function runSample(
  model: GPT,
  tokenizer: Tokenizer,
  options: RunSampleOptions = {},
): Promise<string> {
  checkOptions("runSample", options, OPTIONS);
  const { temperature = 0.6, topP = 0.9, maxNewTokens = 64, output } = options;
  const seed = options.seed ?? newSeed();
  const prompt = options.prompt ?? openingTokens(tokenizer);
  const shown = typeof prompt === "string" ? prompt : tokenizer.decode(prompt);
  const printer = new SamplePrinter(shown, output);
  const { text = "" } = await streamText(model, prompt, {
    tokenizer,
    seed,
    temperature,
    topP,
    maxNewTokens,
    write: (piece) => printer.write(piece),
  });
  printer.finish();
  return text;
}
