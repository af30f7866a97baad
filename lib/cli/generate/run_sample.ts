/**
 * One call from a model and a prompt to text on the terminal.
 *
 * The colors are in lib/cli/sample.ts, generation in lib/generate.
 *
 * @module
 */

import { generate } from "../../generate/generate.ts";
import type { GPT } from "../../nn/gpt.ts";
import { openingTokens } from "../../text/opening_tokens.ts";
import type { Tokenizer } from "../../text/tokenizer.ts";
import type { Output } from "../output.ts";
import { SamplePrinter } from "../sample.ts";

/** Options of `runSample`. */
export interface RunSampleOptions {
  /** What the text begins with. Default: a line's end. */
  prompt?: string;
  /** Same seed, same text. Default: one by chance. */
  seed?: number;
  /** Divides the logits; 0 takes the likeliest token. Default 0.6. */
  temperature?: number;
  /** Keep the fewest likeliest tokens whose probabilities sum to this. Default 0.9. */
  topP?: number;
  /** Tokens to write. Default 64. */
  maxNewTokens?: number;
  /** Where to print. Default: standard output. */
  output?: Output;
}

/**
 * Prints a prompt, once, and what the model writes after it, token by token, in the colors of
 * `printSample`; gives what the model wrote. It ends at the tokenizer's end token.
 *
 * @throws {RangeError} where an option is out of range or the prompt cannot be encoded
 *
 * @example
 * ```ts
 * import { CharacterTokenizer, GPT, openDevice } from "../../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const tokenizer = CharacterTokenizer.fromText("to be or not");
 * const shape = { contextLength: 16, layers: 1, heads: 2, width: 16 };
 * const model = new GPT({ vocabSize: tokenizer.vocabSize, ...shape });
 * await runSample(model, tokenizer, { prompt: "to be", seed: 7, maxNewTokens: 8 });
 * device.close();
 * ```
 */
export async function runSample(
  model: GPT,
  tokenizer: Tokenizer,
  options: RunSampleOptions = {},
): Promise<string> {
  const { prompt, temperature = 0.6, topP = 0.9, maxNewTokens = 64, output } = options;
  const seed = options.seed ?? crypto.getRandomValues(new Uint32Array(1))[0];
  const ids = prompt === undefined
    ? openingTokens(tokenizer)
    : [...tokenizer.surroundings.before, ...tokenizer.encode(prompt)];
  const printer = new SamplePrinter(prompt ?? tokenizer.decode(ids), output);
  let printed = 0;
  const [{ text = "" }] = await generate(model, ids, {
    ...{ tokenizer, seed, temperature, topP, maxNewTokens },
    onToken: ({ text }) => {
      printer.write(text);
      printed += text.length;
    },
  });
  printer.write(text.slice(printed));
  printer.finish();
  return text;
}
