/**
 * The layout of a lesson's text: paragraphs, lines that stay as they are, and columns.
 *
 * @module
 */

/** A part of a text: a paragraph, or lines that keep their breaks. */
export interface Block {
  /** Whether the lines stay as they are. */
  readonly isVerbatim: boolean;
  /** The text: a paragraph in one line. */
  readonly text: string;
}

/**
 * The paragraphs of a text without its common indent. An empty line separates paragraphs; lines
 * that still start with two spaces stay as they are.
 *
 * ```ts
 * console.log(blocks("one\ntwo\n  code").length); // 2
 * ```
 */
export function blocks(text: string): Block[] {
  const found: { isVerbatim: boolean; lines: string[] }[] = [];
  let isNew = true;
  for (const line of dedented(text).split("\n")) {
    if (line.trim() === "") {
      isNew = true;
      continue;
    }
    const isVerbatim = /^ {2}/.test(line);
    const last = found.at(-1);
    if (!isNew && last?.isVerbatim === isVerbatim) last.lines.push(line);
    else found.push({ isVerbatim, lines: [line] });
    isNew = false;
  }
  return found.map(({ isVerbatim, lines }) => {
    if (isVerbatim) return { isVerbatim, text: lines.map((line) => line.trimEnd()).join("\n") };
    return { isVerbatim, text: lines.join(" ").trim().split(/\s+/).join(" ") };
  });
}

/**
 * Text with its common indent removed and its paragraphs wrapped to a width; lines that still start
 * with two spaces stay as they are.
 *
 * ```ts
 * console.log(paragraphs("one\n  two\nthree\n\nfour", 80)); // "one\n  two\nthree\n\nfour"
 * ```
 */
export function paragraphs(text: string, width: number): string {
  let written = "";
  let before: Block | undefined;
  for (const block of blocks(text)) {
    const isApart = before && before.isVerbatim === block.isVerbatim;
    if (before) written += isApart ? "\n\n" : "\n";
    written += block.isVerbatim ? block.text : wrapped(block.text.split(" "), width).join("\n");
    before = block;
  }
  return written;
}

/** Text without empty lines around it and without the common indent of its lines. */
export function dedented(text: string): string {
  const lines = text.replace(/^\s*\n/, "").trimEnd().split("\n");
  const indents = lines.filter((line) => line.trim() !== "").map((line) => line.search(/\S/));
  const shared = Math.min(...indents);
  return lines.map((line) => line.slice(shared)).join("\n");
}

function wrapped(words: readonly string[], width: number): string[] {
  const lines: string[] = [];
  for (const word of words) {
    const longer = lines.length === 0 ? word : `${lines.at(-1)} ${word}`;
    if (lines.length > 0 && longer.length > width) lines.push(word);
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
  const columns = tableColumns(rows).map(({ texts, isNumber }) => {
    const width = Math.max(...texts.map((text) => text.length));
    return texts.map((text) => isNumber ? text.padStart(width) : text.padEnd(width));
  });
  return rows.map((row, at) => {
    return `  ${row.map((_, index) => columns[index][at]).join("  ")}`.trimEnd();
  });
}

/** The columns of rows as texts; whether they hold numbers. */
export function tableColumns(
  rows: readonly (readonly (string | number)[])[],
): { texts: string[]; isNumber: boolean }[] {
  const count = Math.max(...rows.map((row) => row.length));
  return Array.from({ length: count }, (_, at) => column(rows.map((row) => row[at])));
}

/** The cells of one column as texts. */
function column(cells: readonly (string | number | undefined)[]) {
  const numbers = cells.filter((cell) => typeof cell === "number");
  const decimals = numbers.every(Number.isInteger) ? 0 : 3;
  const texts = cells.map((cell) => {
    return typeof cell === "number" ? cell.toFixed(decimals) : cell ?? "";
  });
  return { texts, isNumber: numbers.length > 0 };
}
