/**
 * Sections of a measurement that must not be lost: each is guarded, starts only while there is time
 * for it, and writes its results to a file as it goes.
 *
 * @module
 */
import { print } from "../../lib/cli/output.ts";

/** A result: named numbers and texts. */
export type Result = Readonly<Record<string, unknown>>;

/** Runs sections and keeps their results. */
export class Sections {
  /** All results so far, in their order. */
  readonly results: Result[] = [];
  /** Sections that failed or were skipped, with the reason. */
  readonly incomplete: string[] = [];
  readonly #start = performance.now();
  #name = "";

  /**
   * @param path File of the results, one JSON object a line
   * @param seconds The time for all sections
   * @param isQuick Whether sizes are tiny, to see that everything runs
   */
  constructor(readonly path: string, readonly seconds: number, readonly isQuick: boolean) {
    Deno.writeTextFileSync(path, "");
  }

  /** Seconds that are left. */
  get left(): number {
    return this.seconds - (performance.now() - this.#start) / 1e3;
  }

  /** `whole`, or `small` in a quick run. */
  size<T>(whole: T, small: T): T {
    return this.isQuick ? small : whole;
  }

  /** Runs a section if `needs` seconds are left; a failure is recorded and ends it alone. */
  async run(name: string, needs: number, body: () => Promise<void>): Promise<void> {
    if (this.left < needs) return this.#skip(name, `${Math.max(0, this.left).toFixed(0)} s left`);
    this.#name = name;
    print(`\n${name}`);
    const start = performance.now();
    try {
      await body();
    } catch (error) {
      this.#skip(name, (error as Error).message?.split("\n")[0] ?? String(error));
      this.note({ stack: (error as Error).stack?.slice(0, 800) });
    }
    this.note({ seconds: (performance.now() - start) / 1e3 });
  }

  /** Keeps a result and prints it as a line; `what` says what was measured. */
  add(what: string, values: Result): void {
    this.note({ what, ...values });
    const shown = Object.entries(values).map(([key, value]) => `${key} ${format(value)}`);
    print(`  ${what.padEnd(34)} ${shown.join("  ")}`);
  }

  /** Keeps a result without printing it. */
  note(values: Result): void {
    const result = { section: this.#name, ...values };
    this.results.push(result);
    Deno.writeTextFileSync(this.path, JSON.stringify(result) + "\n", { append: true });
  }

  #skip(name: string, reason: string): void {
    this.incomplete.push(`${name}: ${reason}`);
    print(`  not done: ${reason}`);
    this.note({ section: name, incomplete: reason });
  }
}

function format(value: unknown): string {
  if (Number.isInteger(value)) return String(value);
  if (typeof value === "number") return String(Number(value.toPrecision(4)));
  return typeof value === "string" ? value : JSON.stringify(value);
}
