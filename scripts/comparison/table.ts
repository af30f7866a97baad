/**
 * The table of a comparison, as Markdown to read and as CSV to compute with.
 *
 * @module
 */
import { formatLoss } from "../../lib/cli/numbers.ts";
import { spaced } from "./settings.ts";
import type { GroupResult, MeanOfRuns } from "./statistics.ts";

/** The losses of a table, each a mean over seeds. */
const LOSSES = { validation: "validation loss", best: "best validation loss", train: "train loss" };
const LOSS_NAMES = Object.keys(LOSSES) as (keyof typeof LOSSES)[];

/** One row for each setting, with `mean ± spread` of its runs; numbers are right-aligned. */
export function markdownTable(results: readonly GroupResult[]): string {
  const names = Object.keys(results[0].group.settings);
  const header = [
    ...names.map(spaced),
    "runs",
    "steps done",
    ...LOSS_NAMES.map((name) => LOSSES[name]),
  ];
  const rows = results.map((result) => [
    ...names.map((name) => result.group.settings[name].replaceAll("|", "\\|")),
    String(result.group.runs.length),
    String(Math.round(result.steps.mean)),
    ...LOSS_NAMES.map((name) => formatMean(result[name])),
  ]);
  const widths = header.map((cell, column) => {
    return Math.max(4, cell.length, ...rows.map((row) => row[column].length));
  });
  const line = (cells: readonly string[]) => {
    return `| ${cells.map((cell, column) => cell.padStart(widths[column])).join(" | ")} |`;
  };
  const rule = `| ${widths.map((width) => "-".repeat(width - 1) + ":").join(" | ")} |`;
  return [line(header), rule, ...rows.map(line)].join("\n") + "\n";
}

/** One row for each setting; each loss has a column for its mean and one for its spread. */
export function csvTable(results: readonly GroupResult[]): string {
  const names = Object.keys(results[0].group.settings);
  const losses = LOSS_NAMES.flatMap((name) => [`${name}LossMean`, `${name}LossSpread`]);
  const rows = results.map((result) => [
    ...names.map((name) => result.group.settings[name]),
    result.group.runs.length,
    result.steps.mean,
    ...LOSS_NAMES.flatMap((name) => [result[name]?.mean ?? "", result[name]?.spread ?? ""]),
  ]);
  const lines = [[...names, "runs", "stepsDone", ...losses], ...rows];
  return lines.map((cells) => cells.map(csvCell).join(",") + "\r\n").join("");
}

function formatMean(value: MeanOfRuns | undefined): string {
  if (!value) return "none";
  const { mean, spread } = value;
  return spread === undefined ? formatLoss(mean) : `${formatLoss(mean)} ± ${formatLoss(spread)}`;
}

/** A cell as RFC 4180 has it. */
function csvCell(value: string | number): string {
  const text = String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
