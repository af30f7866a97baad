/**
 * Sweeps as real processes: every combination, killed and continued, stopped, with failing runs.
 */
import assert from "node:assert/strict";
import { parseArguments } from "../lib/cli/parse.ts";
import { sweepFlags } from "../scripts/sweep/flags.ts";
import { sweepGrid } from "../scripts/sweep/grid.ts";
import {
  type Finished,
  finished,
  line,
  scratchFolder,
  TINY,
  untilTrue,
} from "./support/command.ts";
import { assertWellFormed, texts } from "./support/svg.ts";

const SCRIPT = new URL("../scripts/sweep.ts", import.meta.url).pathname;

const BASE = [...TINY, ...line("--dataset text.txt --log-every 1 --out sweep")];

/** Three learning rates, two widths and two seeds, which are quick. */
const GRID = [
  ...BASE.filter((word, index) => word !== "--width" && BASE[index - 1] !== "--width"),
  ...line("--learning-rate 1e-2,1e-3,1e-4 --width 8,16 --seeds 2"),
  ...line("--steps 8 --eval-every 4 --checkpoint-every 1"),
];

function startSweep(args: readonly string[], folder: string): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-read", "--allow-write", "--allow-run", "--no-lock", SCRIPT, ...args],
    cwd: folder,
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

function sweep(args: readonly string[], folder: string): Promise<Finished> {
  return finished(startSweep(args, folder));
}

/** The steps in a run's metrics whose lines have `figure`, in the order of the lines. */
async function stepsWith(figure: string, run: string): Promise<number[]> {
  const text = await Deno.readTextFile(`${run}/metrics.jsonl`).catch(() => "");
  const lines = text.split("\n").filter(Boolean).map((line) => JSON.parse(line));
  return lines.filter((line) => figure in line).map(({ step }) => step);
}

/** The folders of the runs that have done all 8 steps. */
async function finishedRuns(folder: string): Promise<string[]> {
  const entries = await Array.fromAsync(Deno.readDir(folder)).catch(() => []);
  const runs = entries.filter(({ isDirectory }) => isDirectory).map(({ name }) => name);
  const steps = await Promise.all(
    runs.map((run) => stepsWith("validationLoss", `${folder}/${run}`)),
  );
  return runs.filter((_, index) => steps[index].at(-1) === 8).sort();
}

Deno.test("a grid has every combination once for each seed, and passes what was typed", async () => {
  const command = { name: "sweep", summary: "", flags: sweepFlags };
  const args = line("--width 64,128,64 --learning-rate 1e-3,3e-4 --seeds 2 --first-seed 7");
  const { flags, given } = await parseArguments(command, [
    ...args,
    ...line("--steps 5 --dataset a,b.txt --recompute-activations"),
  ]);
  const { shared, swept, runs } = sweepGrid(flags, given);
  assert.deepEqual(swept, { width: ["64", "128"], "learning-rate": ["0.001", "0.0003"] });
  assert.deepEqual(shared, ["--dataset=a,b.txt", "--steps=5", "--recompute-activations"]);
  assert.equal(new Set(runs.map(({ name }) => name)).size, 8);
  assert.equal(runs[0].name, "width=64,learning-rate=0.001,seed=7");
  assert.deepEqual(runs[0].args.slice(3), ["--width=64", "--learning-rate=0.001", "--seed=7"]);
  for (const wrong of ["--width 64,0", "--width 64,", "--width a,64", "--tokenizer char,bytes"]) {
    await assert.rejects(parseArguments(command, line(wrong)), /several with commas between them/);
  }
});

Deno.test("a sweep of 6 settings x 2 seeds, killed in the middle, continues and repeats nothing", async () => {
  await using folder = await scratchFolder();
  const out = `${folder.path}/sweep`;
  const killed = startSweep(GRID, folder.path);
  await untilTrue(killed, async () => (await finishedRuns(out)).length >= 4);
  killed.kill("SIGKILL");
  await finished(killed);
  const before = await finishedRuns(out);
  assert(before.length < 12, "killed in the middle");
  const weights = (run: string) => Deno.stat(`${out}/${run}/model.safetensors`);
  const written = await Promise.all(before.map(async (run) => (await weights(run)).mtime));

  const { code, out: text, err } = await sweep(GRID, folder.path);
  assert.equal(code, 0, err);
  const runs = await finishedRuns(out);
  assert.equal(runs.length, 12);
  for (const run of runs) {
    const steps = await stepsWith("loss", `${out}/${run}`);
    assert.deepEqual(steps, [1, 2, 3, 4, 5, 6, 7, 8], run);
    assert.deepEqual(await stepsWith("validationLoss", `${out}/${run}`), [4, 8], run);
  }
  const after = await Promise.all(before.map(async (run) => (await weights(run)).mtime));
  assert.deepEqual(after, written, "finished runs are not trained again");

  const table = await Deno.readTextFile(`${out}/comparison.md`);
  assert(text.includes(table));
  assert.equal(table.trim().split("\n").length, 2 + 6);
  assert.match(table, /\| +8 \| +0\.01 \| +2 \| +8 \| \d\.\d{4} ± \d\.\d{4} \|/);
  const csv = (await Deno.readTextFile(`${out}/comparison.csv`)).split("\r\n");
  assert.match(
    csv[0],
    /^width,learningRate,runs,stepsDone,validationLossMean,validationLossSpread,/,
  );
  assert.equal(csv.length, 1 + 6 + 1);
  const svg = await Deno.readTextFile(`${out}/comparison.svg`);
  assertWellFormed(svg, "comparison.svg");
  assert.equal(texts(svg).filter((label) => /^width \d+, learning rate /.test(label)).length, 6);

  const other = await sweep([...GRID, "--clip", "2"], folder.path);
  assert.equal(other.code, 2);
  assert.match(other.err, /its sweep was started with .*; give the same flags, or name another/);
});

Deno.test("a signal stops the runs of a sweep after a checkpoint each", async () => {
  await using folder = await scratchFolder();
  const args = [...BASE, ...line("--steps 100000 --eval-every 0 --seeds 2 --checkpoint-every 0")];
  const child = startSweep(args, folder.path);
  const runs = ["seed=1", "seed=2"].map((name) => `${folder.path}/sweep/${name}`);
  await untilTrue(child, async () => (await stepsWith("loss", runs[0])).length > 0);
  child.kill("SIGTERM");
  const { code, out } = await finished(child);
  assert.equal(code, 143);
  assert.match(out, /stopped; the same command continues\n$/);
  const { step } = JSON.parse(await Deno.readTextFile(`${runs[0]}/run.json`));
  assert.equal(step, (await stepsWith("loss", runs[0])).at(-1));
});

Deno.test("runs that fail are named, and the others are compared", async () => {
  await using folder = await scratchFolder();
  const args = [...BASE.filter((word) => word !== "--heads" && word !== "2")];
  args.splice(args.indexOf("--eval-batches") + 1, 0, "2");
  const { code, out, err } = await sweep(
    [...args, ...line("--heads 2,3 --steps 2 --eval-every 0")],
    folder.path,
  );
  assert.equal(code, 2, err);
  assert.match(out, /2\/2 heads=3,seed=1 {2}failed: .*heads/);
  assert.match(err, /^error: 1 of 2 runs failed, such as heads=3,seed=1: /);
  assert.match(await Deno.readTextFile(`${folder.path}/sweep/comparison.md`), / none \|/);

  const piped = await sweep(line("--dataset - --out other"), folder.path);
  assert.deepEqual([piped.code, piped.out], [2, ""]);
  assert.match(piped.err, /^error: --dataset -: only one run can read standard input/);

  const inRun = await sweep([...BASE.slice(0, -1), "sweep/heads=2,seed=1"], folder.path);
  assert.equal(inRun.code, 2);
  assert.match(inRun.err, /^error: sweep\/heads=2,seed=1: it holds a run; name another folder/);
});
