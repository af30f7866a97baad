/**
 * A lesson's file as a Jupyter notebook for Deno's kernel (nbformat 4.5): its text becomes
 * Markdown, its code cells that can be changed and run again.
 *
 * The file is cut at its lines: `deno fmt` guarantees that a statement of the lesson's content
 * begins with four spaces, and that its other lines are indented more or close a bracket.
 *
 * @module
 */
import { textMarkdown } from "./markdown.ts";
import { dedented } from "./page.ts";
import type { PageHead } from "./writer.ts";

/** A notebook as nbformat 4.5 defines it. */
export interface Notebook {
  /** Its cells, in order. */
  readonly cells: readonly Cell[];
  /** The kernel and the language. */
  readonly metadata: Readonly<Record<string, unknown>>;
  /** Always 4. */
  readonly nbformat: 4;
  /** Always 5. */
  readonly nbformat_minor: 5;
}

/** A cell of a notebook. */
export interface Cell {
  /** Text, or code. */
  readonly cell_type: "markdown" | "code";
  /** Unique in the notebook. */
  readonly id: string;
  /** How it is shown. */
  readonly metadata: Readonly<Record<string, unknown>>;
  /** Its lines; all but the last end with a line feed. */
  readonly source: readonly string[];
  /** Of code: always none. */
  readonly outputs?: readonly never[];
  /** Of code: always null. */
  readonly execution_count?: null;
}

/** What a notebook says above the lesson, and the values of the lesson's flags. */
export interface NotebookHead extends PageHead {
  /** The lesson's own address. */
  readonly url: string;
  /** Names and values of the lesson's own flags. */
  readonly flags: readonly (readonly [name: string, value: unknown])[];
}

/** A cell without its id. */
interface Draft {
  readonly type: Cell["cell_type"];
  readonly text: string;
  /** Whether the code is folded away at first. */
  readonly isFolded?: boolean;
}

/** The parts of a lesson's file. */
interface Parts {
  /** The import statements. */
  readonly imports: string;
  /** Functions, types and constants outside the lesson, by name. */
  readonly declarations: readonly Declaration[];
  /** What the content calls its flags, such as `{ steps }`; empty if it takes none. */
  readonly parameter: string;
  /** The statements of the content. */
  readonly statements: readonly string[];
}

/** A declaration with the comment above it. */
interface Declaration {
  readonly name: string;
  readonly code: string;
}

/** Where lessons import from, in a notebook as in a file. */
const LESSONS = "https://raw.githubusercontent.com/folio-deno/folio/main/lib/lesson/mod.ts";

/**
 * The notebook of a lesson's file.
 *
 * @throws {SyntaxError} if the text is not that of a lesson
 */
export function notebookOf(text: string, head: NotebookHead): Notebook {
  const parts = takeApart(text, head);
  const tasks = [...parts.statements.join("\n").matchAll(/(?:stub|answer): (\w+),/g)]
    .map(([, name]) => name);
  const helpers = parts.declarations.filter(({ name }) => !tasks.includes(name));
  const drafts: Draft[] = [
    { type: "markdown", text: introduction(head) },
    { type: "code", text: opening(parts, head) },
    ...helpers.length > 0 ? [folded(helpers.map(({ code }) => code).join("\n\n"))] : [],
    ...contentCells(parts),
    { type: "code", text: "await page.end();\npage.device.close();" },
  ];
  return {
    cells: drafts.map(cell),
    metadata: {
      kernelspec: { display_name: "Deno", language: "typescript", name: "deno" },
      language_info: { name: "typescript", file_extension: ".ts", mimetype: "text/x.typescript" },
    },
    nbformat: 4,
    nbformat_minor: 5,
  };
}

function introduction({ number, title, facts }: NotebookHead): string {
  const lines = facts.map(([name, value]) => `${name}: ${value}`);
  return `# Lesson ${number}: ${title}\n\n${lines.join("\n")}\n\n` +
    "Run the cells from the top. A code task is a function that calls `notWritten(…)`: replace " +
    "that line, run its cell and the one below, which tests it. The answers are in folded cells.";
}

/** The imports, the page, and the lesson's flags as values that can be changed. */
function opening({ imports, parameter }: Parts, { number, flags }: NotebookHead): string {
  const values = flags.map(([name, value]) => `${name}: ${JSON.stringify(value)}`).join(", ");
  const names = parameter && `\nconst ${parameter} = { ${values} };`;
  return `import { notebookPage } from "${LESSONS}";\n${imports}\n\n` +
    `const page = await notebookPage(${number});${names}`;
}

/** The content: text as Markdown, a task's function and its folded answer above its test. */
function contentCells({ statements, declarations }: Parts): Draft[] {
  const drafts: Draft[] = [];
  let code: string[] = [];
  const flush = () => {
    if (code.length > 0) drafts.push({ type: "code", text: code.join("\n") });
    code = [];
  };
  const declared = (name?: string) => declarations.find((item) => item.name === name)?.code;
  for (const statement of statements) {
    const markdown = fixedText(statement);
    const [, stub, answer] = /stub: (\w+),\s+answer: (\w+),/.exec(statement) ?? [];
    if (markdown !== undefined || stub) flush();
    if (markdown !== undefined) drafts.push({ type: "markdown", text: markdown });
    else code.push(awaited(statement));
    if (!stub) continue;
    code.pop();
    drafts.push({ type: "code", text: declared(stub) ?? "" });
    drafts.push(folded(`// The answer. Try first.\n\n${declared(answer) ?? ""}`));
    drafts.push({ type: "code", text: awaited(statement) });
  }
  flush();
  return drafts;
}

/** The Markdown of a statement that only shows text without values; otherwise undefined. */
function fixedText(statement: string): string | undefined {
  const [, kind, quoted] = /^page\.(section|say)\(\s*([`"][^]*[`"]),?\s*\);$/.exec(statement) ?? [];
  if (!quoted || quoted.includes("${") || quoted.slice(1, -1).includes(quoted[0])) return undefined;
  const text = quoted[0] === '"' ? JSON.parse(quoted) as string : quoted.slice(1, -1);
  return kind === "section" ? `## ${text}` : textMarkdown(text);
}

/** Code that waits until the page has shown a part, so that outputs stay in their cells. */
function awaited(statement: string): string {
  return statement.replace(/(?<![\w.] ?)page\.(say|table|sample|section)\(/g, "await page.$1(");
}

function folded(text: string): Draft {
  return { type: "code", text, isFolded: true };
}

function cell({ type, text, isFolded }: Draft, index: number): Cell {
  const source = text.trim().split(/(?<=\n)/);
  const metadata = isFolded ? { jupyter: { source_hidden: true }, tags: ["hide-input"] } : {};
  const common = { cell_type: type, id: `cell-${index}`, metadata, source };
  return type === "code" ? { ...common, outputs: [], execution_count: null } : common;
}

/** Cuts the file at the lines where its parts begin. */
function takeApart(text: string, { url }: NotebookHead): Parts {
  const lesson =
    /^export const lesson = new Lesson[^]*?\n {2}async \(page(?:, ([^)]*))?\) => \{\n([^]*?)\n {2}\},\n\);\n/m
      .exec(text);
  const imports = [...text.matchAll(/^import [^;]*;$/gm)].map(([found]) => found);
  if (!lesson || imports.length === 0) {
    throw new SyntaxError(
      `${url}: expected a lesson: imports, and export const lesson = new Lesson`,
    );
  }
  const [whole, parameter = "", body] = lesson;
  const outside = text.replace(whole, "\n").replace(/^import [^;]*;$/gm, "")
    .replace(/^if \(import\.meta\.main\)[^]*/m, "").replace(/^\/\*\*[^]*?\*\/\n/, "")
    .replace(/^\/\/.*$/gm, "");
  return {
    imports: imports.join("\n"),
    declarations: statementsOf(outside).map((code) => ({ name: nameOf(code), code })),
    parameter,
    statements: statementsOf(dedented(body)),
  };
}

/** Text cut where a line is not indented and does not close a bracket; comments stay with code. */
function statementsOf(text: string): string[] {
  const statements: string[] = [];
  let isComment = false;
  for (const line of text.split("\n")) {
    const begins = /^[^\s)}\]`*]/.test(line) && !isComment;
    if (begins || statements.length === 0) statements.push(line);
    else statements.push(`${statements.pop()}\n${line}`);
    if (/^(\/\/|\/\*\*|[ ]\*)/.test(line)) isComment = true;
    else if (line !== "") isComment = false;
  }
  return statements.map((statement) => statement.trim()).filter((statement) => statement !== "");
}

function nameOf(code: string): string {
  return /^(?:async )?(?:function|interface|type|const|class) (\w+)/m.exec(code)?.[1] ?? "";
}
