/**
 * Draws the loss of one or more training runs as an SVG file: `deno task plot RUN...`.
 *
 * @module
 */

import { choice, integer, text, toggle } from "../lib/cli/flags.ts";
import { print } from "../lib/cli/output.ts";
import { runScript, UserError, userInput } from "../lib/cli/run.ts";
import { makeFolderOf } from "../lib/cli/write_text.ts";
import {
  lossFigure,
  type LossRun,
  parseMetrics,
  PRACTICAL_CORPUS,
  practicalRuns,
} from "../lib/plot/mod.ts";

const command = {
  name: "deno task plot",
  summary: "Draws the training and validation loss of one or more runs as an SVG file.",
  positionals: { name: "RUN", meaning: "folder of a run, with its metrics.jsonl", min: 1 },
  flags: {
    out: text(undefined, "file to write", {
      placeholder: "FILE.svg",
      shownDefault: "RUN/loss.svg, or loss.svg here for several runs",
    }),
    smooth: integer(1, "average training loss over this many points", { min: 1 }),
    logY: toggle(false, "logarithmic loss axis"),
    theme: choice("light", "colors", { choices: ["light", "dark"] }),
    title: text("Loss", "heading"),
    practical: toggle(false, "also draw the two runs of 2024 that `--preset practical` repeats"),
  },
  examples: [
    ["deno task plot runs/baby", "writes runs/baby/loss.svg"],
    ["deno task plot runs/practical --practical", "with the runs of 2024"],
    ["deno task plot runs/a runs/b --out compared.svg --smooth 20", "compares two runs"],
  ] as const,
};

await runScript(command, async ({ flags, positionals }) => {
  const folders = positionals.map((folder) => folder.replace(/(?<=.)\/+$/, ""));
  const out = flags.out ?? (folders.length > 1 ? "loss.svg" : `${folders[0]}/loss.svg`);
  if (!out.endsWith(".svg")) {
    throw new UserError(`--out ${out}: figures are SVG; give a name that ends in .svg`);
  }
  const runs = await Promise.all(folders.map((folder) => readRun(folder, folders)));
  if (flags.practical) {
    await Promise.all(folders.map(expectPracticalCorpus));
    runs.unshift(...practicalRuns());
  }
  const { smooth, logY, theme, title } = flags;
  const figure = await userInput(() => lossFigure(runs, { smooth, logY, theme, title }));
  await makeFolderOf(out);
  await figure.save(out);
  print(`wrote ${out}`);
});

/** Refuses a run of another corpus, whose losses cannot be compared with those of 2024. */
async function expectPracticalCorpus(folder: string): Promise<void> {
  const content = await Deno.readTextFile(`${folder}/run.json`).catch(() => "{}");
  const { corpusHash = PRACTICAL_CORPUS } = await userInput(() => JSON.parse(content));
  if (corpusHash === PRACTICAL_CORPUS) return;
  throw new UserError(
    `--practical: ${folder} was trained on another corpus than the runs of 2024, Tiny Shakespeare`,
  );
}

async function readRun(folder: string, folders: readonly string[]): Promise<LossRun> {
  const file = `${folder}/metrics.jsonl`;
  const metrics = await Deno.readTextFile(file).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new UserError(`${folder}: it holds no metrics.jsonl; give the folder of a training run`);
  });
  return {
    label: runLabel(folder, folders),
    ...await userInput(() => parseMetrics(metrics, file)),
  };
}

/** The folder's name, or its whole path if several folders have that name. */
function runLabel(folder: string, folders: readonly string[]): string {
  const name = (path: string) => path.split(/[/\\]/).at(-1)!;
  const isShared = folders.filter((other) => name(other) === name(folder)).length > 1;
  return isShared ? folder : name(folder);
}
