/**
 * Imports of a lesson besides ../../mod.ts and ../plot/mod.ts: the lesson with its page and flags,
 * code tasks with their tests, a trained model, and functions only for teaching.
 *
 * This module needs Deno: a lesson is a program for the terminal.
 *
 * ```ts ignore
 * import { expectMatch, Lesson, notWritten } from "./mod.ts";
 *
 * function double(x: number): number {
 *   return notWritten(x); // the reader replaces this line
 * }
 *
 * export const lesson = new Lesson(
 *   {
 *     number: 1,
 *     title: "Doubling",
 *     level: "beginner",
 *     minutes: 1,
 *     tasks: 1,
 *     url: import.meta.url,
 *   },
 *   async (page) => {
 *     page.say("Write a function that doubles a number.");
 *     await page.task({
 *       name: "double",
 *       stub: double,
 *       answer: (x) => 2 * x,
 *       test: async (solution) => await expectMatch(solution(2), 4),
 *     });
 *   },
 * );
 * if (import.meta.main) await lesson.run(Deno.args);
 * ```
 *
 * @module
 */

// A lesson and its page
export { Lesson, type LessonBody, type LessonHeading, type Level } from "./lesson.ts";
export { LessonPage, type PageHeading, type PageOptions } from "./lesson_page.ts";
export type { PageHead, PageWriter, Rows, TestedTask } from "./writer.ts";
export { type FunctionSource, LessonSource } from "./source.ts";
export { tableLines } from "./page.ts";
export { notebookPage, type Shown, type ShowOutput } from "./notebook_writer.ts";
export type { Output } from "../cli/output.ts";
export { choice, integer, number, text, toggle } from "../cli/flags.ts";
export { userInput } from "../cli/run.ts";
export type { Flag, Flags, FlagValues, NumberOptions, ShownOptions } from "../cli/flags.ts";
export type { NumberLimits } from "../rules.ts";

// Code tasks
export { checkTask, NotWritten, notWritten, type Task, type TaskOutcome } from "./task.ts";
export {
  type Expected,
  expectMatch,
  type MatchOptions,
  type Mistake,
  WrongAnswer,
} from "./expect.ts";

// Models, words and texts for training
export { printSample } from "../cli/print_sample.ts";
export { runSample, type RunSampleOptions } from "./run_sample.ts";
export { SHIPPED_RUN } from "./shipped_run.ts";
export { loadVectors, vectorsFlag } from "./vectors.ts";
export { SMALL_LANGUAGE_WORDS, smallLanguage } from "./small_language.ts";
export { type SmallModel, trainSmallModel } from "./small_model.ts";

// The first forms of attention
export { dotProductAttention, type HiddenStateAttention } from "./dot_product_attention.ts";
export { AdditiveAttention, type AdditiveAttentionOptions } from "./additive_attention.ts";
