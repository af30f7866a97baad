/**
 * A storm: a training run that is killed, terminated and interrupted at random moments and resumed
 * each time, and whether it ends with the bits of a run that never stopped.
 *
 *     deno run -A tests/support/training_storm.ts 100 1 SIGKILL
 *
 * Arguments: the number of signals, a seed, and the kinds of signals (default: all four).
 *
 * @module
 */
import assert from "node:assert/strict";
import { fileSource } from "../../lib/hub/file_source.ts";
import { SafetensorsFile } from "../../lib/hub/safetensors.ts";
import { checkpointPath } from "../../lib/hub/folder_files.ts";
import { Random } from "../../lib/random.ts";
import { BestModel } from "../../lib/train/checkpoint_best.ts";
import { holdsCheckpoint, loadRunState } from "../../lib/train/checkpoint_state.ts";
import { command, finished, line, run, scratchFolder, TINY, untilSaved } from "./command.ts";

/** With a constant rate, nothing depends on how many steps were asked for. */
const START = [
  ...["--dataset", "text.txt", ...TINY, ...line("--log-every 1 --dropout 0.1")],
  ...line("--learning-rate 1e-3 --min-learning-rate 1e-3 --warmup-steps 0"),
  ...line("--eval-every 7 --sample-every 40 --checkpoint-every 5"),
];
const RESUME = line("--resume --out run --device cpu");

/** What ends a life. */
const KINDS = ["SIGKILL", "SIGTERM", "SIGINT", "SIGINT twice"] as const;
type Kind = typeof KINDS[number];

/** What a busy run says to a first signal. */
const BUSY = "\nstopping after this step; another Ctrl-C stops without saving\n";

/** How often each kind of signal fell, and how. */
export interface Storm {
  /** Signals by kind. */
  readonly signals: Record<string, number>;
  /** Lives by exit code. */
  readonly codes: Record<number, number>;
  /** Steps of the run in the end. */
  readonly steps: number;
}

/**
 * Sends `count` signals to a run, then lets it end, and compares it with one that never stopped:
 * weights, optimizer and metrics. Fails at the first difference, and if a signal loses more than
 * the steps since the last checkpoint.
 */
export async function trainingStorm(
  count: number,
  seed: number,
  kinds: readonly Kind[] = KINDS,
): Promise<Storm> {
  await using folder = await scratchFolder();
  const random = new Random(seed);
  const path = `${folder.path}/run`;
  const signals: Record<string, number> = {};
  const codes: Record<number, number> = {};
  let before = 0;
  for (let i = 0; i < count; i++) {
    const kind = kinds[random.integer(kinds.length)];
    signals[kind] = (signals[kind] ?? 0) + 1;
    const start = [...START, ...line("--steps 1000000 --out run")];
    const child = command("train", holdsCheckpoint(path) ? RESUME : start, folder.path);
    // Every fifth signal falls into the start of a process, the others into its steps.
    if (i % 5 > 0) await untilSaved(child, path, before + 1);
    await pause(random.integer(i % 5 > 0 ? 400 : 1500));
    const { code, err } = await ended(child, kind, random);
    codes[code] = (codes[code] ?? 0) + 1;
    assert.equal(err.replace(BUSY, ""), "", `${kind}: ${err}`);
    if (!holdsCheckpoint(path)) continue;
    const { step } = await loadRunState(path);
    await expectWholeBest(path);
    assert.ok(step >= before, `step ${step} after ${before}`);
    const metrics = await metricsOf(path);
    const last = Math.max(0, ...metrics.keys().map((key) => Number(key.split(" ")[1])));
    assert.ok(last - step <= 5, `${kind}: step ${last} was done, step ${step} saved`);
    if ([130, 143].includes(code) && kind !== "SIGINT twice" && step > before) {
      assert.ok(last <= step, `${kind}: step ${last} was done, step ${step} saved`);
    }
    before = step;
  }
  const steps = before + 3;
  await expectSameAsWhole(folder.path, steps);
  return { signals, codes, steps };
}

async function ended(child: Deno.ChildProcess, kind: Kind, random: Random) {
  const [signal, twice] = kind.split(" ") as [Deno.Signal, string | undefined];
  child.kill(signal);
  if (twice) {
    await pause(random.integer(900));
    try {
      child.kill(signal);
    } catch { /* the first was enough */ }
  }
  return await finished(child);
}

/** Ends the run, and compares it with one of as many steps that nothing stopped. */
async function expectSameAsWhole(folder: string, steps: number): Promise<void> {
  const end = ["--steps", String(steps)];
  const done = await run("train", [...RESUME, ...end], folder);
  assert.equal(done.code, 0, done.err);
  const whole = await run("train", [...START, ...end, ...line("--out whole")], folder);
  assert.equal(whole.code, 0, whole.err);
  const [stormed, quiet] = ["run", "whole"].map((name) => `${folder}/${name}`);
  for (const name of ["model.safetensors", "optimizer.safetensors"]) {
    assert.deepEqual(await tensorsOf(`${stormed}/${name}`), await tensorsOf(`${quiet}/${name}`));
  }
  assert.deepEqual(await metricsOf(stormed), await metricsOf(quiet));
  assert.deepEqual(
    await tensorsOf(`${stormed}/best/model.safetensors`),
    await tensorsOf(`${quiet}/best/model.safetensors`),
  );
}

/** Fails unless the best model, if there is one, is complete and of one step. */
async function expectWholeBest(path: string): Promise<void> {
  const { path: folder, record } = await BestModel.open(path);
  if (record === undefined) return;
  const weights = checkpointPath(folder, "model.safetensors");
  const file = await SafetensorsFile.open(fileSource(weights));
  for (const name of file.tensors.keys()) await file.float32(name);
  file.close();
  assert.equal(file.metadata.get("step"), String(record.step));
}

async function tensorsOf(path: string): Promise<Map<string, Float32Array>> {
  const file = await SafetensorsFile.open(fileSource(path));
  const tensors = new Map<string, Float32Array>();
  for (const name of file.tensors.keys()) tensors.set(name, await file.float32(name));
  file.close();
  return tensors;
}

/** The losses in metrics.jsonl by kind and step; fails where one is there twice. */
async function metricsOf(path: string): Promise<Map<string, number>> {
  const text = await Deno.readTextFile(`${path}/metrics.jsonl`).catch(() => "");
  const losses = new Map<string, number>();
  for (const part of text.split("\n").slice(0, -1)) { // a kill may leave half of a last line
    const { step, loss, validationLoss } = JSON.parse(part);
    const key = `${loss === undefined ? "validation" : "training"} ${step}`;
    assert.ok(!losses.has(key), `${key} is there twice`);
    losses.set(key, loss ?? validationLoss);
  }
  return losses;
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

if (import.meta.main) {
  const [count, seed] = Deno.args.map(Number);
  const kinds = KINDS.filter((kind) => Deno.args.includes(kind));
  console.log(await trainingStorm(count, seed, kinds.length > 0 ? kinds : KINDS));
}
