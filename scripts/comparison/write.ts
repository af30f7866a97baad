/**
 * Writes a comparison of runs: comparison.md, comparison.csv and comparison.svg.
 *
 * @module
 */
import { print, stderr } from "../../lib/cli/output.ts";
import { UserError } from "../../lib/cli/run.ts";
import { writeText } from "../../lib/cli/write_text.ts";
import { seedsFigure } from "../../lib/plot/mod.ts";
import type { ComparedRun } from "./runs.ts";
import { groupBySettings, settingLabel } from "./settings.ts";
import { type GroupResult, groupResult } from "./statistics.ts";
import { csvTable, markdownTable } from "./table.ts";

/**
 * Prints the table of some runs and writes it, and the figure, into `folder`. Without the plotting
 * package (its first use needs the network) a line on standard error replaces the figure.
 *
 * @throws {UserError} if the system refuses to write
 */
export async function writeComparison(runs: readonly ComparedRun[], folder: string): Promise<void> {
  const results = groupBySettings(runs).map(groupResult);
  const table = markdownTable(results);
  print(`\n${table}`);
  await writeText(`${folder}/comparison.md`, table);
  await writeText(`${folder}/comparison.csv`, csvTable(results));
  const names = ["comparison.md", "comparison.csv"];
  if (await drawComparison(results, `${folder}/comparison.svg`)) names.push("comparison.svg");
  print(`wrote ${folder}/${names.join(", ")}`);
}

/** Draws the loss on held-out text or, if a setting has none, the training loss. */
async function drawComparison(results: readonly GroupResult[], path: string): Promise<boolean> {
  const kind = results.every(({ validation }) => validation) ? "validation" : "train";
  const settings = results.map(({ group }) => {
    return { label: settingLabel(group), runs: group.runs.map((run) => run[kind]) };
  });
  try {
    const title = kind === "validation" ? "Validation loss" : "Training loss";
    await seedsFigure(settings, { title }).save(path);
    return true;
  } catch (error) {
    if (!(error instanceof UserError || error instanceof RangeError)) throw error;
    stderr.write(`comparison.svg was not drawn: ${error.message.split("\n")[0]}\n`);
    return false;
  }
}
