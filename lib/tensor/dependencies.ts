/**
 * What a recorded program depends on besides tensors: state of the process, such as the hooks of a
 * model, that was read while it was recorded.
 *
 * compile.ts records a function again if such state differs from what it was.
 *
 * @module
 */

/** State that a program read while it was recorded. */
interface Dependency {
  readonly read: () => unknown;
  readonly value: unknown;
}

let open: Map<object, Dependency> | undefined;

/**
 * Notes that what is computed now depends on the state that `read` returns. Of several notes with
 * one `key` the first counts: state that the recorded function itself changes is its own.
 */
export function noteDependency(key: object, read: () => unknown): void {
  if (!open || open.has(key)) return;
  open.set(key, { read, value: read() });
}

/** State that a program was recorded with. */
export class Dependencies {
  readonly #noted: readonly Dependency[];

  private constructor(noted: readonly Dependency[]) {
    this.#noted = noted;
  }

  /** Runs `body` and gathers what it notes. */
  static of<Result>(body: () => Result): { result: Result; dependencies: Dependencies } {
    const outer = open;
    const noted = open = new Map<object, Dependency>();
    try {
      const result = body();
      return { result, dependencies: new Dependencies([...noted.values()]) };
    } finally {
      open = outer;
    }
  }

  /** Whether some of the state differs from what it was. */
  get haveChanged(): boolean {
    return this.#noted.some(({ read, value }) => read() !== value);
  }
}
