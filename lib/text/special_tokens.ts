/**
 * Special tokens: pieces of text, such as `<|endoftext|>`, that no model splits.
 *
 * @module
 */

/** A run of plain text, or one special token. */
export type TextPart = { text: string; id?: undefined } | { text: string; id: number };

/**
 * Cuts a text at its special tokens: the leftmost first, and of those that start together the
 * longest.
 */
export function* splitSpecialTokens(
  text: string,
  specialTokens: ReadonlyMap<string, number>,
): Generator<TextPart> {
  let start = 0;
  if (specialTokens.size > 0) {
    for (const match of text.matchAll(specialPattern(specialTokens.keys()))) {
      if (match.index > start) yield { text: text.slice(start, match.index) };
      yield { text: match[0], id: specialTokens.get(match[0])! };
      start = match.index + match[0].length;
    }
  }
  if (start < text.length) yield { text: text.slice(start) };
}

function specialPattern(tokens: Iterable<string>): RegExp {
  const longestFirst = [...tokens].sort((a, b) => b.length - a.length);
  return new RegExp(longestFirst.map((token) => RegExp.escape(token)).join("|"), "gu");
}
