/**
 * Comma-separated values (RFC 4180).
 *
 * @module
 */

/** A cell in quotes or without, and what ends it. */
const CELL = /(?:"((?:[^"]|"")*)"|([^,\r\n]*))(,|\r?\n|$)/gy;

/**
 * The cells of each row; a cell in quotes may hold commas, line feeds, and quotes that are doubled.
 * An empty last line is no row.
 *
 * ```ts
 * console.log(parseCSV('a,"b,c"\\n')); // [ [ "a", "b,c" ] ]
 * ```
 */
export function parseCSV(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  for (const [, quoted, plain, end] of text.matchAll(CELL)) {
    row.push(quoted?.replaceAll('""', '"') ?? plain);
    if (end === ",") continue;
    if (row.length > 1 || row[0] !== "") rows.push(row);
    row = [];
    if (end === "") break;
  }
  return rows;
}
