/**
 * What a run with `--labels` has brought: printed, and as files.
 *
 * @module
 */
import { print, stderr } from "../../lib/cli/output.ts";
import { writeText } from "../../lib/cli/write_text.ts";
import type { ClassificationReport, MeasuredEpoch } from "../../mod.ts";
import type { LabeledTask } from "./labeled_parts.ts";

/** A trained classifier: what it cost and what it brought. */
export interface MethodResult extends Omit<MeasuredEpoch, "step" | "epoch"> {
  /** The method, or the kind of a new model. */
  readonly method: string;
  /** How many numbers were trained. */
  readonly trained: number;
  /** How long that took. */
  readonly seconds: number;
  /** The epoch that was measured. */
  readonly epoch?: number;
}

/** A file's name and content. */
export type ReportFile = readonly [name: string, content: string];

/** A value as the content of an indented JSON file. */
export function json(value: unknown): string {
  return JSON.stringify(value, undefined, 2) + "\n";
}

/** What a report says besides the result. */
export interface ReportFacts {
  /** The model that was fine-tuned. */
  readonly base?: string;
  /** The file of the texts. */
  readonly labels?: string;
  /** Texts that were cut. */
  readonly cut?: number;
  /** After the last epoch, if another one was chosen. */
  readonly last?: MeasuredEpoch;
}

/** The name and the numbers of what is reported: the test part, or that of the choice. */
export function shownPart(
  { test, validation }: Pick<MethodResult, "test" | "validation">,
): { part: "test" | "validation"; report: ClassificationReport } | undefined {
  if (test) return { part: "test", report: test };
  return validation && { part: "validation", report: validation };
}

/** Prints accuracy, and precision, recall and F1 of each class. */
export function printReport(result: MethodResult, last: MeasuredEpoch | undefined): void {
  const shown = shownPart(result);
  if (!shown) return;
  const { part, report: { accuracy, classes, confusion } } = shown;
  const after = result.epoch === undefined ? "" : ` after epoch ${result.epoch}`;
  const other = last && shownPart(last)?.report.accuracy;
  const atEnd = other === undefined ? "" : `, ${other.toFixed(4)} after the last`;
  print(`\n${part} accuracy ${accuracy.toFixed(4)}${after}${atEnd}\n`);
  const width = Math.max(9, ...classes.map(({ label }) => label.length));
  const cells = (values: readonly (string | number)[]) =>
    values.map((value) => String(value).padStart(9)).join("");
  print(`${"".padEnd(width)}${cells(["precision", "recall", "F1", "texts"])}   predicted as`);
  classes.forEach(({ label, precision, recall, f1, texts }, c) => {
    const shares = [precision, recall, f1].map((share) => share.toFixed(3));
    print(`${label.padEnd(width)}${cells([...shares, texts])}   ${confusion[c].join(" ")}`);
  });
  print();
}

/** `report.json`, `predictions.tsv` and, if the packages that draw can be had, `confusion.svg`. */
export async function reportFiles(
  result: MethodResult,
  { parts, labels }: LabeledTask,
  { cut, last, ...facts }: ReportFacts,
): Promise<ReportFile[]> {
  const { predicted, ...measured } = result;
  const record = {
    ...facts,
    parts: {
      train: parts.train.length,
      validation: parts.validation.length,
      test: parts.test.length,
      duplicates: parts.duplicates,
      cut,
    },
    ...measured,
    last: last && { epoch: last.epoch, validation: last.validation, test: last.test },
    commandLine: ["deno task finetune", ...Deno.args].join(" "),
  };
  const shown = shownPart(result);
  const rows = shown ? parts[shown.part] : [];
  const lines = rows.map(({ label, text }, i) =>
    `${label}\t${labels[predicted[i]]}\t${text.replace(/\s+/g, " ")}\n`
  );
  return [
    ["report.json", json(record)],
    ["predictions.tsv", lines.join("")],
    ...await confusionFile(shown),
  ];
}

async function confusionFile(shown: ReturnType<typeof shownPart>): Promise<ReportFile[]> {
  if (!shown) return [];
  const { part, report: { classes, confusion } } = shown;
  return await drawn("confusion.svg", async () => {
    const { confusionFigure } = await import("../../lib/plot/mod.ts");
    const labels = classes.map(({ label }) => label);
    return confusionFigure(confusion, { labels, title: `Classes of the ${part} part` });
  });
}

/**
 * A figure as a file; none, after a line on standard error, if the plotting package cannot be
 * loaded (its first use needs the network).
 */
export async function drawn(
  name: string,
  figure: () => Promise<{ toSVG(): Promise<string> }>,
): Promise<ReportFile[]> {
  try {
    return [[name, await (await figure()).toSVG()]];
  } catch (error) {
    stderr.write(`${name} was not drawn: ${(error as Error).message.split("\n")[0]}\n`);
    return [];
  }
}

/** Writes files into a folder, which is made if it is missing, and says so. */
export async function writeReports(folder: string, files: readonly ReportFile[]): Promise<void> {
  for (const [name, content] of files) await writeText(`${folder}/${name}`, content);
  print(`wrote ${folder}/${files.map(([name]) => name).join(", ")}`);
}
