/**
 * Compares training runs: `deno task compare RUN...`.
 *
 * Runs that differ only in their seed are one row of the table and one line of the figure. The
 * parts are in scripts/comparison/, which `deno task sweep` uses too.
 *
 * @module
 */
import { text } from "../lib/cli/flags.ts";
import { runScript } from "../lib/cli/run.ts";
import { makeFolder } from "../lib/cli/write_text.ts";
import { readRun, runFolders } from "./comparison/runs.ts";
import { writeComparison } from "./comparison/write.ts";

const command = {
  name: "deno task compare",
  summary: "Compares runs by the settings in which they differ: a table, mean ± standard " +
    "deviation over seeds, as Markdown and CSV, and a figure.",
  positionals: { name: "RUN", meaning: "folder of a run, or of several runs", min: 1 },
  flags: {
    out: text("comparison", "folder of comparison.md, comparison.csv and comparison.svg", {
      placeholder: "DIR",
    }),
  },
  examples: [
    ["deno task compare runs/baby runs/baby-2", "compares two runs"],
    ["deno task compare runs/sweep --out report", "compares all runs in a folder"],
  ] as const,
};

await runScript(command, async ({ flags: { out }, positionals }) => {
  const folders = (await Promise.all(positionals.map(runFolders))).flat();
  const runs = await Promise.all([...new Set(folders)].map(readRun));
  await makeFolder(out);
  await writeComparison(runs, out);
});
