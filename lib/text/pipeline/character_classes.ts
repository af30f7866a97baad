/**
 * Classes of characters as the reference's own code (not its patterns) has them.
 *
 * @module
 */

import { CodeSet } from "../regex/code_set.ts";

/** Numerals by Unicode 17, of which the engine's own tables may know fewer. */
export const NUMERAL: CodeSet = new CodeSet((codePoint) =>
  (0x11DE0 <= codePoint && codePoint <= 0x11DE9) ||
  (0x16FF4 <= codePoint && codePoint <= 0x16FF6) ||
  /\p{N}/u.test(String.fromCodePoint(codePoint))
);

/** What belongs to a word: letters, marks, digits, connectors and joiners. */
export const WORD_CHARACTER: CodeSet = new CodeSet((codePoint) =>
  /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]/u.test(String.fromCodePoint(codePoint))
);
