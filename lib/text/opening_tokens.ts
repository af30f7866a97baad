/**
 * The ids that generation starts from without a prompt.
 *
 * @module
 */
import { expectTokenizer } from "./expect_tokenizer.ts";
import type { Tokenizer } from "./tokenizer.ts";

/**
 * One or more ids to generate from without a prompt: what the tokenizer puts before a text,
 * otherwise those of a line's end, and for a vocabulary without one, the first id that is no
 * special token.
 *
 * ```ts
 * import { CharacterTokenizer } from "../../mod.ts";
 * const tokenizer = CharacterTokenizer.fromText("one\ntwo");
 * console.assert(tokenizer.decode(openingTokens(tokenizer)) === "\n");
 * ```
 *
 * @throws {TypeError} if `tokenizer` is none
 */
export function openingTokens(tokenizer: Tokenizer): number[] {
  expectTokenizer("openingTokens", tokenizer);
  const { before } = tokenizer.surroundings;
  if (before.length > 0) return [...before];
  const lineEnd = expressible(tokenizer, "\n") ? tokenizer.encode("\n") : [];
  if (lineEnd.length > 0) return [...lineEnd];
  const special = new Set(tokenizer.specialTokens.values());
  let id = 0;
  while (special.has(id) && id < tokenizer.vocabSize - 1) id++;
  return [id];
}

/**
 * Whether a tokenizer can encode a text.
 *
 * @throws {TypeError} if `tokenizer` is none
 */
export function expressible(tokenizer: Tokenizer, text: string): boolean {
  expectTokenizer("expressible", tokenizer);
  try {
    tokenizer.encode(text);
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}
