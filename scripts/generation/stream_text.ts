/**
 * Generates one text and passes it on while it grows.
 *
 * @module
 */
import {
  generate,
  type Generated,
  type GenerationOptions,
  type GPT,
  type Prompt,
} from "../../mod.ts";

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
