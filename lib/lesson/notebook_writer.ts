/**
 * A lesson in a Jupyter notebook with Deno's kernel: each part becomes the output of its cell.
 *
 * See notebook.ts for the notebook itself.
 *
 * @module
 */
import { useDevice } from "../device/current_device.ts";
import { openDevice } from "../ops/open_device.ts";
import type { Figure } from "../plot/figure.ts";
import { LessonPage } from "./lesson_page.ts";
import { tableMarkdown, textMarkdown } from "./markdown.ts";
import { paragraphs, tableLines } from "./page.ts";
import type { PageHead, PageWriter, Rows, TestedTask } from "./writer.ts";

/** An output by its media types. */
export type Shown = Readonly<Record<string, string>>;

/** The part of Deno's kernel that is used here. */
interface Kernel {
  broadcast(type: string, content: Record<string, unknown>): Promise<void>;
}

/** Shows an output below the cell that runs. */
export type ShowOutput = (data: Shown) => Promise<void>;

/** Shows the parts of a lesson below the cells that make them. */
export class NotebookWriter implements PageWriter {
  readonly output = {
    isTerminal: false,
    color: false,
    columns: 80,
    write: (text: string) => this.#stream(text),
  };
  readonly #showOutput: ShowOutput;
  #shown: Promise<void> = Promise.resolve();
  #line = "";

  /** `showOutput` is the kernel's. */
  constructor(showOutput: ShowOutput) {
    this.#showOutput = showOutput;
  }

  begin({ number, title, facts }: PageHead): void {
    const rest = facts.map(([name, value]) => `${name} ${value}`).join("; ");
    this.#show({ "text/plain": `Lesson ${number}: ${title}; ${rest}` });
  }

  section(title: string): void {
    this.#show({ "text/plain": title, "text/markdown": `## ${title}` });
  }

  text(text: string): void {
    this.#show({ "text/plain": paragraphs(text, 88), "text/markdown": textMarkdown(text) });
  }

  table(rows: Rows): void {
    const text = tableLines(rows).join("\n");
    this.#show({ "text/plain": text, "text/markdown": tableMarkdown(rows) });
  }

  sample(prompt: string, continuation: string): void {
    this.#show({ "text/plain": prompt + continuation });
  }

  async figure(_name: string, figure: Figure): Promise<void> {
    this.#show({ "text/plain": figure.title, "image/svg+xml": await figure.toSVG() });
    await this.#shown;
  }

  task({ name, outcome }: TestedTask): void {
    const message = "message" in outcome ? `: ${outcome.message}` : "";
    this.#show({ "text/plain": `${name}: ${outcome.kind}${message}` });
  }

  async end(summary: string): Promise<void> {
    if (summary) this.#show({ "text/plain": summary });
    await this.#shown;
  }

  /** Shows whole lines. */
  #stream(text: string): void {
    this.#line += text;
    if (!this.#line.endsWith("\n")) return;
    this.#show({ "text/plain": this.#line.trimEnd() });
    this.#line = "";
  }

  #show(data: Shown): void {
    this.#shown = this.#shown.then(() => this.#showOutput(data));
  }
}

/** Shows an output through Deno's kernel. */
async function showInKernel(data: Shown): Promise<void> {
  const { jupyter } = Deno as unknown as { jupyter: Kernel };
  await jupyter.broadcast("display_data", { data, metadata: {}, transient: {} });
}

/**
 * Opens a device, and the page on which the cells of a lesson's notebook show their text, tables,
 * figures and tasks.
 *
 * ```ts ignore
 * const page = await notebookPage(3);
 * page.say("Twice two is four.");
 * ```
 *
 * `showOutput` shows each part by its media types. Default: Deno's kernel does.
 */
export async function notebookPage(
  number: number,
  showOutput: ShowOutput = showInKernel,
): Promise<LessonPage> {
  const device = await openDevice();
  useDevice(device);
  const writer = new NotebookWriter(showOutput);
  writer.output.write(`device ${device.description}\n`);
  return new LessonPage({ number, url: `notebook ${number}` }, device, { writer });
}
