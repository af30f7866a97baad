/**
 * What a text begins with where nobody gave a prompt.
 *
 * @module
 */
import type { Tokenizer } from "./tokenizer.ts";

/**
 * One or more ids to generate from without a prompt: what the tokenizer puts before a text, or else
 * those of a line's end, and for a vocabulary that has none, the first id that is no special token.
 *
 * @example
 * ```ts
 * import { CharacterTokenizer } from "../../mod.ts";
 * const tokenizer = CharacterTokenizer.fromText("one\ntwo");
 * console.assert(tokenizer.decode(openingTokens(tokenizer)) === "\n");
 * ```
 */
export function openingTokens(tokenizer: Tokenizer): number[] {
  const { before } = tokenizer.surroundings;
  if (before.length > 0) return [...before];
  const lineEnd = expressible(tokenizer, "\n") ? tokenizer.encode("\n") : [];
  if (lineEnd.length > 0) return [...lineEnd];
  const special = new Set(tokenizer.specialTokens.values());
  let id = 0;
  while (special.has(id) && id < tokenizer.vocabSize - 1) id++;
  return [id];
}

/** Whether a tokenizer can encode a text. */
export function expressible(tokenizer: Tokenizer, text: string): boolean {
  try {
    tokenizer.encode(text);
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}
