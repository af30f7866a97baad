/** `deno task train --init-from`: a published model by its name on the hub, sharded and padded. */
import assert from "node:assert/strict";
import {
  CharacterTokenizer,
  generate,
  loadPretrained,
  loadRunState,
  loadTokenizer,
  openDevice,
  saveTokenizer,
} from "../mod.ts";
import { command, finished, line, run, scratchFolder, TINY } from "./support/command.ts";
import { serveModel } from "./support/model_server.ts";
import { DECODERS, type ModelFiles, shardsOf } from "./support/pretrained_golden.ts";

const { llama } = DECODERS;
const BASE = line("--dataset text.txt --device cpu --context 16 --batch 2 --eval-batches 2");

/** A Llama of 61 tokens in three shards, and a tokenizer of fewer. */
async function paddedModel(text: string): Promise<ModelFiles> {
  const tokenizer = CharacterTokenizer.fromText(text, { padding: "<|endoftext|>" });
  assert.ok(tokenizer.vocabSize < 61);
  return { ...await shardsOf(llama), "tokenizer.json": JSON.stringify(tokenizer.toJSON()) };
}

Deno.test("a sharded Llama with a padded table is trained by its name on the hub, with its token", async () => {
  await using folder = await scratchFolder();
  const text = await Deno.readTextFile(`${folder.path}/text.txt`);
  const files = Object.entries(await paddedModel(text));
  await using hub = serveModel(
    Object.fromEntries(files.map(([name, file]) => [`owner/tiny/resolve/main/${name}`, file])),
    { token: "secret" },
  );
  const flags = line("--init-from owner/tiny --steps 2 --eval-every 2 --sample-every 1 --out run");
  const env = { HF_ENDPOINT: hub.url, HF_TOKEN: "secret" };
  const still = line("--learning-rate 0");
  const tuned = await finished(command("train", [...BASE, ...flags, ...still], folder.path, env));
  assert.equal(tuned.code, 0, tuned.err);
  assert.match(tuned.out, /^model {4}3 layers, 4 heads, width 32, context 16, [\d,]+ parameters$/m);
  const path = `${folder.path}/run`;
  assert.equal((await loadRunState(path)).initFrom, "owner/tiny");

  const device = await openDevice({ device: "cpu", threads: 1 });
  const published = await Deno.makeTempDir({ dir: folder.path });
  for (const [name, file] of files) {
    const bytes = typeof file === "string" ? new TextEncoder().encode(file) : file;
    await Deno.writeFile(`${published}/${name}`, bytes);
  }
  const [before, { model, tokenizer, architecture }] = [
    await loadPretrained(published),
    await loadPretrained(path),
  ];
  assert.equal(architecture, "llama");
  for (const [name, parameter] of before.model.namedParameters()) {
    const after = model.namedParameters().get(name)!;
    assert.deepEqual(await after.data(), await parameter.data(), name);
  }
  const options = { tokenizer, maxNewTokens: 100, temperature: 100, endToken: [] };
  const { tokens } = await generate(model, [3], options);
  assert.ok(tokens.every((id) => id < tokenizer.vocabSize), `${tokens}`);
  device.close();

  for (const args of [line("--resume --steps 3"), line("--resume --init-from owner/tiny")]) {
    const again = await run("train", [...args, ...line("--out run --device cpu")], folder.path);
    assert.equal(again.code, 0, again.err);
  }
});

Deno.test("--init-from refuses a tokenizer with more tokens than the model, and a missing model", async () => {
  await using folder = await scratchFolder();
  const text = await Deno.readTextFile(`${folder.path}/text.txt`);
  await Deno.mkdir(`${folder.path}/model`);
  for (const [name, file] of Object.entries(await paddedModel(text))) {
    const bytes = typeof file === "string" ? new TextEncoder().encode(file) : file;
    await Deno.writeFile(`${folder.path}/model/${name}`, bytes);
  }
  const letters = Array.from({ length: 90 }, (_, i) => String.fromCharCode(0x400 + i)).join("");
  await saveTokenizer(`${folder.path}/model`, CharacterTokenizer.fromText(text + letters));
  const { vocabSize } = await loadTokenizer(`${folder.path}/model`);
  const args = [...BASE, ...line("--steps 1 --out run --init-from")];
  const { code, err } = await run("train", [...args, "model"], folder.path);
  assert.equal(code, 2);
  assert.ok(err.includes(`has 61 tokens, fewer than its tokenizer's ${vocabSize}`), err);
  await using hub = serveModel({});
  const missing = command("train", [...args, "owner/none"], folder.path, { HF_ENDPOINT: hub.url });
  const { code: exitCode, err: message } = await finished(missing);
  assert.equal(exitCode, 2);
  assert.match(
    message,
    /^error: --init-from owner\/none: no such folder, and on the hub: [^\n]*\n$/,
  );
});

Deno.test("--teacher: a new model takes over its tokenizer; a resumed run keeps it; others are refused", async () => {
  await using folder = await scratchFolder();
  const { path } = folder;
  const quiet = line("--eval-every 0 --warmup-steps 0 --log-every 1 --learning-rate 0.01");
  const train = (flags: string) => run("train", [...TINY, ...quiet, ...line(flags)], path);
  const made = await train("--dataset text.txt --tokenizer word --steps 2 --out teacher");
  assert.equal(made.code, 0, made.err);
  const steady = "--min-learning-rate 0.01";
  const from = `--dataset text.txt --teacher teacher --teacher-weight 0.9 ${steady}`;
  const whole = await train(`${from} --steps 3 --out whole`);
  assert.equal(whole.code, 0, whole.err);
  assert.match(whole.out, /^teacher {2}.*teacher: [\d,]+ parameters, temperature 2, weight 0\.9$/m);
  await train(`${from} --steps 1 --out part`);
  const rest = await run("train", line("--out part --resume --steps 3 --device cpu"), path);
  assert.equal(rest.code, 0, rest.err);
  const bytes = (name: string) => Deno.readFile(`${path}/${name}`);
  assert.deepEqual(await bytes("part/model.safetensors"), await bytes("whole/model.safetensors"));
  assert.deepEqual(await bytes("whole/tokenizer.json"), await bytes("teacher/tokenizer.json"));
  const alone = await train(`--dataset text.txt --tokenizer word --steps 3 --out alone ${steady}`);
  assert.equal(alone.code, 0, alone.err);
  assert.notDeepEqual(
    await bytes("alone/model.safetensors"),
    await bytes("whole/model.safetensors"),
  );
  const refusals: [string, RegExp][] = [
    ["--dataset text.txt --teacher-weight 1", /--teacher-weight: it is for --teacher MODEL/],
    [`${from} --tokenizer char`, /--tokenizer char: the tokenizer is that of teacher/],
    [`${from} --context 32`, /its context is 16; take --context 16/],
    ["--out part --resume --teacher whole", /its run has teacher .*teacher, so --resume cannot/],
  ];
  for (const [flags, message] of refusals) {
    const { code, err } = await run("train", line(flags), path);
    assert.equal(code, 2, `${flags}: ${err}`);
    assert.match(err, message);
  }
});
