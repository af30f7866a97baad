/**
 * Counts what a JSON text holds before it is parsed: an entry of an object takes ten times the
 * memory of its text, and a file from anywhere may have millions.
 *
 * @module
 */

const QUOTE = 0x22, BACKSLASH = 0x5C, COMMA = 0x2C;
const OPENING = [0x5B, 0x7B]; // [ {
const CLOSING = [0x5D, 0x7D]; // ] }

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
  if (json.length < 2 * limit) return false; // an entry takes a character and a comma
  const commas = new Uint32Array(LEVELS);
  let [depth, all] = [0, 0];
  for (let i = 0; i < json.length; i++) {
    const code = json.charCodeAt(i);
    const level = Math.min(depth, LEVELS - 1);
    if (code === QUOTE) i = endOfString(json, i);
    else if (code === COMMA) {
      if (++commas[level] >= limit || ++all >= IN_ALL * limit) return true;
    } else if (OPENING.includes(code)) {
      depth++;
      if (depth < LEVELS) commas[depth] = 0;
    } else if (CLOSING.includes(code)) depth = Math.max(0, depth - 1);
  }
  return false;
}

/** Where the string that begins at `start` ends. */
function endOfString(json: string, start: number): number {
  for (let end = json.indexOf('"', start + 1); end >= 0; end = json.indexOf('"', end + 1)) {
    let before = end;
    while (json.charCodeAt(before - 1) === BACKSLASH) before--;
    if ((end - before) % 2 === 0) return end;
  }
  return json.length;
}
