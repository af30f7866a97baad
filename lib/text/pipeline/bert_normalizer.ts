/**
 * BERT's normalizer: controls removed, spaces unified, Chinese characters set apart, accents
 * stripped, lower case.
 *
 * @module
 */

import type { AlignedText } from "../aligned_text.ts";
import { unicodeChanges } from "./unicode_changes.ts";
import { filtered, lowercase, lowercaseOf, normalizeUnicode } from "./unicode_normalization.ts";
import { NONSPACING_MARKS } from "./unicode_tables.ts";

/** Which steps are done. */
export interface BertOptions {
  /** Remove controls, make every white space a space. */
  readonly cleanText: boolean;
  /** Put spaces around Chinese characters. */
  readonly handleChineseCharacters: boolean;
  /** Decompose, and remove nonspacing marks. */
  readonly stripAccents: boolean;
  /** Make letters lower case. */
  readonly lowercase: boolean;
}

// Controls, formats and private use by Unicode 8, and U+FFFD.
const REMOVED = new RegExp(
  "[\\0-\\x08\\x0B\\x0C\\x0E-\\x1F\\x7F-\\x9F\\xAD\\u0600-\\u0605\\u061C\\u06DD\\u070F\\u180E" +
    "\\u200B-\\u200F\\u202A-\\u202E\\u2060-\\u2064\\u2066-\\u206F\\uE000-\\uF8FF\\uFEFF" +
    "\\uFFF9-\\uFFFB\\uFFFD\\u{110BD}\\u{1BCA0}-\\u{1BCA3}\\u{1D173}-\\u{1D17A}\\u{E0001}" +
    "\\u{E0020}-\\u{E007F}\\u{F0000}-\\u{FFFFD}\\u{100000}-\\u{10FFFD}]",
  "gu",
);
const SPACES = /[\t\n\r\xA0\u1680\u2000-\u200A\u2028\u2029\u202F\u205F\u3000]/g;
const CHINESE = new RegExp(
  "[\\u3400-\\u4DBF\\u4E00-\\u9FFF\\uF900-\\uFAFF\\u{20000}-\\u{2A6DF}\\u{2A700}-\\u{2B81F}" +
    "\\u{2B920}-\\u{2CEAF}\\u{2F800}-\\u{2FA1F}]",
  "gu",
);

/** A text as BERT reads it. */
export function normalizeAsBert(text: string, options: BertOptions): string {
  if (options.cleanText) text = text.replaceAll(REMOVED, "").replaceAll(SPACES, " ");
  if (options.handleChineseCharacters) text = text.replaceAll(CHINESE, " $& ");
  if (options.stripAccents) {
    text = filtered(normalizeUnicode(text, "NFD"), (codePoint) => !NONSPACING_MARKS.has(codePoint));
  }
  return options.lowercase ? lowercase(text) : text;
}

/** The same, with the places of the characters. */
export function alignAsBert(text: AlignedText, options: BertOptions): AlignedText {
  const each = (pattern: RegExp, to: string) =>
    text.eachCharacter((character) => character.replace(pattern, to));
  if (options.cleanText) {
    text = each(REMOVED, "");
    text = each(SPACES, " ");
  }
  if (options.handleChineseCharacters) text = each(CHINESE, " $& ");
  if (options.stripAccents) {
    text = text.changed(unicodeChanges(text.text, "NFD")).eachCharacter((character) =>
      NONSPACING_MARKS.has(character.codePointAt(0)!) ? "" : character
    );
  }
  return options.lowercase ? text.eachCharacter(lowercaseOf) : text;
}
