/**
 * The `pattern` of a part, and splitting by it: `{ "Regex": … }`, or `{ "String": … }` for a text
 * as it is.
 *
 * @module
 */

import { Pattern } from "../regex/pattern.ts";
import { malformed, readObject } from "../tokenizer_file.ts";
import { literalPattern, type TextPattern } from "./literal_pattern.ts";
import type { Part } from "./part.ts";

/** The pattern of a part. */
export function readPattern(part: Part): TextPattern {
  const { Regex: source, String: literal } = readObject(
    part.field("pattern"),
    `${part.name}.pattern`,
  );
  const given = source ?? literal;
  if (typeof given !== "string" || !given.isWellFormed() || given.length > 4096) {
    throw malformed(
      `${part.name}.pattern`,
      "a Regex or a String of at most 4096 characters",
      given,
    );
  }
  if (source !== undefined) return byRegex(given, part);
  // An empty text is found between all characters.
  return given === "" ? byRegex("", part) : literalPattern(given);
}

function byRegex(source: string, part: Part): TextPattern {
  try {
    const pattern = new Pattern(source);
    // The reference looks for nothing in an empty text.
    return { literal: undefined, matches: (text) => text === "" ? [] : pattern.matches(text) };
  } catch (error) {
    const { message } = error as SyntaxError;
    throw new SyntaxError(`tokenizer.json: ${part.name}.pattern: ${message}`, { cause: error });
  }
}

/** How a text is split at the matches. */
export const SPLIT_BEHAVIORS = [
  "Removed",
  "Isolated",
  "MergedWithPrevious",
  "MergedWithNext",
  "Contiguous",
] as const;
/** One of them. */
export type SplitBehavior = typeof SPLIT_BEHAVIORS[number];

/**
 * The pieces of a text that is split at matches: starts and ends alternate. With `invert`, what is
 * between the matches counts as matches.
 */
export function splitAt(
  matches: readonly number[],
  length: number,
  { behavior, invert = false }: { behavior: SplitBehavior; invert?: boolean },
): number[] {
  const starts: number[] = [], ends: number[] = [], isMatch: boolean[] = [];
  const add = (start: number, end: number, match: boolean) => {
    starts.push(start);
    ends.push(end);
    isMatch.push(match);
  };
  let last = 0;
  for (let i = 0; i < matches.length; i += 2) {
    if (matches[i] > last) add(last, matches[i], invert);
    add(matches[i], matches[i + 1], !invert);
    last = matches[i + 1];
  }
  if (last < length) add(last, length, invert);
  return merged({ starts, ends, isMatch }, behavior);
}

interface Segments {
  readonly starts: number[];
  readonly ends: number[];
  readonly isMatch: readonly boolean[];
}

/** Joins what belongs together, and leaves out what is empty or removed. */
function merged({ starts, ends, isMatch }: Segments, behavior: SplitBehavior): number[] {
  const pieces: number[] = [];
  const backward = behavior === "MergedWithNext";
  let previous = false;
  for (let n = 0; n < starts.length; n++) {
    const i = backward ? starts.length - 1 - n : n;
    const match = isMatch[i];
    const joins = behavior === "Contiguous"
      ? match === previous
      : behavior.startsWith("Merged") && match && !previous;
    previous = match;
    if (behavior === "Removed" && match) continue;
    if (joins && pieces.length > 0) {
      if (backward) pieces[pieces.length - 1] = starts[i];
      else pieces[pieces.length - 1] = ends[i];
    } else if (backward) pieces.push(ends[i], starts[i]);
    else pieces.push(starts[i], ends[i]);
  }
  if (backward) pieces.reverse();
  return withoutEmpty(pieces);
}

function withoutEmpty(pieces: number[]): number[] {
  let kept = 0;
  for (let i = 0; i < pieces.length; i += 2) {
    if (pieces[i] === pieces[i + 1]) continue;
    pieces[kept] = pieces[i];
    pieces[kept + 1] = pieces[i + 1];
    kept += 2;
  }
  pieces.length = kept;
  return pieces;
}
