/** `deno task train --config`: a run repeated from its run.json. */
import assert from "node:assert/strict";
import { line, run, scratchFolder, TINY } from "./support/command.ts";

const BASE = [...TINY, ...line("--dataset text.txt --steps 6 --eval-every 3 --log-every 1")];

Deno.test("a run is repeated from its run.json with the same bits, or changed by flags", async () => {
  await using folder = await scratchFolder();
  const args = [...BASE, ...line("--learning-rate 2e-3 --seed 5 --out first")];
  const first = await run("train", args, folder.path);
  assert.equal(first.code, 0, first.err);
  const config = line("--config first/run.json --device cpu");
  const second = await run("train", [...config, ...line("--out second")], folder.path);
  assert.equal(second.code, 0, second.err);
  const read = (path: string) => Deno.readFile(`${folder.path}/${path}`);
  for (const name of ["model.safetensors", "optimizer.safetensors", "tokenizer.json"]) {
    assert.deepEqual(await read(`second/${name}`), await read(`first/${name}`), name);
  }
  const record = async (name: string) =>
    JSON.parse(await Deno.readTextFile(`${folder.path}/${name}/run.json`));
  const { settings, reports } = await record("first");
  const repeated = await record("second");
  assert.deepEqual([repeated.settings, repeated.reports], [settings, reports]);

  const changes = line("--out third --seed 6 --learning-rate 1e-3");
  const third = await run("train", [...config, ...changes], folder.path);
  assert.equal(third.code, 0, third.err);
  const minLearningRate = settings.minLearningRate / settings.learningRate * 1e-3;
  const changed = { ...settings, seed: 6, learningRate: 1e-3, minLearningRate };
  assert.deepEqual((await record("third")).settings, changed);
});

Deno.test("a run is repeated on its own text, also beside another one of that name", async () => {
  await using folder = await scratchFolder();
  await using other = await scratchFolder();
  const first = await run("train", [...BASE, ...line("--out first")], folder.path);
  assert.equal(first.code, 0, first.err);
  await Deno.writeTextFile(`${other.path}/text.txt`, "something else ".repeat(200));
  const args = ["--config", `${folder.path}/first/run.json`, ...line("--device cpu --out second")];
  const second = await run("train", args, other.path);
  assert.equal(second.code, 0, second.err);
  const weights = (path: string) => Deno.readFile(`${path}/model.safetensors`);
  assert.deepEqual(await weights(`${other.path}/second`), await weights(`${folder.path}/first`));
});

Deno.test("a run of a preset that has changed since is repeated with its own settings", async () => {
  await using folder = await scratchFolder();
  const first = await run("train", [...BASE, ...line("--out first")], folder.path);
  assert.equal(first.code, 0, first.err);
  const record = JSON.parse(await Deno.readTextFile(`${folder.path}/first/run.json`));
  const settings = { ...record.settings, order: "epochs", model: { norm: "rms", normGain: false } };
  await Deno.writeTextFile(`${folder.path}/old.json`, JSON.stringify({ ...record, settings }));
  const args = line("--config old.json --device cpu --steps 2 --out second");
  const second = await run("train", args, folder.path);
  assert.equal(second.code, 0, second.err);
  const repeated = JSON.parse(await Deno.readTextFile(`${folder.path}/second/run.json`));
  assert.deepEqual(repeated.settings, { ...settings, steps: 2 });
  const config = JSON.parse(await Deno.readTextFile(`${folder.path}/second/config.json`));
  assert.deepEqual([config.norm, config.normGain], ["rms", false]);
});

Deno.test("a config that cannot be repeated is one line, and writes nothing", async () => {
  await using folder = await scratchFolder();
  const made = await run("train", [...BASE, ...line("--out first")], folder.path);
  assert.equal(made.code, 0, made.err);
  const record = JSON.parse(await Deno.readTextFile(`${folder.path}/first/run.json`));
  const settings = (changed: object) => ({
    ...record,
    settings: { ...record.settings, ...changed },
  });
  const cases: [content: unknown, message: RegExp][] = [
    [undefined, /^error: --config x\.json: cannot be read; give the run\.json of a run\n$/],
    [[], /^error: --config x\.json: expected the run\.json of a run, got another file\n$/],
    [settings({ width: "wide" }), /expected a whole number from 1 as width, got "wide"\n$/],
    [settings({ steps: 60.5 }), /expected a whole number from 1 as steps, got 60\.5\n$/],
    [
      settings({ learningRate: {} }),
      /expected a number of at least 0 as learning-rate, got \{\}\n$/,
    ],
    [settings({ order: "best" }), /settings: order: expected one of random, epochs, got "best"\n$/],
    [settings({ heat: 1 }), /settings: heat: there is no such field/],
    [{ ...record, corpusHash: "0".repeat(64) }, /its run learned from a text of SHA-256 0{12}…/],
  ];
  for (const [content, message] of cases) {
    const path = `${folder.path}/x.json`;
    if (content !== undefined) await Deno.writeTextFile(path, JSON.stringify(content));
    const args = line("--config x.json --device cpu --out new");
    const { code, err } = await run("train", args, folder.path);
    assert.equal(code, 2, err);
    assert.match(err, message);
    await assert.rejects(Deno.stat(`${folder.path}/new`), Deno.errors.NotFound);
  }
});

Deno.test("a run without --dataset records which corpus it was", async () => {
  await using folder = await scratchFolder();
  const args = [...TINY, ...line("--steps 1 --eval-every 0 --out run")];
  const { code, out, err } = await run("train", args, folder.path);
  assert.equal(code, 0, err);
  const [, corpus] = /^corpus +(\S+): /m.exec(out + err)!; // the other one without the network
  const { dataset } = JSON.parse(await Deno.readTextFile(`${folder.path}/run/run.json`));
  assert.equal(dataset, corpus);
});
