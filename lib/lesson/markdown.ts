/**
 * A lesson's text and tables as Markdown, for notebooks.
 *
 * @module
 */
import { blocks, dedented, tableColumns } from "./page.ts";
import type { Rows } from "./writer.ts";

/** Text of `LessonPage.say` as Markdown: paragraphs, and lines that stay as they are as code. */
export function textMarkdown(text: string): string {
  return blocks(text).map(({ isVerbatim, text }) => {
    return isVerbatim ? "```\n" + dedented(text) + "\n```" : plain(text);
  }).join("\n\n");
}

/** Rows as a Markdown table without a head. */
export function tableMarkdown(rows: Rows): string {
  const columns = tableColumns(rows);
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const cells = rows.map((row, at) =>
    columns.map(({ texts }, i) => i < row.length ? texts[at] : "")
  );
  return [
    line(columns.map(() => " ")),
    line(columns.map(({ isNumber }) => isNumber ? "--:" : ":--")),
    ...cells.map((row) => line(row.map(plain))),
  ].join("\n");
}

/** Text in which nothing is taken for Markdown. */
function plain(text: string): string {
  return text.replace(/[\\`*_|<>#$[\]]/g, (sign) => `\\${sign}`);
}
