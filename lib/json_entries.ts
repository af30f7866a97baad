/**
 * Counts what a JSON text holds before it is parsed: an entry of an object takes ten times the
 * memory of its text, and a file from anywhere may have millions.
 *
 * @module
 */

const QUOTE = 0x22, BACKSLASH = 0x5C, COMMA = 0x2C;
const OPENING_BRACKET = 0x5B, CLOSING_BRACKET = 0x5D;
const OPENING_BRACE = 0x7B, CLOSING_BRACE = 0x7D;

/** Levels of nesting that are counted separately; deeper ones together. */
const LEVELS = 64;
/** Entries of all lists and objects together, in multiples of the limit of one. */
const IN_ALL = 8;

/**
 * Whether a list or an object of a JSON text has more than `limit` entries, or all of them together
 * more than 8 · `limit`. Nothing is built, and the text need not be well-formed.
 *
 * ```ts
 * import { hasMoreEntries } from "./json_entries.ts";
 * console.log(hasMoreEntries('{"vocab": {"a": 0, "b": 1, "c": 2}}', 2)); // true
 * ```
 */
export function hasMoreEntries(json: string, limit: number): boolean {
  const { length } = json;
  if (length < 2 * limit) return false; // an entry takes a character and a comma
  const commas = new Uint32Array(LEVELS);
  let [depth, all] = [0, 0];
  for (let i = 0; i < length; i++) {
    const code = json.charCodeAt(i);
    if (code === QUOTE) {
      // A backslash and what follows it belong to the string.
      for (i++; i < length; i++) {
        const inside = json.charCodeAt(i);
        if (inside === QUOTE) break;
        if (inside === BACKSLASH) i++;
      }
    } else if (code === COMMA) {
      if (++commas[Math.min(depth, LEVELS - 1)] >= limit || ++all >= IN_ALL * limit) return true;
    } else if (code === OPENING_BRACKET || code === OPENING_BRACE) {
      depth++;
      if (depth < LEVELS) commas[depth] = 0;
    } else if (code === CLOSING_BRACKET || code === CLOSING_BRACE) depth = Math.max(0, depth - 1);
  }
  return false;
}
