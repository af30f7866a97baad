/**
 * The layout of a lesson's text: wrapped paragraphs and columns.
 *
 * @module
 */

/** Characters in a line. */
const WIDTH = 88;

/**
 * Text with its common indent removed and its paragraphs wrapped; lines that still start with two
 * spaces stay as they are.
 *
 * ```ts
 * console.log(paragraphs("one\n  two\nthree\n\nfour")); // "one\n  two\nthree\n\nfour"
 * ```
 */
export function paragraphs(text: string): string {
  const lines: string[] = [];
  let words: string[] = [];
  const flush = () => {
    lines.push(...wrapped(words));
    words = [];
  };
  for (const line of dedented(text).split("\n")) {
    if (/^ {2}/.test(line) || line.trim() === "") {
      flush();
      lines.push(line.trimEnd());
    } else words.push(...line.trim().split(/\s+/));
  }
  flush();
  return lines.join("\n");
}

/** Text without empty lines around it and without the common indent of its lines. */
function dedented(text: string): string {
  const lines = text.replace(/^\s*\n/, "").trimEnd().split("\n");
  const indents = lines.filter((line) => line.trim() !== "").map((line) => line.search(/\S/));
  const shared = Math.min(...indents);
  return lines.map((line) => line.slice(shared)).join("\n");
}

function wrapped(words: readonly string[]): string[] {
  const lines: string[] = [];
  for (const word of words) {
    const longer = lines.length === 0 ? word : `${lines.at(-1)} ${word}`;
    if (lines.length > 0 && longer.length > WIDTH) lines.push(word);
    else lines.splice(-1, 1, longer);
  }
  return lines;
}

/**
 * Rows in columns, two spaces apart and two from the edge: texts to the left, numbers to the right,
 * with three decimals in a column if one of them is not whole.
 *
 * ```ts
 * console.log(tableLines([["king", 1], ["pear", 0.25]])); // ["  king  1.000", "  pear  0.250"]
 * ```
 */
export function tableLines(rows: readonly (readonly (string | number)[])[]): string[] {
  const count = Math.max(...rows.map((row) => row.length));
  const columns = Array.from({ length: count }, (_, at) => column(rows.map((row) => row[at])));
  return rows.map((row, at) => {
    return `  ${row.map((_, index) => columns[index][at]).join("  ")}`.trimEnd();
  });
}

/** The cells of one column, all of the same width. */
function column(cells: readonly (string | number | undefined)[]): string[] {
  const numbers = cells.filter((cell) => typeof cell === "number");
  const decimals = numbers.every(Number.isInteger) ? 0 : 3;
  const texts = cells.map((cell) => {
    return typeof cell === "number" ? cell.toFixed(decimals) : cell ?? "";
  });
  const width = Math.max(...texts.map((text) => text.length));
  return texts.map((text) => numbers.length > 0 ? text.padStart(width) : text.padEnd(width));
}
