/** `deno task train --out`: nothing is overwritten that a run has not written. */
import assert from "node:assert/strict";
import { loadRunState } from "../lib/train/checkpoint_state.ts";
import { line, run, scratchFolder, TINY } from "./support/command.ts";

const BASE = ["--dataset", "text.txt", ...TINY, ...line("--eval-every 0 --steps 2")];

async function names(folder: string): Promise<string[]> {
  const entries = await Array.fromAsync(Deno.readDir(folder));
  return entries.map(({ name }) => name).filter((name) => !name.startsWith(".")).sort();
}

/** A run, made a published model: without what only a run has. */
async function publishedModel(folder: string): Promise<void> {
  const { code, err } = await run("train", [...BASE, ...line("--out model")], folder);
  assert.equal(code, 0, err);
  for (const name of ["run.json", "optimizer.safetensors", "metrics.jsonl", "loss.svg"]) {
    await Deno.remove(`${folder}/model/${name}`);
  }
  await Deno.writeTextFile(`${folder}/model/generation_config.json`, '{"eos_token_id":1}');
  await Deno.writeTextFile(`${folder}/model/tokenizer_config.json`, '{"eos_token":"e"}');
}

Deno.test("train begins anew where a run was killed before its first save", async () => {
  await using folder = await scratchFolder();
  const { path } = folder;
  await Deno.mkdir(`${path}/run`);
  await Deno.writeTextFile(`${path}/run/metrics.jsonl`, '{"step":1,"loss":4}\n');
  const args = [...BASE, ...line("--out run")];
  const foreign = await run("train", args, path);
  assert.deepEqual([foreign.code, /no run's: metrics.jsonl/.test(foreign.err)], [2, true]);
  await Deno.writeTextFile(`${path}/run/.lock`, "");
  const { code, err } = await run("train", args, path);
  assert.equal(code, 0, err);
  assert.equal((await loadRunState(`${path}/run`)).step, 2);
});

Deno.test("train refuses a folder with a model, a foreign file or a run; --force replaces them", async () => {
  await using folder = await scratchFolder();
  const { path } = folder;
  await publishedModel(path);
  const weights = await Deno.readFile(`${path}/model/model.safetensors`);
  await Deno.mkdir(`${path}/notes`);
  await Deno.writeTextFile(`${path}/notes/todo.md`, "buy milk");
  const refused: [args: string[], message: RegExp][] = [
    [
      line("--out model"),
      /^error: model holds files that are no run's: config.json, .*, …; .*--force/,
    ],
    [line("--out model --init-from model"), /^error: model holds files that are no run's/],
    [line("--out notes"), /^error: notes holds files that are no run's: todo\.md; /],
    [line("--out model --resume --force"), /^error: --force starts a new run and --resume/],
  ];
  for (const [args, message] of refused) {
    const { code, err } = await run("train", [...BASE, ...args], path);
    assert.equal(code, 2);
    assert.match(err, message);
    assert.match(err, /^[^\n]*\n$/);
  }
  assert.deepEqual(await Deno.readFile(`${path}/model/model.safetensors`), weights);
  assert.deepEqual(await names(`${path}/notes`), ["todo.md"]);

  for (const seed of ["1", "2"]) {
    const args = [...BASE, ...line("--out model --force --seed"), seed];
    const { code, err } = await run("train", args, path);
    assert.equal(code, 0, err);
  }
  const { step, settings } = await loadRunState(`${path}/model`);
  assert.deepEqual([step, (settings as { seed: number }).seed], [2, 2]);
  const left = await Deno.readTextFile(`${path}/model/generation_config.json`);
  assert.ok(!left.includes("eos_token_id"), left);
  assert.ok(!(await names(`${path}/model`)).includes("tokenizer_config.json"));
  const again = await run("train", [...BASE, ...line("--out model")], path);
  assert.deepEqual([again.code, /already holds a run.*--force/.test(again.err)], [2, true]);
});

Deno.test("the default folder is one without files, and folders in it do not count", async () => {
  await using folder = await scratchFolder();
  await Deno.mkdir(`${folder.path}/runs/baby`, { recursive: true });
  await Deno.mkdir(`${folder.path}/runs/baby-2/tokens`, { recursive: true });
  await Deno.writeTextFile(`${folder.path}/runs/baby/notes.txt`, "mine");
  const { code, err } = await run("train", BASE, folder.path);
  assert.equal(code, 0, err);
  assert.deepEqual(await names(`${folder.path}/runs/baby`), ["notes.txt"]);
  assert.ok((await names(`${folder.path}/runs/baby-2`)).includes("run.json"));
});

Deno.test("only files that were written are named", async () => {
  await using folder = await scratchFolder();
  const args = [...BASE, ...line("--log-every 0 --out run")];
  const { code, out, err } = await run("train", args, folder.path);
  assert.deepEqual([code, err], [0, ""]);
  const [, listed] = out.match(/^wrote run\/(.*)$/m)!;
  assert.deepEqual(listed.split(", ").sort(), await names(`${folder.path}/run`));
});

Deno.test("a file in the place of a checkpoint's folder is named, with what to do", async () => {
  await using folder = await scratchFolder();
  await Deno.mkdir(`${folder.path}/run`);
  await Deno.writeTextFile(`${folder.path}/run/.checkpoint`, "");
  const { code, err } = await run("train", [...BASE, ...line("--out run")], folder.path);
  assert.equal(code, 2);
  assert.match(err, /^error: .*run\/\.checkpoint is a file.*move or remove it\n$/);
});
