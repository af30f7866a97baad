/**
 * Unicode's normal forms and lower case as the reference has them: normal forms by Unicode 12, in
 * which younger characters are left as they are, lower case by Unicode 17, letter by letter.
 *
 * @module
 */

import { INERT } from "./unicode_tables.ts";

/** One of Unicode's normal forms. */
export type NormalForm = "NFC" | "NFD" | "NFKC" | "NFKD";

/** A text in a normal form. */
export function normalizeUnicode(text: string, form: NormalForm): string {
  if (isAscii(text)) return text;
  let result = "", start = 0;
  for (let at = 0; at < text.length;) {
    const codePoint = text.codePointAt(at)!;
    const next = at + (codePoint > 0xFFFF ? 2 : 1);
    if (codePoint > 0x7FC && INERT.has(codePoint)) {
      result += text.slice(start, at).normalize(form) + text.slice(at, next);
      start = next;
    }
    at = next;
  }
  return result + text.slice(start).normalize(form);
}

/** Whether a character does not take part in normalization. */
export function isInert(character: string): boolean {
  const codePoint = character.codePointAt(0)!;
  return codePoint > 0x7FC && INERT.has(codePoint);
}

/** A text in lower case: a Σ is σ wherever it is. */
export function lowercase(text: string): string {
  if (isAscii(text)) return text.toLowerCase();
  let result = "";
  for (const character of text) result += lowercaseOf(character);
  return result;
}

/** One character in lower case. */
export function lowercaseOf(character: string): string {
  return young(character) ?? character.toLowerCase();
}

/** The characters of a text for which `keeps` holds. */
export function filtered(text: string, keeps: (codePoint: number) => boolean): string {
  let kept = "";
  for (const character of text) if (keeps(character.codePointAt(0)!)) kept += character;
  return kept;
}

function isAscii(text: string): boolean {
  // deno-lint-ignore no-control-regex
  return !/[^\x00-\x7F]/.test(text);
}

/** Lower case of letters that Unicode 17 added. */
function young(character: string): string | undefined {
  const codePoint = character.codePointAt(0)!;
  const isPair = codePoint === 0xA7CE || codePoint === 0xA7D2 || codePoint === 0xA7D4;
  if (isPair) return String.fromCodePoint(codePoint + 1);
  const isBeria = 0x16EA0 <= codePoint && codePoint <= 0x16EB8;
  return isBeria ? String.fromCodePoint(codePoint + 27) : undefined;
}
