/**
 * Reproduces a published finding about transformers: `deno task study induction`.
 *
 * Each study is one file in scripts/studies/; its table says what was published, what is found
 * here, and whether a control fails as it must.
 *
 * @module
 */
import { blasFlag, deviceFlags, deviceOptions } from "../lib/cli/device_flags.ts";
import { expectNoFile } from "../lib/cli/expect_folder.ts";
import { integer, text, toggle } from "../lib/cli/flags.ts";
import { formatDuration } from "../lib/cli/numbers.ts";
import { print, stderr } from "../lib/cli/output.ts";
import { runScript, UserError } from "../lib/cli/run.ts";
import { makeFolder, writeText } from "../lib/cli/write_text.ts";
import { openDevice } from "../mod.ts";
import { brackets } from "./studies/brackets.ts";
import { grokking } from "./studies/grokking.ts";
import { induction } from "./studies/induction.ts";
import { shakespeare } from "./studies/shakespeare.ts";
import { sorting } from "./studies/sorting.ts";
import { factTable, type Findings, type Study } from "./studies/study.ts";
import { superposition } from "./studies/superposition.ts";

const STUDIES: Record<string, Study> = {
  induction,
  grokking,
  superposition,
  brackets,
  sorting,
  shakespeare,
};

const command = {
  name: "deno task study",
  summary: "Reproduces a published finding about transformers: trains, intervenes, draws, and " +
    "prints a table of what was published and what is found here, with a control that must fail. " +
    "Without a NAME it lists the studies.",
  positionals: { name: "NAME [RUN]", meaning: "study, and a run for `shakespeare`", max: 2 },
  flags: {
    seeds: integer(5, "models to train, with the seeds 0, 1, …", { min: 1, max: 1000 }),
    quick: toggle(false, "smaller models, fewer steps and one seed: seconds instead of minutes"),
    out: text(undefined, "folder of study.md and the figures", {
      placeholder: "DIR",
      shownDefault: "runs/study-NAME",
    }),
    ...deviceFlags,
    blas: blasFlag,
  },
  examples: [
    ["deno task study induction --quick", "one small model, in seconds"],
    ["deno task study grokking --seeds 3", "three models of a + b mod 113"],
    ["deno task study shakespeare runs/baby", "looks into the model of `deno task train`"],
    ["deno run -A scripts/study.ts grokking --blas auto", "products by a BLAS, not in the sandbox"],
  ] as const,
};

await runScript(command, async ({ flags, given, positionals: [name, model] }) => {
  if (name === undefined) {
    for (const [name, { title }] of Object.entries(STUDIES)) print(`${name.padEnd(14)} ${title}`);
    return;
  }
  const study = studyOf(name, model);
  const out = (flags.out ?? `runs/study-${name}`).replace(/(?<=.)\/+$/, "");
  await expectNoFile(out);
  const seeds = flags.quick && !given.has("seeds") ? 1 : flags.seeds;
  const device = await openDevice({ ...deviceOptions(flags), blas: flags.blas });
  print(`${study.title}\n${study.source}\n`);
  print(`device   ${device.description}\n`);
  const start = performance.now();
  const report = (line: string) => print(line);
  const findings = await study.run({ seeds, quick: flags.quick, model, report });
  const took = formatDuration((performance.now() - start) / 1000);
  device.close();
  await write(findings, out);
  print(`${took}; wrote ${out}/study.md`);
});

/** The study of a name; a run is given only if it can read one. */
function studyOf(name: string, model: string | undefined): Study {
  if (!Object.hasOwn(STUDIES, name)) {
    throw new UserError(`unknown study '${name}'; there are ${Object.keys(STUDIES).join(", ")}`);
  }
  const study = STUDIES[name];
  if (!study.takesModel && model !== undefined) {
    throw new UserError(`study ${name} reads no run, got '${model}'; only shakespeare does`);
  }
  return study;
}

/** Prints the table, and writes it with the figures into the folder. */
async function write({ facts, figures }: Findings, folder: string): Promise<void> {
  await makeFolder(folder);
  const table = factTable(facts);
  print(`\n${table}`);
  await writeText(`${folder}/study.md`, table);
  for (const [name, figure] of Object.entries(figures)) {
    try {
      await figure.save(`${folder}/${name}.svg`);
      print(`figure   ${folder}/${name}.svg`);
    } catch (error) {
      if (!(error instanceof UserError)) throw error; // the plotting package needs the network once
      stderr.write(`${name}.svg was not drawn: ${error.message.split("\n")[0]}\n`);
    }
  }
}
