/**
 * Lessons: programs that explain, draw, and set code tasks for the reader to solve.
 *
 * A lesson is one file that runs alone, by path or by URL, and imports mod.ts beside this one.
 * task.ts runs the tasks' tests, page.ts lays out text.
 *
 * @module
 */
import { openDevice } from "../ops/open_device.ts";
import type { Device } from "../device/device.ts";
import type { Figure } from "../plot/figure.ts";
import { choice, type Flags, type FlagValues, integer, text, toggle } from "../cli/flags.ts";
import { print, stderr, stdout } from "../cli/output.ts";
import type { Parsed } from "../cli/parse.ts";
import { runScript, UserError } from "../cli/run.ts";
import { printSample } from "../cli/print_sample.ts";
import { paragraphs, tableLines } from "./page.ts";
import { checkTask, type Task } from "./task.ts";

/** The reader of a lesson: new to its subject, familiar with it, or working with it. */
export type Level = "beginner" | "intermediate" | "advanced";

/** Title and other facts of a lesson. */
export interface LessonHeading<Specification extends Flags> {
  /** Number of the lesson, from 1. */
  readonly number: number;
  /** Title, which is printed first. */
  readonly title: string;
  /** Level of the reader. */
  readonly level: Level;
  /** Minutes to read and to try it. */
  readonly minutes: number;
  /** Number of code tasks. */
  readonly tasks: number;
  /** The lesson's own address: `import.meta.url`. */
  readonly url: string;
  /** Further flags. Default: none. */
  readonly flags?: Specification;
}

/** The flags of every lesson. */
const LESSON_FLAGS = {
  answers: toggle(false, "show the answers of the code tasks and continue with them"),
  out: text("figures", "folder for the figures", { placeholder: "DIR" }),
  device: choice("auto", "device to compute on", { choices: ["auto", "webgpu", "cpu"] }),
  threads: integer(undefined, "CPU threads. Default: all cores", { min: 1, max: 64 }),
};

/** A lesson's content: it prints, draws and sets tasks through the page that it receives. */
export type LessonBody<Specification extends Flags> = (
  page: LessonPage,
  flags: FlagValues<Specification>,
) => Promise<void>;

/**
 * A lesson.
 *
 * ```ts ignore
 * export const lesson = new Lesson(
 *   {
 *     number: 1,
 *     title: "Doubling",
 *     level: "beginner",
 *     minutes: 1,
 *     tasks: 0,
 *     url: import.meta.url,
 *   },
 *   async (page) => page.say("Twice two is four."),
 * );
 * if (import.meta.main) await lesson.run(Deno.args);
 * ```
 */
export class Lesson<Specification extends Flags = Record<never, never>> {
  /** Creates a lesson from its heading and its content. */
  constructor(
    readonly heading: LessonHeading<Specification>,
    readonly body: LessonBody<Specification>,
  ) {}

  /**
   * Runs the lesson as a command with the given arguments; a user's mistake ends the process with
   * exit code 2.
   */
  async run(args: readonly string[]): Promise<void> {
    const { number, title, level, minutes, flags: own } = this.heading;
    const command = {
      name: `deno task lesson ${number}`,
      summary: `${title}. Level: ${level}; ${duration(minutes)}.`,
      flags: { ...LESSON_FLAGS, ...own } as typeof LESSON_FLAGS & Specification,
    };
    const main = async ({ flags }: Parsed<typeof command.flags>) => {
      const { answers, out, device: kind, threads } = flags as FlagValues<typeof LESSON_FLAGS>;
      const device = await openDevice({ device: kind, threads });
      print(`Lesson ${number}: ${title}`);
      print(`level   ${level}, ${duration(minutes)}`);
      print(`device  ${device.description}`);
      const page = new LessonPage(this.heading, device, { answers, out });
      await this.body(page, flags as FlagValues<Specification>);
      page.end();
      device.close();
    };
    await runScript(command, main, { args, stdout, stderr, exit: Deno.exit });
  }
}

/** The output of a lesson: text, tables, figures and tasks, in order. */
export class LessonPage {
  readonly #heading: LessonHeading<Flags>;
  readonly #options: { readonly answers: boolean; readonly out: string };
  readonly #solved: boolean[] = [];

  /** Creates the page of a lesson that computes on an open device. */
  constructor(
    heading: LessonHeading<Flags>,
    readonly device: Device,
    options: { readonly answers: boolean; readonly out: string },
  ) {
    this.#heading = heading;
    this.#options = options;
  }

  /** Prints a heading. */
  section(title: string): void {
    print(`\n${title}\n${"-".repeat(title.length)}`);
  }

  /**
   * Prints text, wrapped; an empty line separates paragraphs, and lines that start with two spaces
   * stay as they are.
   */
  say(text: string): void {
    print("\n" + paragraphs(text));
  }

  /**
   * Prints rows of texts and numbers in columns. Numbers have three decimals unless they are whole.
   */
  table(rows: readonly (readonly (string | number)[])[]): void {
    print("\n" + tableLines(rows).join("\n"));
  }

  /** Prints a prompt and a model's continuation of it, each in its color. */
  sample(prompt: string, continuation: string): void {
    print("");
    printSample(prompt, continuation);
  }

  /** Writes a figure as `NUMBER-NAME.svg` into the folder of figures and prints its path. */
  async save(name: string, figure: Figure): Promise<void> {
    const { out } = this.#options;
    const path = `${out}/${String(this.#heading.number).padStart(2, "0")}-${name}.svg`;
    try {
      await figure.toSVG();
    } catch (error) {
      // Without the network the packages that draw cannot be downloaded; the lesson continues.
      if (!(error instanceof UserError)) throw error;
      return print(`\nfigure  ${path} is left out: ${error.message}`);
    }
    await Deno.mkdir(out, { recursive: true });
    await figure.save(path);
    print(`\nfigure  ${path}`);
  }

  /**
   * Tests the stub of a code task and prints the outcome; returns the stub if it is right,
   * otherwise the answer, so that the lesson can continue. With `--answers` the answer is shown,
   * tested and returned.
   */
  async task<Solution>(task: Task<Solution>): Promise<Solution> {
    const { answers } = this.#options;
    print(`\ntask    ${task.name}`);
    if (answers) print(indented(String(task.answer)));
    const outcome = await checkTask(answers ? task.answer : task.stub, task.test);
    this.#solved.push(outcome.kind === "right");
    switch (outcome.kind) {
      case "right":
        print(answers ? "        the answer passes the test" : "        right: it passes the test");
        return answers ? task.answer : task.stub;
      case "not written yet":
        print("        not written yet: fill it in and run the lesson again");
        print("        (--answers shows an answer; the lesson continues with that one)");
        break;
      case "wrong":
        print(`        wrong: ${outcome.message}`);
        break;
      case "it threw":
        print(`        it threw: ${outcome.message}${this.#place(outcome.error)}`);
    }
    return task.answer;
  }

  /** Prints how many tasks are solved. */
  end(): void {
    const solved = this.#solved.filter(Boolean).length;
    const file = this.#heading.url.split("/").at(-1);
    print("");
    if (this.#solved.length > 0 && !this.#options.answers) {
      print(`${solved} of ${this.#solved.length} code tasks solved; they are in ${file}`);
    }
  }

  /** The line of the lesson at which an error was thrown. */
  #place({ stack = "" }: Error): string {
    const { url } = this.#heading;
    const at = stack.indexOf(`${url}:`);
    const line = at < 0 ? "" : /^\d+/.exec(stack.slice(at + url.length + 1))?.[0];
    return line ? ` (${url.split("/").at(-1)}, line ${line})` : "";
  }
}

function duration(minutes: number): string {
  return `about ${minutes} minutes`;
}

function indented(text: string): string {
  return text.split("\n").map((line) => line && `        ${line}`).join("\n");
}
