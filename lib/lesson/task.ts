/**
 * Code tasks: a stub that a learner fills in, a test of it, and an answer.
 *
 * lesson.ts shows the outcome, expect.ts compares numbers.
 *
 * @module
 */
import { WrongAnswer } from "./expect.ts";

/** A code task of a lesson. */
export interface Task<Solution> {
  /** Name of the task: that of the function to write. */
  readonly name: string;
  /** The function that the learner fills in; at first it calls {@linkcode notWritten}. */
  readonly stub: Solution;
  /** A solution. */
  readonly answer: Solution;
  /** Calls the solution and compares what it returns, with `expectMatch`. */
  readonly test: (solution: Solution) => void | Promise<void>;
}

/** The outcome of a solution's test. */
export type TaskOutcome =
  | { readonly kind: "right" | "not written yet" }
  | { readonly kind: "wrong"; readonly message: string }
  | { readonly kind: "it threw"; readonly message: string; readonly error: Error };

/** The error that an unwritten stub throws. */
export class NotWritten extends Error {
  /** Always `"NotWritten"`. */
  override readonly name = "NotWritten";
}

/**
 * The body of a stub: marks it as not written yet. Its arguments are ignored; pass the stub's
 * variables, so that none of them is unused.
 *
 * ```ts
 * function double(x: number): number {
 *   return notWritten(x); // replace this line
 * }
 * console.assert(typeof double === "function");
 * ```
 *
 * @throws {NotWritten} always
 */
export function notWritten(..._unused: unknown[]): never {
  throw new NotWritten("not written yet");
}

/**
 * Runs a task's test on a solution and distinguishes a stub that is not written yet, one that
 * throws, and one that is wrong.
 *
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
