/**
 * Documents from files of this machine: a folder, a pattern such as `notes/*.md`, or one file of
 * many documents (JSON lines, CSV, labeled texts).
 *
 * See load_corpus.ts for one text, encode_documents.ts for the ids of documents.
 *
 * @module
 */
import { describe, UserError } from "../errors.ts";
import { attempt } from "../files.ts";
import { checkOptions } from "../options.ts";
import { localPath } from "../place.ts";
import { expectDeno } from "../runtime.ts";
import { readCorpusFile } from "./corpus_files.ts";
import { MAXIMUM_CORPUS_BYTES, sha256, textOf } from "./checked_text.ts";
import { columnOf, parseCSV } from "./csv.ts";
import { parseLabeledFile } from "./labeled_files.ts";
import { documentOf, type TextDocument } from "./text_document.ts";

/** Options of `loadDocuments`. */
export interface LoadDocumentsOptions {
  /** The column of CSV files, or the key of JSON lines, that holds the text. Default: `"text"`. */
  column?: string;
}

/** Documents and their source. */
export interface Documents {
  /** The documents, in the order of the files' paths and of their lines. */
  documents: TextDocument[];
  /** The SHA-256 of all documents, in lower-case hexadecimal. */
  sha256: string;
}

/** What a file with this extension holds: one document, or one a line or a row. */
const READERS: Readonly<
  Record<string, (text: string, file: string, column: string) => TextDocument[]>
> = {
  txt: (text) => [{ text }],
  md: (text) => [{ text }],
  jsonl: readLines,
  csv: readRows,
  tsv: (text, file) => parseLabeledFile(text, file).map(({ text }) => ({ text })),
};

/**
 * Whether a place holds documents rather than one text: a folder, a pattern with `*`, or a
 * `.jsonl`, `.csv` or `.tsv` file.
 */
export async function holdsDocuments(place: string | URL): Promise<boolean> {
  if (/^(https?:|-$)/i.test(String(place))) return false;
  const path = localPath("holdsDocuments", place);
  if (path.includes("*") || /\.(jsonl|csv|tsv)$/i.test(path)) return true;
  expectDeno(`read ${path}`);
  return await Deno.stat(path).then(({ isDirectory }) => isDirectory, () => false);
}

/**
 * Loads the documents of a folder and its subfolders, of the files that fit a pattern (`*` is any
 * part of a name, `**` any folders), or of one file.
 *
 * A `.txt` or `.md` file is one document. Each line of a `.jsonl` file is an object with `text`,
 * `prompt` and `completion`, or `messages`; each row of a `.csv` file has a column `text`, each
 * line of a `.tsv` file a label and a text. Other files are omitted.
 *
 * @throws {UserError} if there is no document, or a file is malformed, no UTF-8, or cannot be read;
 *   or if all together are over 500 MB
 * @throws {TypeError} if `place` is neither a path nor a `file:` address, or an option is unknown
 */
export async function loadDocuments(
  place: string | URL,
  options: LoadDocumentsOptions = {},
): Promise<Documents> {
  checkOptions("loadDocuments", options, { column: "text" });
  const { column = "text" } = options;
  const path = localPath("loadDocuments", place);
  const documents: TextDocument[] = [];
  let total = 0;
  for (const file of await filesAt(path)) {
    const { bytes } = await readCorpusFile(file, `corpus ${file}`);
    total += bytes.length;
    if (total > MAXIMUM_CORPUS_BYTES) {
      throw new UserError(`corpus ${path}: expected at most 500 MB, got more; take fewer files`);
    }
    documents.push(...READERS[extension(file)](textOf(bytes, `corpus ${file}`), file, column));
  }
  if (documents.length > 0) {
    const bytes = new TextEncoder().encode(JSON.stringify(documents));
    return { documents, sha256: await sha256(bytes) };
  }
  throw new UserError(
    `corpus ${path}: expected documents in files of ${Object.keys(READERS).join(", ")}, found none`,
  );
}

/** The files of a place that can be read, sorted by path. */
async function filesAt(path: string): Promise<string[]> {
  if (path.includes("*")) {
    const base = path.slice(0, path.indexOf("*")).replace(/[^/]*$/, "") || "./";
    const pattern = globPattern(path.startsWith("./") || base !== "./" ? path : `./${path}`);
    return (await filesIn(base.replace(/(?<=.)\/$/, ""))).filter((file) => pattern.test(file))
      .sort();
  }
  const { isDirectory } = await attempt(`read corpus ${path}`, () => Deno.stat(path));
  return isDirectory ? (await filesIn(path)).sort() : [path];
}

async function filesIn(folder: string): Promise<string[]> {
  const files: string[] = [];
  const entries = await attempt(
    `read corpus ${folder}`,
    () => Array.fromAsync(Deno.readDir(folder)),
  );
  for (const { name, isDirectory } of entries) {
    if (name.startsWith(".")) continue;
    const path = `${folder}/${name}`;
    if (isDirectory) files.push(...await filesIn(path));
    else if (Object.hasOwn(READERS, extension(path))) files.push(path);
  }
  return files;
}

function globPattern(glob: string): RegExp {
  const parts = glob.split(/(\*\*\/|\*)/).map((part) => {
    if (part === "**/") return "(?:.*/)?";
    return part === "*" ? "[^/]*" : part.replace(/[.+?^${}()|[\]\\]/g, "\\$&");
  });
  return new RegExp(`^${parts.join("")}$`);
}

function extension(path: string): string {
  return /\.([^./]+)$/.exec(path)?.[1].toLowerCase() ?? "";
}

function readLines(text: string, file: string, column: string): TextDocument[] {
  const lines = text.split(/\r?\n/);
  return lines.flatMap((line, index) => {
    if (line.trim() === "") return [];
    return [documentOf(parsed(line), { where: `${file} line ${index + 1}`, column })];
  });
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return line;
  }
}

function readRows(text: string, file: string, column: string): TextDocument[] {
  const [header = [], ...rows] = parseCSV(text, file);
  const at = columnOf(header, column, file);
  if (at < 0) {
    throw new UserError(
      `${file}: expected a column ${column}, got ${header.map(describe).join(", ")}; ` +
        "name the column of the text",
    );
  }
  return rows.map((row) => ({ text: row[at] ?? "" })).filter(({ text }) => text.trim() !== "");
}
