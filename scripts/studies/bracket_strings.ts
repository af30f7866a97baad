/**
 * Strings of brackets, balanced and not.
 *
 * @module
 */
import type { Random } from "../../mod.ts";
import type { Rows } from "./training.ts";

/** The ids of (, ) and the end. */
export const [OPEN, CLOSE, END] = [0, 1, 2];

/** Strings with END and, at END, whether they are balanced. */
export interface Strings extends Rows {
  /**
   * 0 balanced, 1 ends at 0 but falls below, 2 does not end at 0, 3 falls below at one place only.
   */
  readonly kinds: readonly number[];
}

/** Draws strings of an even length: half are balanced, a sixth of each of the other kinds. */
export function strings(random: Random, length: number, count: number): Strings {
  const kinds = Array.from({ length: count }, (_, i) => i % 2 === 0 ? 0 : 1 + random.integer(3));
  const rows = kinds.map((kind) => stringOf(kind, random, length));
  const inputs = Int32Array.from(rows.flatMap((row) => [...row, END]));
  const none = Array(length).fill(-100);
  const targets = Int32Array.from(kinds.flatMap((kind) => [...none, kind === 0 ? 1 : 0]));
  return { inputs, targets, kinds };
}

function stringOf(kind: number, random: Random, length: number): number[] {
  if (kind === 3) return joined(random, length, [CLOSE, OPEN]);
  if (kind === 0 && random.integer(2) === 0) return joined(random, length, [OPEN, CLOSE]);
  while (true) {
    const row = kind === 2
      ? Array.from({ length }, () => random.integer(2))
      : shuffled(random, length);
    if (kind === 0) return turned(row);
    const [end, least] = [heights(row).at(-1)!, Math.min(...heights(row))];
    if (kind === 2 ? end !== 0 : least < 0) return row;
  }
}

/** A balanced string, `middle`, and another one. */
function joined(random: Random, length: number, middle: number[]): number[] {
  const first = 2 * random.integer(length / 2);
  const part = (length: number) => turned(shuffled(random, length));
  return [...part(first), ...middle, ...part(length - 2 - first)];
}

/** As many ( as ), in any order. */
function shuffled(random: Random, length: number): number[] {
  const row = Array.from({ length }, (_, i) => i % 2 === 0 ? OPEN : CLOSE);
  for (let i = length - 1; i > 0; i--) {
    const j = random.integer(i + 1);
    [row[i], row[j]] = [row[j], row[i]];
  }
  return row;
}

/** The elevation after each bracket. */
export function heights(row: readonly number[]): number[] {
  let height = 0;
  return row.map((bracket) => height += bracket === OPEN ? 1 : -1);
}

/** A row that ends at 0, turned to begin behind its lowest place: balanced. */
function turned(row: readonly number[]): number[] {
  if (row.length === 0) return [];
  const all = heights(row);
  const lowest = all.indexOf(Math.min(...all)) + 1;
  return [...row.slice(lowest), ...row.slice(0, lowest)];
}
