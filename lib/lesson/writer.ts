/**
 * What a lesson's page hands to a writer: terminal.ts shows it at once, html.ts makes a page of it,
 * and notebook_writer.ts shows it in a notebook.
 *
 * @module
 */
import type { Output } from "../cli/output.ts";
import type { Figure } from "../plot/figure.ts";
import type { FunctionSource } from "./source.ts";
import type { TaskOutcome } from "./task.ts";

/** Rows of texts and numbers. */
export type Rows = readonly (readonly (string | number)[])[];

/** A code task that was tested. */
export interface TestedTask {
  /** Name of the function to write. */
  readonly name: string;
  /** How the test of the reader's function, or of the answer if it is shown, ended. */
  readonly outcome: TaskOutcome;
  /** Whether the answer is shown and tested, instead of the reader's function. */
  readonly answered: boolean;
  /** The reader's function as the lesson's file has it, if it is there. */
  readonly stub?: FunctionSource;
  /** The answer with its comments. */
  readonly answer: FunctionSource;
  /** File and line of the error that the function threw, if it is in the lesson. */
  readonly thrownAt?: string;
}

/** Facts above a lesson's text. */
export interface PageHead {
  /** Number of the lesson. */
  readonly number: number;
  /** Its title. */
  readonly title: string;
  /** Lines of a name and its value, such as the level and the device. */
  readonly facts: readonly (readonly [name: string, value: string])[];
}

/** Shows the parts of a lesson, in order. */
export interface PageWriter {
  /** Receives what `runSample` prints. */
  readonly output: Output;
  /** Begins the lesson. */
  begin(head: PageHead): void;
  /** Shows a heading. */
  section(title: string): void;
  /** Shows text, as `LessonPage.say` receives it. */
  text(text: string): void;
  /** Shows rows in columns. */
  table(rows: Rows): void;
  /** Shows a prompt and its continuation. */
  sample(prompt: string, continuation: string): void;
  /** Shows a figure; `name` begins with the lesson's number. */
  figure(name: string, figure: Figure): Promise<void>;
  /** Shows the outcome of a task. */
  task(task: TestedTask): void;
  /** Ends the lesson; `summary` says how many tasks are solved. */
  end(summary: string): Promise<void>;
}
