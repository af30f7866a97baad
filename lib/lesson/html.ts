/**
 * A lesson as one web page: light and dark, figures inline, no request to any server.
 *
 * html_style.ts is its style.
 *
 * @module
 */
import { print } from "../cli/output.ts";
import { writeText } from "../cli/write_text.ts";
import { UserError } from "../errors.ts";
import type { Figure } from "../plot/figure.ts";
import { escape } from "../plot/markup.ts";
import { STYLE } from "./html_style.ts";
import { blocks, dedented, tableColumns } from "./page.ts";
import type { PageHead, PageWriter, Rows, TestedTask } from "./writer.ts";

/** Collects a lesson, and writes the page at its end. */
export class HtmlWriter implements PageWriter {
  readonly output = {
    isTerminal: false,
    color: true,
    columns: 80,
    write: (text: string) => this.#stream(text),
  };
  readonly #path: string;
  readonly #body: string[] = [];
  #title = "";
  #line = "";

  /** `path` is the file of the page. */
  constructor(path: string) {
    this.#path = path;
  }

  begin({ number, title, facts }: PageHead): void {
    this.#title = `Lesson ${number}: ${title}`;
    const rows = facts.map(([name, value]) => `<dt>${name}</dt><dd>${escape(value)}</dd>`);
    this.#body.push(`<h1>${escape(this.#title)}</h1>`, `<dl>${rows.join("")}</dl>`);
  }

  section(title: string): void {
    this.#body.push(`<h2>${escape(title)}</h2>`);
  }

  text(text: string): void {
    for (const block of blocks(text)) {
      const { isVerbatim } = block;
      this.#body.push(isVerbatim ? code(dedented(block.text)) : `<p>${escape(block.text)}</p>`);
    }
  }

  table(rows: Rows): void {
    const columns = tableColumns(rows);
    const cells = rows.map((row, at) => {
      return row.map((_, i) => {
        const { texts, isNumber } = columns[i];
        return `<td${isNumber ? ' class="number"' : ""}>${escape(texts[at])}</td>`;
      });
    });
    const lines = cells.map((row) => `<tr>${row.join("")}</tr>`);
    this.#body.push(`<div class="wide" tabindex="0"><table>${lines.join("\n")}</table></div>`);
  }

  sample(prompt: string, continuation: string): void {
    const written = `<span class="written">${escape(continuation)}</span>`;
    this.#body.push(
      `<pre class="sample"><span class="prompt">${escape(prompt)}</span>${written}</pre>`,
    );
  }

  async figure(_name: string, figure: Figure): Promise<void> {
    try {
      const [light, dark] = [await figure.toSVG("light"), await figure.toSVG("dark")];
      const [, width] = /width="([\d.]+)"/.exec(light)!;
      this.#body.push(
        `<figure class="wide" tabindex="0" style="--width: ${width}px">` +
          `<div class="light">${light}</div><div class="dark">${dark}</div></figure>`,
      );
    } catch (error) {
      // Without the network the packages that draw cannot be downloaded; the lesson continues.
      if (!(error instanceof UserError)) throw error;
      this.#body.push(`<p>(A figure is left out: ${escape(error.message)}.)</p>`);
    }
  }

  task({ name, outcome, stub, answer }: TestedTask): void {
    const message = "message" in outcome ? `: ${outcome.message}` : "";
    const place = stub?.place ? ` in <code>${escape(stub.place)}</code>` : "";
    this.#body.push(
      `<section class="task"><h3>Code task: ${escape(name)}</h3>`,
      stub ? code(stub.code) : "",
      `<p>${escape(`${outcome.kind}${message}`)}${place}</p>`,
      `<details><summary>Show the answer</summary>${code(answer.code)}</details></section>`,
    );
  }

  async end(summary: string): Promise<void> {
    if (summary) this.#body.push(`<p>${escape(summary)}</p>`);
    const head = '<meta charset="utf-8">\n' +
      '<meta name="viewport" content="width=device-width, initial-scale=1">\n' +
      `<link rel="icon" href="data:,">\n<title>${escape(this.#title)}</title>\n` +
      `<style>${STYLE}</style>`;
    const page = `<!DOCTYPE html>\n<html lang="en">\n<head>\n${head}\n</head>\n<body><main>\n` +
      `${this.#body.join("\n")}\n</main></body>\n</html>\n`;
    await writeText(this.#path, page);
    print(`wrote ${this.#path}`);
  }

  /** Shows whole lines of what `runSample` prints; its colors become elements. */
  #stream(text: string): void {
    this.#line += text;
    if (!this.#line.endsWith("\n")) return;
    const shown = escape(this.#line.trimEnd())
      // deno-lint-ignore no-control-regex
      .replace(/\x1b\[(\d+)m/g, (_, color) => TAGS[color] ?? "");
    this.#body.push(`<pre class="sample">${shown}</pre>`);
    this.#line = "";
  }
}

/** Elements for the colors of a prompt and of a text: magenta, blue, and the end of either. */
const TAGS: Readonly<Record<string, string>> = {
  35: '<span class="prompt">',
  34: '<span class="written">',
  0: "</span>",
};

/** Code with its comments set apart. */
function code(text: string): string {
  const marked = escape(text).replace(
    /^(\s*)(\/\/.*|\/\*\*.*|\*.*)$/gm,
    '$1<span class="comment">$2</span>',
  );
  return `<pre class="wide" tabindex="0"><code>${marked}</code></pre>`;
}
