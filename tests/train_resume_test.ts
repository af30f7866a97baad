/** `deno task train --resume`: what may change, what is said of it, and what is refused. */
import assert from "node:assert/strict";
import { loadRunState } from "../lib/train/checkpoint_state.ts";
import { loadRunRecord } from "../scripts/train/record.ts";
import { line, losses, refused, run, scratchFolder, TINY } from "./support/command.ts";

const BASE = ["--dataset", "text.txt", ...TINY];
const QUIET = line("--eval-every 0 --log-every 1 --warmup-steps 0 --steps 6 --out run");
const RESUME = line("--out run --resume --device cpu");

/** The folder of a run of six steps, `run`. */
async function trained(...flags: string[]) {
  const folder = await scratchFolder();
  const { code, err } = await run("train", [...BASE, ...QUIET, ...flags], folder.path);
  assert.equal(code, 0, err);
  return folder;
}

async function notes(folder: string, flags: string): Promise<string[]> {
  const { code, out, err } = await run("train", [...RESUME, ...line(flags)], folder);
  assert.equal(code, 0, err);
  return [...out.matchAll(/^note {5}(.*)$/gm)].map(([, note]) => note);
}

Deno.test("--resume takes other rates, batches and reports, says each, and records them", async () => {
  await using folder = await trained();
  const flags = "--steps 9 --learning-rate 3e-4 --batch 2 --accumulate 3 --clip 0.5 --log-every 2";
  assert.deepEqual(await notes(folder.path, flags), [
    "--batch is 2 from here on; it was 4",
    "--steps is 9 from here on; it was 6",
    "--accumulate is 3 from here on; it was 1",
    "--learning-rate is 0.0003 from here on; it was 0.001",
    "--min-learning-rate is 0.00003 from here on; it was 0.0001",
    "--clip is 0.5 from here on; it was 1",
    "--log-every is 2 from here on; it was 1",
  ]);
  const { step, settings, sequencesSeen, history } = await loadRunRecord(`${folder.path}/run`);
  assert.ok(history);
  assert.deepEqual([step, settings.batch, settings.learningRate], [9, 2, 3e-4]);
  assert.equal(sequencesSeen, 6 * 4 + 3 * 2 * 3);
  assert.deepEqual([history.length, history[0].step], [1, 6]);
  assert.deepEqual(history[0].changes.clip, [1, 0.5]);
  assert.deepEqual(await notes(folder.path, "--steps 9"), []);
  assert.equal((await losses(`${folder.path}/run`)).size, 6 + 1 + 1);
});

Deno.test("--resume says when more steps lift the learning rate, and when a warm-up is too long", async () => {
  await using folder = await trained();
  assert.deepEqual(await notes(folder.path, "--steps 12"), [
    "--steps is 12 from here on; it was 6",
    "the learning rate rises from 0.0001 to 0.000486, because it now falls until step 12; " +
    "--learning-rate and --min-learning-rate set others",
  ]);
  const args = [...BASE, ...line("--eval-every 0 --warmup-steps 9 --steps 4 --out short")];
  const { code, out } = await run("train", args, folder.path);
  assert.equal(code, 0);
  assert.match(
    out,
    /^note +the warm-up of 9 steps is longer than the run of 4: the learning rate reaches 0\.0004, not 0\.001;/m,
  );
});

Deno.test("--resume keeps the model's shape, the seed and the tokenizer", async () => {
  await using folder = await trained();
  for (const flags of ["--layers 2", "--context 8", "--seed 5", "--tokenizer word"]) {
    const result = await run("train", [...RESUME, ...line(flags)], folder.path);
    refused(result, /run: its run has \w+ \w+, so --resume cannot take/);
  }
});

Deno.test("a run is resumed from another folder, and after its folder was moved", async () => {
  await using folder = await trained();
  await Deno.mkdir(`${folder.path}/elsewhere`);
  const elsewhere = ["--out", `${folder.path}/run`, ...line("--resume --device cpu --steps 7")];
  const away = await run("train", elsewhere, `${folder.path}/elsewhere`);
  assert.equal(away.code, 0, away.err);
  await Deno.mkdir(`${folder.path}/moved`);
  for (const name of ["run", "text.txt"]) {
    await Deno.rename(`${folder.path}/${name}`, `${folder.path}/moved/${name}`);
  }
  const moved = await run("train", [...RESUME, ...line("--steps 8")], `${folder.path}/moved`);
  assert.equal(moved.code, 0, moved.err);
});

/** Edits of run.json by hand; what is said of each. */
const EDITS: [name: string, edit: (run: Record<string, unknown>) => void, message: RegExp][] = [
  ["steps 'abc'", setting("steps", "abc"), /settings\.steps is "abc", but .* saved with 6/],
  ["steps 60.5", setting("steps", 60.5), /settings\.steps is 60\.5/],
  ["steps 1e300", setting("steps", 1e300), /settings\.steps is 1e\+300/],
  ["batch 8", setting("batch", 8), /settings\.batch is 8, .* saved with 4; undo that/],
  ["accumulate null", setting("accumulate", null), /settings\.accumulate is null/],
  ["accumulate 1e6", setting("accumulate", 1e6), /settings\.accumulate is 1000000/],
  ["context 32", setting("context", 32), /settings\.context is 32/],
  ["context 8", setting("context", 8), /settings\.context is 8/],
  ["learningRate '0.1'", setting("learningRate", "0.1"), /settings\.learningRate is "0\.1"/],
  ["learningRate null", setting("learningRate", null), /settings\.learningRate is null/],
  ["learningRate {}", setting("learningRate", {}), /settings\.learningRate is an object/],
  ["clip 'x'", setting("clip", "x"), /settings\.clip is "x"/],
  ["order 'zigzag'", setting("order", "zigzag"), /settings\.order is "zigzag"/],
  ["warmupSteps -5", setting("warmupSteps", -5), /settings\.warmupSteps is -5/],
  ["no settings", (run) => delete run.settings, /settings is absent/],
  ["settings []", (run) => run.settings = [], /settings is an array of 0/],
  ["settings 'x'", (run) => run.settings = "x", /settings is "x"/],
  ["settings null", (run) => run.settings = null, /settings is null/],
  ["corpusHash 1", (run) => run.corpusHash = 1, /corpusHash is 1/],
  ["dataset null", (run) => run.dataset = null, /dataset is null/],
  ["dataset 5", (run) => run.dataset = 5, /dataset is 5/],
  ["step 3", (run) => run.step = 3, /optimizer\.safetensors is of step 6, run\.json of step 3/],
  ["step 'x'", (run) => run.step = "x", /a whole number from 0 as "step", got "x"/],
  ["another field", (run) => run.stepz = 3, /stepz is 3, but the checkpoint was saved with absent/],
];

function setting(name: string, value: unknown): (run: Record<string, unknown>) => void {
  return (run) => (run.settings as Record<string, unknown>)[name] = value;
}

Deno.test("a run.json that was edited is refused in one line", async () => {
  await using folder = await trained();
  const path = `${folder.path}/run/run.json`;
  const whole = await Deno.readTextFile(path);
  for (const [name, edit, message] of EDITS) {
    const record = JSON.parse(whole);
    edit(record);
    await Deno.writeTextFile(path, JSON.stringify(record));
    await assert.rejects(loadRunRecord(`${folder.path}/run`), (error: Error) => {
      assert.equal(error.name, "UserError", name);
      assert.match(error.message, message);
      assert.ok(!error.message.includes("\n"));
      return true;
    });
  }
  refused(await run("train", RESUME, folder.path), EDITS.at(-1)![2]);
});

Deno.test("a run.json beside no tensors is held to the rules", async () => {
  await using folder = await trained();
  const path = `${folder.path}/run/run.json`;
  const whole = await Deno.readTextFile(path);
  await Deno.remove(`${folder.path}/run/optimizer.safetensors`);
  await Deno.remove(`${folder.path}/run/model.safetensors`);
  for (const [name, edit] of EDITS.filter(([name]) => !/^(step 3|batch|context)/.test(name))) {
    const record = JSON.parse(whole);
    edit(record);
    await Deno.writeTextFile(path, JSON.stringify(record));
    await assert.rejects(
      loadRunRecord(`${folder.path}/run`),
      /^UserError: .*run\.json: .*(expected .*, got|there is no such field)/,
      name,
    );
  }
});

Deno.test("weights of another step than the run's are refused", async () => {
  await using folder = await trained();
  const weights = await Deno.readFile(`${folder.path}/run/model.safetensors`);
  const more = await run("train", [...RESUME, ...line("--steps 8")], folder.path);
  assert.equal(more.code, 0, more.err);
  await Deno.writeFile(`${folder.path}/run/model.safetensors`, weights);
  const result = await run("train", [...RESUME, ...line("--steps 9")], folder.path);
  refused(result, /run: model\.safetensors is of step 6, run\.json of step 8; restore/);
});

Deno.test("a run without its optimizer's file is refused, and says what to do", async () => {
  await using folder = await trained();
  await Deno.remove(`${folder.path}/run/optimizer.safetensors`);
  const result = await run("train", [...RESUME, ...line("--steps 9")], folder.path);
  refused(result, /run: it holds no optimizer\.safetensors, .* begin a new run from the weights/);
});

Deno.test("after a divergence the advice leads on, and only what is saved is called untouched", async () => {
  await using folder = await trained();
  const hot = line("--learning-rate 1e30 --clip 0 --steps 20");
  const diverged = await run("train", [...RESUME, ...hot], folder.path);
  refused(
    diverged,
    /^error: training: the (loss|gradient norm) became \S+ at step \d+; the checkpoint of step 6 in run is untouched; continue from it with a lower rate: deno task train --out run --resume --learning-rate 3e\+29 --clip 1\n$/,
  );
  const cooler = line("--learning-rate 1e-4 --clip 1 --steps 8");
  const rest = await run("train", [...RESUME, ...cooler], folder.path);
  assert.equal(rest.code, 0, rest.err);

  const start = [...BASE, ...line("--eval-every 0 --warmup-steps 0 --out new")];
  refused(
    await run("train", [...start, ...hot], folder.path),
    /the checkpoint of step 0 in new is untouched; start again with a lower rate, such as --learning-rate 3e\+29 --clip 1 --force\n$/,
  );
  const again = [...start, "--force", ...line("--learning-rate 1e-4 --clip 1 --steps 2")];
  const restarted = await run("train", again, folder.path);
  assert.equal(restarted.code, 0, restarted.err);
});

Deno.test("a tokenizer that has no effect is refused, and none is recorded", async () => {
  await using folder = await trained();
  const init = [
    "--dataset",
    "text.txt",
    ...line("--init-from run --device cpu --steps 1 --eval-every 0 --out more"),
  ];
  const result = await run("train", [...init, ...line("--tokenizer word")], folder.path);
  refused(result, /--tokenizer word: the tokenizer is that of run; leave the flag out/);
  const { code, err } = await run("train", init, folder.path);
  assert.equal(code, 0, err);
  assert.equal((await loadRunState(`${folder.path}/more`)).tokenizer, undefined);
});
