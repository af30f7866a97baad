/**
 * The page of a lesson: text, tables, figures and tasks, in order. A writer shows them.
 *
 * @module
 */
import type { Output } from "../cli/output.ts";
import type { Device } from "../device/device.ts";
import type { Figure } from "../plot/figure.ts";
import { LessonSource } from "./source.ts";
import { checkTask, type Task } from "./task.ts";
import type { PageWriter, Rows } from "./writer.ts";

/** What a page knows of its lesson. */
export interface PageHeading {
  /** Number of the lesson. */
  readonly number: number;
  /** The lesson's own address. */
  readonly url: string;
}

/** Options of a page. */
export interface PageOptions {
  /** Shows the parts. */
  readonly writer: PageWriter;
  /** Tasks whose answers are shown: all, or one by its name. Default: none. */
  readonly answers?: "all" | { readonly task: string };
  /** The text of the lesson's file. Default: unknown. */
  readonly source?: LessonSource;
}

/** The output of a lesson: text, tables, figures and tasks, in order. */
export class LessonPage {
  readonly #heading: PageHeading;
  readonly #writer: PageWriter;
  readonly #answers: PageOptions["answers"];
  readonly #source: LessonSource;
  readonly #outcomes: { readonly isRight: boolean; readonly isAnswered: boolean }[] = [];

  /** Creates the page of a lesson that computes on an open device. */
  constructor(
    heading: PageHeading,
    readonly device: Device,
    { writer, answers, source = new LessonSource("", heading.url) }: PageOptions,
  ) {
    this.#heading = heading;
    this.#writer = writer;
    this.#answers = answers;
    this.#source = source;
  }

  /** Where `runSample` prints. */
  get output(): Output {
    return this.#writer.output;
  }

  /** Shows a heading. */
  section(title: string): void {
    this.#writer.section(title);
  }

  /**
   * Shows text, wrapped; an empty line separates paragraphs, and lines that start with two spaces
   * stay as they are.
   */
  say(text: string): void {
    this.#writer.text(text);
  }

  /**
   * Shows rows of texts and numbers in columns. Numbers have three decimals unless they are whole.
   */
  table(rows: Rows): void {
    this.#writer.table(rows);
  }

  /** Shows a prompt and a model's continuation of it, each in its color. */
  sample(prompt: string, continuation: string): void {
    this.#writer.sample(prompt, continuation);
  }

  /** Shows a figure: on the terminal as the file `NUMBER-NAME.svg` in the folder of figures. */
  async save(name: string, figure: Figure): Promise<void> {
    const number = String(this.#heading.number).padStart(2, "0");
    await this.#writer.figure(`${number}-${name}`, figure);
  }

  /**
   * Tests the stub of a code task and shows the outcome; returns the stub if it is right, otherwise
   * the answer, so that the lesson can continue. If the answer was asked for, it is shown, tested
   * and returned.
   */
  async task<Solution>(task: Task<Solution>): Promise<Solution> {
    const { name, stub, answer, test } = task;
    const answered = this.#answers === "all" || this.#answers?.task === name;
    const outcome = await checkTask(answered ? answer : stub, test);
    const isRight = outcome.kind === "right";
    this.#outcomes.push({ isRight, isAnswered: answered });
    this.#writer.task({
      name,
      outcome,
      answered,
      stub: this.#source.function(stub),
      answer: this.#source.function(answer),
      thrownAt: outcome.kind === "it threw" ? this.#place(outcome.error) : undefined,
    });
    return isRight && !answered ? stub : answer;
  }

  /** Ends the page; says how many tasks are solved. */
  async end(): Promise<void> {
    const own = this.#outcomes.filter(({ isAnswered }) => !isAnswered);
    const solved = own.filter(({ isRight }) => isRight).length;
    const file = this.#heading.url.split("/").at(-1);
    const summary = `${solved} of ${own.length} code tasks solved; they are in ${file}`;
    await this.#writer.end(own.length > 0 ? summary : "");
  }

  /** File and line of the lesson at which an error was thrown; undefined if it was elsewhere. */
  #place({ stack = "" }: Error): string | undefined {
    const { url } = this.#heading;
    const at = stack.indexOf(`${url}:`);
    const line = at < 0 ? undefined : /^\d+/.exec(stack.slice(at + url.length + 1))?.[0];
    return line && this.#source.place(Number(line));
  }
}
