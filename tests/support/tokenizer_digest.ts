/**
 * One short number for all that a tokenizer makes of many lines.
 *
 * @module
 */

/** Ids and texts; null where there is only an error. */
export interface GoldenAnswer {
  /** Of each line: ids without and with special tokens, and the texts of both. */
  rows: ([number[], number[], string | null, string | null] | null)[];
  /** Random ids, their text, and the text without special tokens. */
  decoded: [number[], string | null, string | null][];
}

/** The digest of an answer. */
export function digestOf({ rows, decoded }: GoldenAnswer): string {
  return digest([
    ...rows.flatMap((row) => row === null ? [null] : [...row[0], -2, ...row[1], row[2], row[3]]),
    ...decoded.flatMap(([ids, text, without]) => [...ids, text, without]),
  ]);
}

/** The digest of the offsets of each line; null if there is only an error. */
export function digestOfOffsets(offsets: readonly (ArrayLike<number> | null)[]): string {
  return digest(offsets.flatMap((row) => row === null ? [null] : [...Array.from(row), -2]));
}

/** FNV-1a over integers and texts, as eight hexadecimal digits. */
function digest(values: Iterable<number | string | null>): string {
  let hash = 0x811C9DC5;
  const mix = (word: number) => hash = Math.imul(hash ^ word, 0x01000193);
  for (const value of values) {
    if (typeof value === "number") mix(value);
    else for (const character of value ?? "\0") mix(character.codePointAt(0)!);
    mix(-1);
  }
  return (hash >>> 0).toString(16).padStart(8, "0");
}
