/**
 * A lesson on the terminal: text wrapped to its width, figures as files.
 *
 * @module
 */
import { UserError } from "../errors.ts";
import { print, stdout } from "../cli/output.ts";
import { printSample } from "../cli/print_sample.ts";
import { makeFolder } from "../cli/write_text.ts";
import type { Figure } from "../plot/figure.ts";
import { paragraphs, tableLines } from "./page.ts";
import type { PageHead, PageWriter, Rows, TestedTask } from "./writer.ts";

/** Widest and narrowest lines of text, in characters; the first where there is no terminal. */
const WIDTH = { most: 88, least: 30 };

/** Prints a lesson, and writes its figures to a folder. */
export class TerminalWriter implements PageWriter {
  readonly output = stdout;
  readonly #out: string;

  /** `out` is the folder of the figures. */
  constructor(out: string) {
    this.#out = out;
  }

  begin({ number, title, facts }: PageHead): void {
    print(`Lesson ${number}: ${title}`);
    for (const [name, value] of facts) print(`${name.padEnd(8)}${value}`);
  }

  section(title: string): void {
    print(`\n${title}\n${"-".repeat(title.length)}`);
  }

  text(text: string): void {
    const room = stdout.isTerminal ? stdout.columns : WIDTH.most;
    print("\n" + paragraphs(text, Math.max(WIDTH.least, Math.min(WIDTH.most, room))));
  }

  table(rows: Rows): void {
    print("\n" + tableLines(rows).join("\n"));
  }

  sample(prompt: string, continuation: string): void {
    print("");
    printSample(prompt, continuation);
  }

  async figure(name: string, figure: Figure): Promise<void> {
    const path = `${this.#out}/${name}.svg`;
    try {
      await figure.toSVG();
    } catch (error) {
      // Without the network the packages that draw cannot be downloaded; the lesson continues.
      if (!(error instanceof UserError)) throw error;
      return print(`\nfigure  ${path} is left out: ${error.message}`);
    }
    await makeFolder(this.#out);
    await figure.save(path);
    print(`\nfigure  ${path}`);
  }

  task({ name, outcome, answered, stub, answer, thrownAt }: TestedTask): void {
    print(`\ntask    ${name}${stub?.place ? `  (${stub.place})` : ""}`);
    if (answered) {
      const isWritten = stub && !stub.code.includes("notWritten(");
      if (isWritten) print(`${indented("// Yours:")}\n${indented(stub.code)}\n`);
      print(indented(`// An answer:\n${answer.code}`));
    }
    switch (outcome.kind) {
      case "right":
        return print(
          `        ${answered ? "the answer passes the test" : "right: it passes the test"}`,
        );
      case "not written yet":
        print("        not written yet: fill it in and run the lesson again");
        return print(`        (--answer ${name} shows an answer; the lesson continues with it)`);
      case "wrong":
        return print(`        wrong: ${outcome.message}`);
      case "it threw":
        print(`        it threw: ${outcome.message}${thrownAt ? ` (${thrownAt})` : ""}`);
    }
  }

  end(summary: string): Promise<void> {
    print(summary && `\n${summary}`);
    return Promise.resolve();
  }
}

function indented(text: string): string {
  return text.split("\n").map((line) => line && `        ${line}`).join("\n");
}
