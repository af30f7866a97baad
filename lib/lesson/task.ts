/**
 * Code tasks: a stub that a learner fills in, a test that says how it went, and an answer.
 *
 * How a lesson shows the outcome is left to lesson.ts, the comparison of numbers to expect.ts.
 *
 * @module
 */
import { WrongAnswer } from "./expect.ts";

/** A code task of a lesson. */
export interface Task<Solution> {
  /** What is to be written, in a word or a few: the function's name. */
  readonly name: string;
  /** Where the learner writes; as it comes, it calls {@linkcode notWritten}. */
  readonly stub: Solution;
  /** A solution. */
  readonly answer: Solution;
  /** Calls the solution and compares what it gives, with `expectMatch`. */
  readonly test: (solution: Solution) => void | Promise<void>;
}

/** How a solution did in its test. */
export type TaskOutcome =
  | { readonly kind: "right" | "not written yet" }
  | { readonly kind: "wrong"; readonly message: string }
  | { readonly kind: "it threw"; readonly message: string; readonly error: Error };

/** What a stub throws that nobody has filled in. */
export class NotWritten extends Error {
  /** Always `"NotWritten"`. */
  override readonly name = "NotWritten";
}

/**
 * The body of a stub: marks it as not written yet. Its arguments are ignored: those of the stub may
 * stand there, so that no variable of it is unused.
 *
 * @example
 * ```ts
 * function double(x: number): number {
 *   return notWritten(x); // replace this line
 * }
 * console.assert(typeof double === "function");
 * ```
 */
export function notWritten(..._unused: unknown[]): never {
  throw new NotWritten("not written yet");
}

/**
 * Runs a task's test on a solution and tells apart a stub that is not written yet, one that throws,
 * and one that is wrong.
 *
 * @example
 * ```ts
 * import { expectMatch } from "./expect.ts";
 * const test = async (double: (x: number) => number) => await expectMatch(double(2), 4);
 * console.log((await checkTask((x) => 2 * x, test)).kind); // right
 * console.log(await checkTask((x) => x + 1, test)); // wrong: the result: expected 4, got 3
 * console.log((await checkTask(() => notWritten(), test)).kind); // not written yet
 * ```
 */
export async function checkTask<Solution>(
  solution: Solution,
  test: Task<Solution>["test"],
): Promise<TaskOutcome> {
  try {
    await test(solution);
    return { kind: "right" };
  } catch (thrown) {
    const error = thrown instanceof Error ? thrown : new Error(String(thrown));
    if (error instanceof NotWritten) return { kind: "not written yet" };
    if (error instanceof WrongAnswer) return { kind: "wrong", message: error.message };
    return { kind: "it threw", message: `${error.name}: ${error.message}`, error };
  }
}
