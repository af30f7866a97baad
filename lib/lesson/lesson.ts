/**
 * Lessons: programs that explain, draw, and set code tasks for the reader to solve.
 *
 * A lesson is one file that runs alone, by path or by URL, and imports mod.ts beside this one.
 * lesson_page.ts is what its content is shown on: the terminal, a page, or a notebook.
 *
 * @module
 */
import { openDevice } from "../ops/open_device.ts";
import { DEVICE_KINDS } from "../cli/device_flags.ts";
import { expectNewFile } from "../cli/expect_new_file.ts";
import { choice, type Flags, type FlagValues, group, integer, text, toggle } from "../cli/flags.ts";
import { print, stderr, stdout } from "../cli/output.ts";
import type { Parsed } from "../cli/parse.ts";
import { runScript, UserError } from "../cli/run.ts";
import { makeFolder, writeText } from "../cli/write_text.ts";
import { LessonPage } from "./lesson_page.ts";
import { LessonSource } from "./source.ts";
import { TerminalWriter } from "./terminal.ts";
import type { PageHead, PageWriter } from "./writer.ts";

/** The reader of a lesson: new to its subject, familiar with it, or working with it. */
export type Level = "beginner" | "intermediate" | "advanced";

/** Title and other facts of a lesson. */
export interface LessonHeading<Specification extends Flags> {
  /** Number of the lesson, from 0. */
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
  answers: toggle(false, "show the answers of all code tasks and continue with them"),
  answer: text(undefined, "show the answer of this code task alone", {
    placeholder: "TASK",
    shownDefault: "",
  }),
  ...group("Output", {
    html: toggle(false, "write the lesson as one web page, light and dark, instead of printing it"),
    notebook: toggle(false, "write it as a Jupyter notebook for Deno's kernel, without running it"),
    force: toggle(false, "replace a notebook that is there, with what was written in it"),
    out: text(undefined, "folder for the figures, the page or the notebook", {
      placeholder: "DIR",
      shownDefault: "figures; for a page or a notebook the working folder",
    }),
  }),
  ...group("Device", {
    device: choice("auto", "device to compute on", DEVICE_KINDS),
    threads: integer(undefined, "CPU threads", { min: 1, max: 64, shownDefault: "all cores" }),
  }),
};

/** Values of the flags of every lesson. */
type LessonFlags = FlagValues<typeof LESSON_FLAGS>;

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
      const common = flags as LessonFlags;
      const source = await LessonSource.read(this.heading.url);
      this.#expectAnswer(common, source);
      const all = flags as LessonFlags & FlagValues<Specification>;
      if (common.notebook) await this.#writeNotebook(source, all);
      else await this.#show(source, all);
    };
    await runScript(command, main, { args, stdout, stderr, exit: Deno.exit });
  }

  /** Runs the lesson and shows it. */
  async #show(
    source: LessonSource,
    flags: LessonFlags & FlagValues<Specification>,
  ): Promise<void> {
    const { answers, answer, device: kind, threads } = flags as LessonFlags;
    const device = await openDevice({ device: kind, threads });
    const writer = await this.#writer(flags);
    writer.begin(this.#head(device.description));
    const page = new LessonPage(this.heading, device, {
      writer,
      source,
      answers: answers ? "all" : answer === undefined ? undefined : { task: answer },
    });
    await this.body(page, flags);
    await page.end();
    device.close();
  }

  async #writer({ html, out }: LessonFlags): Promise<PageWriter> {
    if (!html) return new TerminalWriter(out ?? "figures");
    const { HtmlWriter } = await import("./html.ts");
    return new HtmlWriter(await this.#file(out, "html"));
  }

  async #writeNotebook(
    source: LessonSource,
    flags: LessonFlags & FlagValues<Specification>,
  ): Promise<void> {
    const { notebookOf } = await import("./notebook.ts");
    const { out, force } = flags as LessonFlags;
    const path = await this.#file(out, "ipynb");
    await expectNewFile(path, { force }); // a reader writes solutions in it
    const own = Object.keys(this.heading.flags ?? {}).map((name) => {
      return [name, (flags as Record<string, unknown>)[name]] as const;
    });
    const notebook = notebookOf(source.text, {
      ...this.#head(),
      url: this.heading.url,
      flags: own,
    });
    await writeText(path, JSON.stringify(notebook, undefined, 1) + "\n");
    print(`wrote ${path}; open it with Jupyter and Deno's kernel (deno jupyter --install)`);
  }

  #head(device?: string): PageHead {
    const { number, title, level, minutes } = this.heading;
    const facts: [string, string][] = [["level", `${level}, ${duration(minutes)}`]];
    if (device !== undefined) facts.push(["device", device]);
    return { number, title, facts };
  }

  /** Path of the page or notebook, in a folder that is made if it is missing. */
  async #file(out: string | undefined, extension: string): Promise<string> {
    if (out !== undefined) await makeFolder(out);
    const name = this.heading.url.split("/").at(-1)!.replace(/\.\w+$/, "");
    return `${out === undefined ? "" : `${out}/`}${name}.${extension}`;
  }

  /** Refuses the name of an answer that the lesson does not have. */
  #expectAnswer({ answer }: LessonFlags, source: LessonSource): void {
    const names = [...source.text.matchAll(/^\s+name: "(\w+)",\n\s+stub:/gm)].map(([, name]) =>
      name
    );
    if (answer === undefined || names.length === 0 || names.includes(answer)) return;
    throw new UserError(`--answer ${answer}: the tasks of this lesson are ${names.join(", ")}`);
  }
}

function duration(minutes: number): string {
  return `about ${minutes} minutes`;
}
