/**
 * The nearest known word to a mistyped one, for "did you mean …?" in error messages.
 * The caller writes the suggestion.
 *
 * @module
 */

/**
 * The candidate with the smallest edit distance to `word`, or undefined if none is close.
 *
 * An edit is an inserted, deleted or replaced character, or two neighbors swapped (optimal string
 * alignment); case does not count. A candidate is close if at most a third of the longer word's
 * characters, rounded up, are edited, or if it starts with `word` (3 characters or more). The first
 * of several equally near candidates wins.
 *
 * ```ts
 * console.assert(nearest("laeyrs", ["heads", "layers", "width"]) === "layers");
 * console.assert(nearest("tiny", ["moby-dick", "tiny-shakespeare"]) === "tiny-shakespeare");
 * console.assert(nearest("color", ["heads", "layers"]) === undefined);
 * ```
 */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  const typed = word.toLowerCase();
  let best: string | undefined;
  let bestDistance = Infinity;
  for (const candidate of candidates) {
    const known = candidate.toLowerCase();
    const distance = editDistance(typed, known);
    const close = distance <= Math.ceil(Math.max(typed.length, known.length) / 3) ||
      (typed.length >= 3 && known.startsWith(typed));
    if (close && distance < bestDistance && distance < known.length) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

function editDistance(a: string, b: string): number {
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const replaced = previous[column - 1] + (a[row - 1] === b[column - 1] ? 0 : 1);
      let distance = Math.min(replaced, previous[column] + 1, current[column - 1] + 1);
      if (a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]) {
        distance = Math.min(distance, beforePrevious[column - 2] + 1);
      }
      current.push(distance);
    }
    beforePrevious = previous;
    previous = current;
  }
  return previous[b.length];
}
