/**
 * Comma-separated values (RFC 4180).
 *
 * @module
 */
import { describe, UserError } from "../errors.ts";

/** What ends a cell: a comma, or the end of a line or of the text. */
const END = /,|\r\n?|\n|$/y;
/** A cell that does not begin with a quote. */
const PLAIN = /[^,\r\n]*/y;

/**
 * The cells of each row of a file called `name`; a cell in quotes may hold commas, line feeds, and
 * quotes that are doubled. Empty lines are no rows.
 *
 * ```ts
 * console.log(parseCSV('a,b\n"b,c",""""\n', "letters.csv")); // [ [ "a", "b" ], [ "b,c", '"' ] ]
 * ```
 *
 * @throws {UserError} if a quote is not closed, text follows it, or a row has more or fewer cells
 *   than the first; it names the line
 */
export function parseCSV(text: string, name: string): string[][] {
  const rows: string[][] = [];
  const lines = { at: 0, line: 1 };
  let row: string[] = [];
  for (let at = 0; at < text.length;) {
    const cell = cellAt(text, at);
    row.push(cell.value);
    const end = matchAt(END, text, cell.end);
    if (cell.isOpen || end === undefined) throw malformed(lineOf(cell.end), cell, text);
    at = cell.end + end.length;
    if (end === "," && at < text.length) continue;
    if (end === ",") row.push("");
    if (row.length > 1 || row[0] !== "") rows.push(row);
    if (rows.length > 0 && rows.at(-1)!.length !== rows[0].length) {
      throw new UserError(
        `${name}: line ${lineOf(cell.end)}: expected ${
          rows[0].length
        } cells, as in the first row, ` +
          `got ${row.length}; a text with commas goes in quotes`,
      );
    }
    row = [];
  }
  return rows;

  /** The number of the line of a place that is behind the last one asked for. */
  function lineOf(at: number): number {
    lines.line += text.slice(lines.at, at).match(/\r\n?|\n/g)?.length ?? 0;
    lines.at = at;
    return lines.line;
  }

  function malformed(line: number, { isOpen, end }: Cell, text: string): UserError {
    const message = isOpen
      ? "a quote that begins a cell is not closed"
      : `expected a comma or the line's end behind a quote, got ${describe(text[end])}`;
    return new UserError(`${name}: line ${line}: ${message}; quotes in a cell are doubled`);
  }
}

interface Cell {
  readonly value: string;
  /** The place behind it. */
  readonly end: number;
  /** Whether its quote is not closed. */
  readonly isOpen?: boolean;
}

function cellAt(text: string, at: number): Cell {
  if (text[at] !== '"') {
    const value = matchAt(PLAIN, text, at)!;
    return { value, end: at + value.length };
  }
  let close = text.indexOf('"', at + 1);
  while (close >= 0 && text[close + 1] === '"') close = text.indexOf('"', close + 2);
  if (close < 0) return { value: "", end: at, isOpen: true };
  return { value: text.slice(at + 1, close).replaceAll('""', '"'), end: close + 1 };
}

/** What a sticky pattern matches at a place. */
function matchAt(pattern: RegExp, text: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0];
}

/**
 * The place of a column in the first row of a file called `name`; −1 if there is none.
 *
 * @throws {UserError} if several columns have its name
 */
export function columnOf(header: readonly string[], column: string, name: string): number {
  const at = header.indexOf(column);
  if (at === header.lastIndexOf(column)) return at;
  throw new UserError(`${name}: expected one column ${describe(column)}, got several`);
}
