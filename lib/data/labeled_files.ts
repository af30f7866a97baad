/**
 * Labeled texts from a file: tab-separated, JSON lines, CSV, or SST-2's lines; and their division
 * into parts.
 *
 * labeled.ts parses two published data sets with fixed labels.
 *
 * @module
 */
import { UserError } from "../errors.ts";
import { readRegularText } from "../regular_file.ts";
import { columnOf, parseCSV } from "./csv.ts";

/** A text and the name of its class. */
export interface LabeledText {
  /** The text, without spaces around it. */
  readonly text: string;
  /** The name of its class. */
  readonly label: string;
}

/** What is told of a row that is malformed. */
interface Row {
  readonly text: unknown;
  readonly label: unknown;
  readonly line: number;
}

/**
 * Parses the content of a file by its name: `.tsv` (label, tab, text on each line; a first line
 * that names these columns is skipped), `.jsonl` (objects with `text` and `label`), `.csv` (a
 * header with the columns `text` and `label`), anything else as SST-2's lines (label, space, text).
 * Empty lines are skipped.
 *
 * ```ts
 * const rows = parseLabeledFile("ham\tOk lar\nspam\tFree entry\n", "sms.tsv");
 * console.log(rows[1]); // { text: "Free entry", label: "spam" }
 * ```
 *
 * @throws {UserError} if a row has no label or no text, or there is no row; it names the line; if
 * the columns of a `.tsv` file are called text and label
 */
export function parseLabeledFile(content: string, name: string): LabeledText[] {
  const rows = /\.csv$/i.test(name)
    ? csvRows(content, name)
    : /\.jsonl$/i.test(name)
    ? jsonRows(content, name)
    : /\.tsv$/i.test(name)
    ? tabbedRows(content, name)
    : separatedRows(content, " ");
  const texts = rows.map((row) => checked(row, name));
  if (texts.length > 0) return texts;
  throw new UserError(`${name}: expected labeled texts, got an empty file`);
}

/**
 * Loads a file of labeled texts.
 *
 * @throws {UserError} if it cannot be read, or as `parseLabeledFile` says
 */
export async function loadLabeledFile(path: string): Promise<LabeledText[]> {
  const content = await readRegularText(path).catch((cause) => {
    if (cause instanceof UserError) throw cause;
    throw new UserError(`${path}: cannot be read; give a file of labeled texts`, { cause });
  });
  return parseLabeledFile(content, path);
}

/** Parts of labeled texts. */
export interface LabeledParts {
  /** Texts to learn from. */
  readonly train: readonly LabeledText[];
  /** Texts that choose among models. */
  readonly validation: readonly LabeledText[];
  /** Texts that measure the chosen one. */
  readonly test: readonly LabeledText[];
  /** How many texts were left out because they occurred before, in this part or an earlier one. */
  readonly duplicates: number;
}

/**
 * Divides texts by their hash: a text is in the part that the first 32 bits of its SHA-256, divided
 * by 2³², say: below 0.8 `train`, below 0.9 `validation`, otherwise `test`. So a text is always in
 * the same part, whatever the other texts are. Exact duplicates are left out.
 */
export async function splitLabeled(rows: readonly LabeledText[]): Promise<LabeledParts> {
  const parts = {
    train: [] as LabeledText[],
    validation: [] as LabeledText[],
    test: [] as LabeledText[],
  };
  const unique = withoutRepeats([rows]);
  for (const row of unique[0]) {
    const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(row.text));
    const place = new DataView(hash).getUint32(0) / 2 ** 32;
    parts[place < 0.8 ? "train" : place < 0.9 ? "validation" : "test"].push(row);
  }
  return { ...parts, duplicates: rows.length - unique[0].length };
}

/**
 * The parts that files give, without texts that occurred before in the same part or an earlier one.
 */
export function givenParts(
  parts: Pick<LabeledParts, "train" | "validation" | "test">,
): LabeledParts {
  const lists = [parts.train, parts.validation, parts.test];
  const [train, validation, test] = withoutRepeats(lists);
  const count = (all: readonly (readonly LabeledText[])[]) =>
    all.reduce((sum, { length }) => sum + length, 0);
  return {
    train,
    validation,
    test,
    duplicates: count(lists) - count([train, validation, test]),
  };
}

function withoutRepeats(lists: readonly (readonly LabeledText[])[]): LabeledText[][] {
  const seen = new Set<string>();
  return lists.map((rows) =>
    rows.filter(({ text }) => {
      const isNew = !seen.has(text);
      seen.add(text);
      return isNew;
    })
  );
}

function csvRows(content: string, name: string): Row[] {
  const [header = [], ...rows] = parseCSV(content, name);
  const [text, label] = ["text", "label"].map((column) => {
    const index = columnOf(header, column, name);
    if (index >= 0) return index;
    throw new UserError(
      `${name}: expected the columns text and label, got ${header.join(", ") || "none"}`,
    );
  });
  return rows.map((row, i) => ({ text: row[text], label: row[label], line: i + 2 }));
}

function jsonRows(content: string, name: string): Row[] {
  return linesOf(content).map(({ content, line }) => {
    let row: { text?: unknown; label?: unknown };
    try {
      row = JSON.parse(content);
    } catch (cause) {
      throw new UserError(`${name}: line ${line}: it is not JSON`, { cause });
    }
    const { label } = row;
    return { text: row.text, label: typeof label === "number" ? String(label) : label, line };
  });
}

/** The rows of a `.tsv` file, without the names of its columns. */
function tabbedRows(content: string, name: string): Row[] {
  const rows = separatedRows(content, "\t");
  const [first, second] = [rows[0]?.label, rows[0]?.text].map((cell) => {
    return String(cell).trim().toLowerCase();
  });
  const isText = (cell: string) => cell === "text" || cell === "sentence";
  if (isText(first) && second === "label") {
    throw new UserError(
      `${name}: expected the label first and the text after a tab, got ${first}, ${second}`,
    );
  }
  return first === "label" && isText(second) ? rows.slice(1) : rows;
}

function separatedRows(content: string, separator: string): Row[] {
  return linesOf(content).map(({ content, line }) => {
    const cut = content.indexOf(separator);
    if (cut < 0) return { text: undefined, label: content, line };
    return { text: content.slice(cut + 1), label: content.slice(0, cut), line };
  });
}

function linesOf(content: string): { content: string; line: number }[] {
  return content.split(/\r?\n/).map((content, i) => ({ content, line: i + 1 }))
    .filter(({ content }) => content.trim() !== "");
}

function checked({ text, label, line }: Row, name: string): LabeledText {
  if (typeof text === "string" && typeof label === "string") {
    const row = { text: text.trim(), label: label.trim() };
    if (row.text !== "" && row.label !== "") return row;
  }
  const missing = typeof label !== "string" || label.trim() === "" ? "label" : "text";
  throw new UserError(`${name}: line ${line}: expected a label and a text, got no ${missing}`);
}
