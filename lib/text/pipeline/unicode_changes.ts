/**
 * Unicode's normal forms as changes of single characters, for offsets: which characters replace
 * which. unicode_normalization.ts computes the same texts without them.
 *
 * Decomposition replaces a character by its first part and inserts the others; canonical order
 * sorts marks; composition removes a mark. JavaScript has no property of combining classes, so
 * they are compared by how `normalize` orders two marks.
 *
 * @module
 */

import type { Change } from "../aligned_text.ts";
import { isInert, type NormalForm, normalizeUnicode } from "./unicode_normalization.ts";

/** The changes that make a text its normal form. */
export function unicodeChanges(text: string, form: NormalForm): Change[] {
  if (normalizeUnicode(text, form) === text) return Array.from(text, (each) => [each, 0]);
  const decomposed = form === "NFC" || form === "NFD" ? "NFD" : "NFKD";
  const changes: Change[] = [];
  let run: Change[] = [];
  const flush = () => {
    const ordered = inOrder(run);
    changes.push(...form === "NFC" || form === "NFKC" ? composed(ordered) : ordered);
    run = [];
  };
  for (const character of text) {
    if (isInert(character)) {
      flush();
      changes.push([character, 0]);
    } else {
      Array.from(character.normalize(decomposed)).forEach((part, index) =>
        run.push([part, index === 0 ? 0 : 1])
      );
    }
  }
  flush();
  return changes;
}

/** Sorts each run of marks by their combining classes; equal ones keep their order. */
function inOrder(changes: readonly Change[]): Change[] {
  const sorted: Change[] = [];
  for (const change of changes) {
    let at = sorted.length;
    if (isMark(change[0])) {
      while (at > 0 && isMark(sorted[at - 1][0]) && isBefore(change[0], sorted[at - 1][0])) at--;
    }
    sorted.splice(at, 0, change);
  }
  return sorted;
}

/** Canonical composition: each starter is composed with the marks that follow it. */
function composed(changes: readonly Change[]): Change[] {
  const result: Change[] = [];
  let starter: Change | undefined;
  let marks: Change[] = [];
  const flush = () => {
    if (starter !== undefined) result.push(starter, ...marks);
    starter = undefined;
    marks = [];
  };
  for (const change of changes) {
    const [character, own] = change;
    if (starter === undefined) {
      if (isStarter(character)) starter = change;
      else result.push(change);
      continue;
    }
    const last = marks.at(-1);
    const isFree = last === undefined || isBefore(last[0], character);
    const whole = isFree ? composite(starter[0], character) : undefined;
    if (whole !== undefined) starter = [whole, starter[1] + own - 1];
    else if (isStarter(character)) {
      flush();
      starter = change;
    } else marks.push(change);
  }
  flush();
  return result;
}

/** The character that two characters compose to, or undefined. */
function composite(first: string, second: string): string | undefined {
  if (second < "\u0300") return undefined; // no earlier character composes with one before it
  const whole = (first + second).normalize("NFC");
  return Array.from(whole).length === 1 ? whole : undefined;
}

function isMark(character: string): boolean {
  return character >= "\u0300" && /\p{M}/u.test(character);
}

/** Whether the combining class of one mark is below that of another, and neither is 0. */
function isBefore(first: string, second: string): boolean {
  return first !== second && (`a${second}${first}`).normalize("NFD") === `a${first}${second}`;
}

/** Whether the combining class is 0: nothing is reordered around the character. */
function isStarter(character: string): boolean {
  // U+0334 has the lowest class, 1, and U+0345 the highest, 240.
  return !isMark(character) ||
    !(isBefore(character, "\u0345") || isBefore("\u0334", character));
}
