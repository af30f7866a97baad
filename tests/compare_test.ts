/** Comparisons of runs: groups, means with their spread, tables, and the command. */
import assert from "node:assert/strict";
import { PRESETS } from "../mod.ts";
import { readRun } from "../scripts/comparison/runs.ts";
import { groupBySettings, settingLabel } from "../scripts/comparison/settings.ts";
import { groupResult, meanAndSpread } from "../scripts/comparison/statistics.ts";
import { csvTable, markdownTable } from "../scripts/comparison/table.ts";
import { isFinished } from "../scripts/sweep/train_process.ts";
import { runByFile } from "./support/by_url.ts";
import { line } from "./support/command.ts";
import { assertWellFormed, texts } from "./support/svg.ts";

const PERMISSIONS = ["--allow-read", "--allow-write"];

/** Four runs of two widths and two seeds, and one on another text. */
const RUNS: [name: string, settings: object, validation: number, choices?: object][] = [
  ["a1", { width: 64, seed: 1 }, 2],
  ["a2", { width: 64, seed: 2 }, 4],
  ["b1", { width: 128, seed: 1, learningRate: 2e-3, minLearningRate: 2e-4 }, 1.5],
  ["b2", { width: 128, seed: 2, learningRate: 2e-3, minLearningRate: 2e-4 }, 1.5],
];

async function runFolders(runs = RUNS): Promise<AsyncDisposable & { path: string }> {
  const path = await Deno.makeTempDir({ prefix: "folio-compare-" });
  for (const [name, settings, validationLoss, choices] of runs) {
    await Deno.mkdir(`${path}/runs/${name}`, { recursive: true });
    const record = {
      step: 10,
      preset: "baby",
      settings: { ...PRESETS.baby, steps: 10, ...settings },
      reports: { evalEvery: 5, evalBatches: 2, logEvery: 1, sampleEvery: 0, checkpointEvery: 0 },
      tokenizer: "char",
      corpusHash: "0".repeat(64),
      versions: Deno.version,
      device: "cpu",
      commandLine: "deno task train",
      ...choices,
    };
    await Deno.writeTextFile(`${path}/runs/${name}/run.json`, JSON.stringify(record));
    const metrics = [
      { step: 5, validationLoss: validationLoss + 1 },
      { step: 10, loss: 3, learningRate: 1e-3 },
      { step: 10, validationLoss },
    ];
    const lines = metrics.map((line) => JSON.stringify(line) + "\n").join("");
    await Deno.writeTextFile(`${path}/runs/${name}/metrics.jsonl`, lines);
  }
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

Deno.test("the spread is the sample standard deviation", () => {
  assert.deepEqual(meanAndSpread([5]), { mean: 5 });
  assert.deepEqual(meanAndSpread([2, 4]), { mean: 3, spread: Math.SQRT2 });
  assert.deepEqual(meanAndSpread([1, 2, 3, 4, 5]), { mean: 3, spread: Math.sqrt(2.5) });
});

Deno.test("a run killed before its first step has no losses, and no metrics.jsonl", async () => {
  await using folder = await runFolders([["a1", {}, 2, { step: 0 }]]);
  const path = `${folder.path}/runs/a1`;
  await Deno.remove(`${path}/metrics.jsonl`);
  const { train, validation } = await readRun(path);
  assert.deepEqual({ train, validation }, { train: [], validation: [] });
  assert.equal(await isFinished(path), false);
});

Deno.test("runs are grouped by all that differs but the seed", async () => {
  await using folder = await runFolders();
  const runs = await Promise.all(RUNS.map(([name]) => readRun(`${folder.path}/runs/${name}`)));
  const groups = groupBySettings(runs);
  assert.deepEqual(groups.map(settingLabel), [
    "width 64, learning rate 0.001",
    "width 128, learning rate 0.002",
  ]);
  assert.deepEqual(groups.map(({ runs }) => runs.length), [2, 2]);
  assert.equal(settingLabel(groupBySettings(runs.slice(0, 2))[0]), "all runs");
  const results = groups.map(groupResult);
  assert.equal(
    markdownTable(results),
    [
      "| width | learning rate | runs | steps done | validation loss | best validation loss |      train loss |",
      "| ----: | ------------: | ---: | ---------: | --------------: | -------------------: | --------------: |",
      "|    64 |         0.001 |    2 |         10 | 3.0000 ± 1.4142 |      3.0000 ± 1.4142 | 3.0000 ± 0.0000 |",
      "|   128 |         0.002 |    2 |         10 | 1.5000 ± 0.0000 |      1.5000 ± 0.0000 | 3.0000 ± 0.0000 |",
      "",
    ].join("\n"),
  );
  assert.equal(
    csvTable(results).split("\r\n")[1],
    `64,0.001,2,10,3,${Math.SQRT2},3,${Math.SQRT2},3,0`,
  );
});

Deno.test("no two columns have one name, whatever the runs differ in", async () => {
  await using folder = await runFolders([
    ["a", { seed: 1, steps: 10 }, 2],
    ["b", { seed: 1, steps: 20 }, 3],
  ]);
  const runs = await Promise.all(["a", "b"].map((name) => readRun(`${folder.path}/runs/${name}`)));
  const results = groupBySettings(runs).map(groupResult);
  const names = csvTable(results).split("\r\n")[0].split(",");
  assert.ok(names.includes("steps"));
  assert.deepEqual([...new Set(names)], names);
  const header = markdownTable(results).split("\n")[0].split("|").map((name) => name.trim());
  assert.equal(header.filter((name) => name === "steps").length, 1);
});

Deno.test("a path with a comma or a bar stays one cell", async () => {
  await using folder = await runFolders([
    ["a", { seed: 1 }, 2, { dataset: 'a,"b"|c.txt' }],
    ["b", { seed: 1 }, 3],
  ]);
  const runs = await Promise.all(["a", "b"].map((name) => readRun(`${folder.path}/runs/${name}`)));
  const results = groupBySettings(runs).map(groupResult);
  assert.match(csvTable(results), /^dataset,runs,.*\r\n"a,""b""\|c\.txt",1,10,2,,2,,3,\r\nnone,1,/);
  assert.match(markdownTable(results), /\| a,"b"\\\|c\.txt \| {4}1 \|/);
});

Deno.test("the command takes runs and folders of runs, and writes three files", async () => {
  await using folder = await runFolders();
  const options = { permissions: PERMISSIONS, cwd: folder.path };
  const args = line("runs runs/a1/ --out report");
  const { code, stdout, stderr } = await runByFile("scripts/compare.ts", args, options);
  assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
  const read = (name: string) => Deno.readTextFile(`${folder.path}/report/${name}`);
  const table = await read("comparison.md");
  assert.equal(
    stdout,
    `\n${table}\nwrote report/comparison.md, comparison.csv, comparison.svg\n`,
  );
  assert.match(await read("comparison.csv"), /\r\n128,0\.002,2,/);
  const svg = await read("comparison.svg");
  assertWellFormed(svg, "comparison.svg");
  for (
    const label of ["width 64, learning rate 0.001: 3.000", "width 128, learning rate 0.002: 1.500"]
  ) {
    assert(texts(svg).includes(label), label);
  }
});

Deno.test("what is no run is refused in one line", async () => {
  await using folder = await runFolders();
  await Deno.mkdir(`${folder.path}/empty`);
  await Deno.remove(`${folder.path}/runs/b2/metrics.jsonl`);
  const cases: [string[], RegExp][] = [
    [[], /needs RUN/],
    [["missing"], /^error: missing: expected a run, or a folder of runs; no run.json was found\n$/],
    [["empty"], /^error: empty: expected a run, or a folder of runs/],
    [["runs"], /^error: runs\/b2: it holds no metrics.jsonl; give the folder of a training run\n$/],
  ];
  const options = { permissions: PERMISSIONS, cwd: folder.path };
  for (const [args, message] of cases) {
    const { code, stdout, stderr } = await runByFile("scripts/compare.ts", args, options);
    assert.deepEqual({ code, stdout }, { code: 2, stdout: "" }, args.join(" "));
    assert.match(stderr, message);
  }
});
