/**
 * From tokens to texts: the stream after a prompt, and the prompt before a text.
 *
 * @module
 */
import type { Tokenizer, TokenStream } from "../text/tokenizer.ts";
import type { GenerationOptions } from "./generation.ts";

/** A stream of text that has seen the prompt. */
export function streamAfter(prompt: readonly number[], tokenizer: Tokenizer): TokenStream {
  const stream = tokenizer.stream({ skipSpecialTokens: true });
  for (const id of prompt) stream.push(id);
  return stream;
}

/** The result of a text: with `echo` the prompt precedes it. */
export function echoed(
  prompt: readonly number[],
  tokens: readonly number[],
  text: string,
  { echo, tokenizer }: GenerationOptions,
): { tokens: number[]; text: string | undefined } {
  if (!echo) return { tokens: [...tokens], text: tokenizer && text };
  const before = tokenizer?.decode(prompt, { skipSpecialTokens: true });
  return { tokens: [...prompt, ...tokens], text: tokenizer && before + text };
}
