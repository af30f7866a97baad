/**
 * A pattern that is a text as it is.
 *
 * @module
 */

/** Finds matches in a text: starts and ends alternate, in UTF-16 units. */
export interface TextPattern {
  matches(text: string): number[];
  /** The text that is looked for, unless it is a pattern. */
  readonly literal: string | undefined;
}

/** The pattern of a text that is not empty. */
export function literalPattern(literal: string): TextPattern {
  return { literal, matches: (text) => occurrences(text, literal) };
}

function occurrences(text: string, part: string): number[] {
  const found: number[] = [];
  for (let at = text.indexOf(part); at >= 0; at = text.indexOf(part, at + part.length)) {
    found.push(at, at + part.length);
  }
  return found;
}
