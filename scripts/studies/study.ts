/**
 * What every study of this folder is made of: its options, the facts that it finds, and the table
 * *published / here / agrees*.
 *
 * scripts/study.ts runs them; training.ts trains their models.
 *
 * @module
 */
import type { Figure } from "../../lib/plot/mod.ts";

/** What a study is called with. */
export interface StudyOptions {
  /** Models to train, one for each of the seeds 0, 1, … */
  readonly seeds: number;
  /** Smaller models and fewer steps: seconds instead of minutes. */
  readonly quick: boolean;
  /** The folder of a model that was trained before, for a study that takes one. */
  readonly model: string | undefined;
  /** Receives a line of progress. */
  readonly report: (line: string) => void;
}

/** One line of a study's table. */
export interface Fact {
  /** What was measured. */
  readonly what: string;
  /** What was published. */
  readonly published: string;
  /** What was found here. */
  readonly here: string;
  /** Whether the two agree; of a control, whether it failed as it must. */
  readonly agrees: boolean;
  /** Whether this is a control: something that must not work. Default: false. */
  readonly control?: boolean;
}

/** What a study found. */
export interface Findings {
  /** The facts and, last, the controls. */
  readonly facts: readonly Fact[];
  /** Its figures, by the names of their files. */
  readonly figures: Readonly<Record<string, Figure>>;
}

/** A study that can be run. */
export interface Study {
  /** One line on what it reproduces. */
  readonly title: string;
  /** Authors, year and address. */
  readonly source: string;
  /** Whether it can read the model of a run. Default: false. */
  readonly takesModel?: boolean;
  /** Runs it on the current device. */
  run(options: StudyOptions): Promise<Findings>;
}

/** The facts as a table in Markdown. */
export function factTable(facts: readonly Fact[]): string {
  const rows = facts.map(({ what, published, here, agrees, control }) => {
    const verdict = control
      ? (agrees ? "fails, as it must" : "DOES NOT FAIL")
      : (agrees ? "yes" : "no");
    return [control ? `control: ${what}` : what, published, here, verdict];
  });
  const table = [["", "published", "here", "agrees"], ...rows];
  const widths = table[0].map((_, column) =>
    Math.max(3, ...table.map((row) => row[column].length))
  );
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column])).join(" | ")} |\n`;
  const rule = line(widths.map((width) => "-".repeat(width)));
  return line(table[0]) + rule + table.slice(1).map(line).join("");
}

/** What was measured with each seed. */
export interface Measurement {
  /** What was published. */
  readonly published: string;
  /** The value of each seed. */
  readonly values: readonly number[];
  /** Whether a value agrees with what was published. */
  readonly holds: (value: number) => boolean;
  /** Decimals to show. Default: 2. */
  readonly digits?: number;
}

/** A fact that agrees if it holds for more than half of the seeds. */
export function measured(what: string, { published, values, holds, digits }: Measurement): Fact {
  const agrees = values.filter(holds).length > values.length / 2;
  return { what, published, here: spread(values, digits), agrees };
}

/** A control: its failure must hold for every seed. */
export function control(what: string, { published, values, holds, digits }: Measurement): Fact {
  return {
    what,
    published,
    here: spread(values, digits),
    agrees: values.every(holds),
    control: true,
  };
}

/** Whether a value is above a limit. */
export function above(limit: number): (value: number) => boolean {
  return (value) => value > limit;
}

/** Whether a value is below a limit. */
export function below(limit: number): (value: number) => boolean {
  return (value) => value < limit;
}

/** The numbers' mean and, of several, their range: `0.91 (0.88–0.95)`. */
export function spread(values: readonly number[], digits = 2): string {
  const shown = (value: number) => value.toFixed(digits);
  const average = shown(mean(values));
  if (values.length === 1) return average;
  return `${average} (${shown(Math.min(...values))}–${shown(Math.max(...values))})`;
}

/** The arithmetic mean. */
export function mean(values: ArrayLike<number>): number {
  return Array.from(values).reduce((sum, value) => sum + value, 0) / values.length;
}

/** Pearson's correlation of pairs of numbers. */
export function correlation(pairs: readonly (readonly [number, number])[]): number {
  const [a, b] = [mean(pairs.map(([x]) => x)), mean(pairs.map(([, y]) => y))];
  const sum = (f: (x: number, y: number) => number) =>
    pairs.reduce((total, [x, y]) => total + f(x - a, y - b), 0);
  return sum((x, y) => x * y) / Math.sqrt(sum((x) => x * x) * sum((_, y) => y * y));
}

/** How many of some findings are true: `4 of 5 seeds`. */
export function share(found: readonly boolean[], noun = "seeds"): string {
  return `${found.filter(Boolean).length} of ${found.length} ${noun}`;
}
