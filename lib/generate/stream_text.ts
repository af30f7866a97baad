/**
 * Generates one text and passes it on while it grows.
 *
 * @module
 */
import type { GPT } from "../nn/gpt.ts";
import { generate } from "./generate.ts";
import type { Generated, GenerationOptions, Prompt } from "./generation.ts";

/**
 * Options of `streamText`: those of `generate` for one text, and a function that receives its
 * pieces.
 */
export interface StreamOptions extends Omit<GenerationOptions, "onToken" | "sequences"> {
  /** Receives the pieces; together they are the text. */
  readonly write: (piece: string) => void;
}

/**
 * Continues one prompt; `write` receives the text piece by piece, without what a stop string cuts
 * off.
 *
 * ```ts
 * import { CharacterTokenizer, GPT, openDevice } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const tokenizer = CharacterTokenizer.fromText("to be or not");
 * const shape = { contextLength: 16, layers: 1, heads: 2, width: 16 };
 * const model = new GPT({ vocabSize: tokenizer.vocabSize, ...shape });
 * let streamed = "";
 * const write = (piece: string) => streamed += piece;
 * const { text } = await streamText(model, "to be", { tokenizer, maxNewTokens: 8, write });
 * console.assert(streamed === text);
 * device.close();
 * ```
 *
 * @throws {RangeError} if an option is out of range or the prompt cannot be encoded
 */
export async function streamText(
  model: GPT,
  prompt: Prompt,
  { write, ...options }: StreamOptions,
): Promise<Generated> {
  let written = 0;
  const generated = await generate(model, prompt, {
    ...options,
    onToken: ({ text }) => {
      write(text);
      written += text.length;
    },
  });
  write((generated.text ?? "").slice(written));
  return generated;
}
