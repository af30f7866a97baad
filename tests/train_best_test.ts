/** The best model of a run, and runs that stop early: real processes of `deno task train`. */
import assert from "node:assert/strict";
import { loadPretrained, loadRunState, openDevice } from "../mod.ts";
import { isFinished } from "../scripts/sweep/train_process.ts";
import {
  command,
  finished,
  line,
  run,
  scratchFolder,
  TINY,
  untilSaved,
} from "./support/command.ts";

/** A constant rate, so that nothing depends on the number of steps. */
const BASE = [
  ...["--dataset", "text.txt", "--validation", "other.txt", ...TINY],
  ...line("--learning-rate 1e-2 --min-learning-rate 1e-2 --warmup-steps 0 --log-every 0"),
];

/** Settings under which no loss is lower than the first. */
const STILL = [
  ...["--dataset", "text.txt", ...TINY],
  ...line("--learning-rate 0 --warmup-steps 0 --eval-every 2 --checkpoint-every 1 --out run"),
];

/** A folder whose held-out text is the other one read backwards: what is learned soon harms. */
async function overfitting(): ReturnType<typeof scratchFolder> {
  const folder = await scratchFolder();
  const text = await Deno.readTextFile(`${folder.path}/text.txt`);
  await Deno.writeTextFile(`${folder.path}/other.txt`, [...text].reverse().join(""));
  return folder;
}

async function train(args: readonly string[], folder: string): Promise<string> {
  const { code, out, err } = await run("train", args, folder);
  assert.equal(code, 0, err);
  return out;
}

async function json(path: string): Promise<Record<string, number>> {
  return JSON.parse(await Deno.readTextFile(path));
}

async function evaluations(run: string): Promise<{ step: number; validationLoss: number }[]> {
  const lines = (await Deno.readTextFile(`${run}/metrics.jsonl`)).trim().split("\n");
  return lines.map((line) => JSON.parse(line)).filter((line) => "validationLoss" in line);
}

Deno.test("best/ holds the weights of the lowest loss, to the bit, and loads as a model", async () => {
  await using folder = await overfitting();
  const path = `${folder.path}/run`;
  const args = [...BASE, ...line("--eval-every 5 --out run --steps 60")];
  const out = await train(args, folder.path);
  const losses = (await evaluations(path)).slice(0, -1); // the last one is on more batches
  const lowest = losses.reduce((best, next) =>
    next.validationLoss < best.validationLoss ? next : best
  );
  assert.ok(lowest.step < 55, "the run does not overfit");
  assert.deepEqual(await json(`${path}/best/best.json`), lowest);
  const shown = `${lowest.validationLoss.toFixed(4)} after step ${lowest.step}, is in run/best`;
  assert.ok(out.includes(`; the lowest, ${shown}\n`), out);
  assert.ok(out.includes("(best)") && /^wrote run\/.*best\/$/m.test(out), out);

  await train(
    [...BASE, ...line("--eval-every 0 --out short --steps"), `${lowest.step}`],
    folder.path,
  );
  const device = await openDevice({ device: "cpu", threads: 1 });
  const weights = async (place: string) => {
    const { model, tokenizer } = await loadPretrained(`${folder.path}/${place}`);
    assert.equal(tokenizer.decode(tokenizer.encode("fox")), "fox");
    return await Promise.all(model.parameters().map((parameter) => parameter.data()));
  };
  assert.deepEqual(await weights("run/best"), await weights("short"));
  device.close();
  const sample = await run("sample", line("run/best --max-new-tokens 3 --device cpu"), folder.path);
  assert.equal(sample.code, 0, sample.err);

  await train([...BASE, ...line("--eval-every 0 --out run --force --steps 1")], folder.path);
  await assert.rejects(Deno.stat(`${path}/best`), Deno.errors.NotFound);
});

Deno.test("--patience stops a run early, and a stopped run stays so until it is raised", async () => {
  await using folder = await scratchFolder();
  const path = `${folder.path}/run`;
  const out = await train([...STILL, ...line("--patience 2 --steps 100")], folder.path);
  assert.match(out, /^stopped early after step 6: 2 evaluations without a lower validation loss/m);
  assert.equal((await loadRunState(path)).step, 6);
  assert.deepEqual((await evaluations(path)).map(({ step }) => step), [2, 4, 6]);
  assert.equal((await json(`${path}/best/best.json`)).step, 2);
  assert.equal(await isFinished(path), true, "a sweep does not train it again");

  const again = await train(line("--resume --out run --device cpu"), folder.path);
  assert.match(again, /^stopped early after step 6/m);
  const on = await train(
    line("--resume --out run --device cpu --patience 0 --steps 8"),
    folder.path,
  );
  assert.match(on, /--patience is 0 from here on; it was 2/);
  const { step, patience, history } = await loadRunState(path);
  assert.deepEqual([step, patience], [8, undefined]);
  assert.deepEqual((history as { changes: object }[]).at(-1)!.changes, {
    steps: [100, 8],
    patience: [2, 0],
  });
});

Deno.test("a killed run keeps its best model and its patience", async () => {
  await using folder = await scratchFolder();
  const patient = line("--patience 3 --steps 100");
  const child = command("train", [...STILL, ...patient], folder.path);
  await untilSaved(child, `${folder.path}/run`, 5);
  child.kill("SIGKILL");
  await finished(child);
  assert.equal(await isFinished(`${folder.path}/run`), false);
  const out = await train(line("--resume --out run --device cpu"), folder.path);
  assert.match(out, /^stopped early after step 8: 3 evaluations/m);
  assert.equal((await json(`${folder.path}/run/best/best.json`)).step, 2);
});

Deno.test("--patience needs evaluations", async () => {
  await using folder = await scratchFolder();
  const args = ["--dataset", "text.txt", ...TINY, ...line("--patience 2 --eval-every 0")];
  const { code, err } = await run("train", args, folder.path);
  const expected =
    "--patience 2: it counts evaluations, and --eval-every 0 makes none; set another";
  assert.deepEqual([code, err], [2, `error: ${expected}\n`]);
});
