/** Signals to `deno task train`, as real processes: what is saved, how soon, and the exit code. */
import assert from "node:assert/strict";
import { loadRunState } from "../lib/train/checkpoint_state.ts";
import {
  command,
  finished,
  line,
  run,
  scratchFolder,
  TINY,
  untilLine,
  untilSaved,
} from "./support/command.ts";

const BASE = ["--dataset", "text.txt", ...TINY, "--out", "run"];
/** The same with an evaluation that would take hours. */
const ENDLESS = BASE.map((arg, i) => BASE[i - 1] === "--eval-batches" ? "100000000" : arg);

/** Every case as a test; Windows has no such signals. */
function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name: `train: ${name}`, ignore: Deno.build.os === "windows", fn });
}

const CODES = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
for (const [signal, exitCode] of Object.entries(CODES) as [Deno.Signal, number][]) {
  test(`${signal} saves the step that was done and ends with ${exitCode}`, async () => {
    await using folder = await scratchFolder();
    const args = [...BASE, ...line("--eval-every 0 --log-every 1 --steps 100000")];
    const child = command("train", [...args, ...line("--checkpoint-every 5")], folder.path);
    await untilSaved(child, `${folder.path}/run`, 5);
    child.kill(signal);
    const { code, out } = await finished(child);
    assert.equal(code, exitCode);
    const [, step] = out.match(/stopped after step (\d+); continue with: deno task train/)!;
    assert.equal((await loadRunState(`${folder.path}/run`)).step, Number(step));
    assert.match(out, /saving and stopping; another Ctrl-C stops without saving/);
  });

  test(`${signal} ends an evaluation within the batch`, async () => {
    await using folder = await scratchFolder();
    const args = [...ENDLESS, ...line("--eval-every 4 --steps 100000")];
    const child = command("train", args, folder.path);
    await untilSaved(child, `${folder.path}/run`, 0);
    await new Promise((resolve) => setTimeout(resolve, 1500));
    child.kill(signal);
    const { code } = await finished(child); // the evaluation alone would take hours
    assert.equal(code, exitCode);
    assert.equal((await loadRunState(`${folder.path}/run`)).step, 4);
  });
}

test("a reader of the output that leaves, as in train | head, saves the step that was done", async () => {
  await using folder = await scratchFolder();
  const args = [...BASE, ...line("--eval-every 0 --log-every 1 --steps 100000")];
  const child = command("train", [...args, ...line("--checkpoint-every 5")], folder.path);
  await untilSaved(child, `${folder.path}/run`, 5);
  await child.stdout.cancel();
  const { code } = await child.status;
  assert.equal(new TextDecoder().decode(await new Response(child.stderr).bytes()), "");
  assert.equal(code, 141);
  const metrics = (await Deno.readTextFile(`${folder.path}/run/metrics.jsonl`)).trim().split("\n");
  const { step } = await loadRunState(`${folder.path}/run`);
  assert.equal(step, JSON.parse(metrics.at(-1)!).step);
  assert.ok(step >= 5);
});

test("an interrupted evaluation is made up for when the run is resumed", async () => {
  await using folder = await scratchFolder();
  const child = command("train", [...ENDLESS, ...line("--eval-every 4 --steps 100")], folder.path);
  await untilLine(child, `${folder.path}/run/metrics.jsonl`, 1);
  await new Promise((resolve) => setTimeout(resolve, 500));
  child.kill("SIGTERM");
  assert.equal((await finished(child)).code, 143);
  const again = line("--resume --out run --device cpu --eval-batches 2 --steps 6");
  const { code, err } = await run("train", again, folder.path);
  assert.equal(code, 0, err);
  const lines = (await Deno.readTextFile(`${folder.path}/run/metrics.jsonl`)).trim().split("\n");
  const measured = lines.map((line) => JSON.parse(line)).filter((line) => "validationLoss" in line);
  assert.deepEqual(measured.map(({ step }) => step), [4, 6]);
});

test("killed in the evaluation at the end, a run has its last step", async () => {
  await using folder = await scratchFolder();
  const args = [...ENDLESS, ...line("--checkpoint-every 0 --steps 5")];
  const child = command("train", args, folder.path);
  await untilSaved(child, `${folder.path}/run`, 5);
  child.kill("SIGKILL");
  await finished(child);
  const again = line("--resume --out run --device cpu --eval-batches 2");
  const { code, out, err } = await run("train", again, folder.path);
  assert.equal(code, 0, err);
  assert.match(out, /validation loss \d/);
});

test("a second Ctrl-C ends a run in the middle of a long step", async () => {
  await using folder = await scratchFolder();
  const wide = line(
    "--device cpu --layers 1 --width 512 --heads 2 --context 128 --batch 32 --log-every 1",
  );
  const args = ["--dataset", "text.txt", ...wide, ...line("--eval-every 0 --threads 1 --out run")];
  const child = command("train", args, folder.path);
  const [stepped, output] = watch(child.stdout, /step.*\n.*step.*\n/);
  const note = /\nstopping after this step; another Ctrl-C stops without saving\n/;
  const [stopping, errors] = watch(child.stderr, note);
  await stepped; // within the third step
  child.kill("SIGINT");
  await stopping;
  child.kill("SIGINT");
  // A run that had finished its step would have saved, and ended with a code.
  assert.equal((await child.status).signal, "SIGINT");
  await Promise.all([output, errors]);
});

/** When a stream has brought `expected`, and when it has ended; it is read to its end. */
function watch(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  expected: RegExp,
): [seen: Promise<void>, ended: Promise<void>] {
  const { promise: seen, resolve, reject } = Promise.withResolvers<void>();
  let read = "";
  const ended = (async () => {
    for await (const part of stream.pipeThrough(new TextDecoderStream())) {
      read += part;
      if (expected.test(read)) resolve();
    }
    reject(new Error(`the stream ended without ${expected}: ${read}`));
  })();
  return [seen, ended];
}
