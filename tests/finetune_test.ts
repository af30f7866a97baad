/** `deno task finetune` and `merge`, and `sample --adapter`, as real processes on a tiny model. */
import assert from "node:assert/strict";
import {
  attachPrefix,
  attachPrompt,
  loadAdapterConfig,
  loadPretrained,
  openDevice,
  Random,
  savePrompt,
} from "../mod.ts";
import { line, refused, run, scratchFolder, TINY } from "./support/command.ts";

const ROWS = Array.from({ length: 24 }, (_, i) => ({
  prompt: `${i}+1=`,
  completion: `${i + 1}`,
}));

/** A folder with a base that knows an end token, and the texts to learn. */
async function withBase() {
  const folder = await scratchFolder();
  const lines = ROWS.map((row) => JSON.stringify(row)).join("\n");
  await Deno.writeTextFile(`${folder.path}/sums.jsonl`, lines);
  const quiet = line("--dataset sums.jsonl --steps 4 --warmup-steps 0 --eval-every 0 --out base");
  const { code, err } = await run("train", [...quiet, ...TINY], folder.path);
  assert.equal(code, 0, err);
  return folder;
}

/** A constant rate, so that fewer steps are the beginning of more. */
const CONSTANT = line(
  "--device cpu --context 16 --batch 4 --warmup-steps 0 --learning-rate 0.01 --min-learning-rate 0.01",
);
const FINETUNE = [...line("base --dataset sums.jsonl"), ...CONSTANT];

async function finetuned(folder: string, flags: string): Promise<string> {
  const { code, out, err } = await run("finetune", [...FINETUNE, ...line(flags)], folder);
  assert.equal(code, 0, err);
  return out;
}

async function sha(path: string): Promise<string> {
  const hash = await crypto.subtle.digest("SHA-256", await Deno.readFile(path));
  return new Uint8Array(hash).toHex();
}

Deno.test("finetune trains an adapter: the base stays, a resumed run and threads give its bits", async () => {
  await using folder = await withBase();
  const base = await sha(`${folder.path}/base/model.safetensors`);
  const out = await finetuned(folder.path, "--lora-dropout 0.1 --steps 6 --out whole --threads 2");
  assert.match(out, /^base {5}.*\/base: [\d,]+ parameters, frozen$/m);
  assert.match(
    out,
    /^adapter {2}LoRA rank 8, alpha 16 \(scale 2\) on 4 layers: [\d,]+ trained \([\d.]+ %\), [\d.]+ kB on disk$/m,
  );
  assert.match(out, /^takes .* base, .* gradients, .* optimizer, and activations$/m);
  await finetuned(folder.path, "--lora-dropout 0.1 --steps 3 --out part --threads 1");
  const rest = line("--out part --resume --steps 6 --device cpu --threads 1");
  const resumed = await run("finetune", rest, folder.path);
  assert.equal(resumed.code, 0, resumed.err);
  const bits = (name: string) => sha(`${folder.path}/${name}/adapter_model.safetensors`);
  assert.equal(await bits("part"), await bits("whole"));
  assert.equal(await sha(`${folder.path}/base/model.safetensors`), base);
  const files = [...Deno.readDirSync(`${folder.path}/whole`)].map(({ name }) => name);
  assert.ok(!files.includes("model.safetensors"), "the base is not copied");
  const changes = await Deno.readTextFile(`${folder.path}/whole/adapter.svg`);
  assert.match(changes, />What the adapter changes</);
  assert.match(out, /^wrote whole\/.*, adapter\.svg/m);
  const { choices, base: named, task } = await loadAdapterConfig(`${folder.path}/whole`);
  assert.deepEqual(choices.modules, ["c_attn", "c_proj", "c_fc"]);
  assert.equal(named, await Deno.realPath(`${folder.path}/base`));
  assert.equal(task, "CAUSAL_LM");
});

Deno.test("sample writes with an adapter and beside the base; merge saves both as one", async () => {
  await using folder = await withBase();
  await finetuned(folder.path, "--epochs 20 --out tuned");
  const greedy = line("--device cpu --temperature 0 --prompt 3+1= --max-new-tokens 4");
  const text = async (...args: string[]) => {
    const { code, out, err } = await run("sample", [...args, ...greedy], folder.path);
    assert.equal(code, 0, err);
    return out;
  };
  const alone = await text("base");
  const adapted = await text("base", "--adapter", "tuned");
  assert.notEqual(adapted, alone);
  const both = await text("base", "--adapter", "tuned", "--side-by-side");
  assert.equal(both, `[base alone]\n${alone}\n[with tuned]\n${adapted}`);
  const stated = { do_sample: true, temperature: 0.5, pad_token_id: 2 };
  await Deno.writeTextFile(`${folder.path}/base/generation_config.json`, JSON.stringify(stated));
  const merged = await run("merge", line("tuned --out merged"), folder.path);
  assert.equal(merged.code, 0, merged.err);
  const saved = JSON.parse(
    await Deno.readTextFile(`${folder.path}/merged/generation_config.json`),
  );
  assert.deepEqual({ ...saved, ...stated }, saved);
  assert.equal(await text("merged"), adapted);
});

Deno.test("sample writes with a prompt or a prefix that is no LoRA; merge refuses it", async () => {
  await using folder = await withBase();
  const device = await openDevice({ device: "cpu", threads: 1 });
  const { model } = await loadPretrained(`${folder.path}/base`);
  for (const [kind, attach] of Object.entries({ prompt: attachPrompt, prefix: attachPrefix })) {
    const prompt = attach(model, { tokens: 4 });
    const [values] = prompt.parameters();
    values.write(new Random(5).normals(values.size, 2));
    await savePrompt(`${folder.path}/${kind}`, prompt, { base: `${folder.path}/base` });
    prompt.detach();
  }
  device.close();
  const greedy = line("--device cpu --temperature 0 --prompt 3+1= --max-new-tokens 6");
  const text = async (...args: string[]) => {
    const { code, out, err } = await run("sample", ["base", ...args, ...greedy], folder.path);
    assert.equal(code, 0, err);
    return out;
  };
  const alone = await text();
  for (const kind of ["prompt", "prefix"]) {
    const both = await text("--adapter", kind, "--side-by-side");
    const [before, after] = both.split(`[with ${kind}]\n`);
    assert.equal(before, `[base alone]\n${alone}\n`);
    assert.notEqual(after, alone);
    assert.equal(await text("--adapter", kind), after);
    await text("--adapter", kind, "--weights", "int8");
    refused(
      await run("merge", line(`${kind} --out merged`), folder.path),
      /^error: [^\n]*vectors before every text \(P\w+_TUNING\).* sample .*base --adapter/,
    );
    refused(await run("sample", [kind, "--device", "cpu"], folder.path), /base --adapter/);
  }
});

Deno.test("finetune --method full writes a model, from which it continues", async () => {
  await using folder = await withBase();
  const out = await finetuned(folder.path, "--method full --steps 2 --out full");
  assert.match(out, /parameters, all trained$/m);
  await Deno.stat(`${folder.path}/full/model.safetensors`);
  const rest = line("--out full --resume --steps 4 --device cpu");
  const { code, err } = await run("finetune", rest, folder.path);
  assert.equal(code, 0, err);
});

Deno.test("--pack fills rows with several examples: fewer steps an epoch, the same losses", async () => {
  await using folder = await withBase();
  const validationOf = (out: string) => Number(/validation ([\d.]+)/.exec(out)![1]);
  const stepsOf = (out: string) => Number(/^step +\d+\/(\d+)/m.exec(out)![1]);
  const start = "base --dataset sums.jsonl --device cpu --context 16 --batch 4 --epochs 1";
  const still = "--learning-rate 1e-9 --min-learning-rate 0 --warmup-steps 0";
  const outputOf = async (flags: string) => {
    const { code, out, err } = await run(
      "finetune",
      line(`${start} ${still} ${flags}`),
      folder.path,
    );
    assert.equal(code, 0, err);
    return out;
  };
  const separate = await outputOf("--out separate");
  const packed = await outputOf("--pack --out packed");
  assert.equal(validationOf(packed), validationOf(separate));
  assert.ok(stepsOf(packed) <= stepsOf(separate) / 2, `${stepsOf(packed)}, ${stepsOf(separate)}`);
});

Deno.test("--preferences trains an adapter by DPO; its mistakes are one line", async () => {
  await using folder = await withBase();
  const lines = ROWS.map(({ prompt, completion }) =>
    JSON.stringify({ prompt, chosen: completion, rejected: `${prompt}` })
  );
  await Deno.writeTextFile(`${folder.path}/pairs.jsonl`, lines.join("\n"));
  const DPO = line("base --preferences pairs.jsonl --device cpu --batch 4 --learning-rate 0.01");
  const { code, out, err } = await run(
    "finetune",
    [...DPO, ...line("--epochs 8 --out dpo")],
    folder.path,
  );
  assert.equal(code, 0, err);
  assert.match(out, /^pairs {4}22 to learn, 2 held out$/m);
  assert.match(out, /^epoch 1 {2}step 6\/48 {2}loss 0\.\d+ {2}held-out loss 0\.\d+ {2}preferred /m);
  const report = JSON.parse(await Deno.readTextFile(`${folder.path}/dpo/report.json`));
  assert.equal(report.heldOut.accuracy, 1);
  const greedy = line("base --adapter dpo --device cpu --temperature 0 --prompt 3+1=");
  assert.equal((await run("sample", greedy, folder.path)).code, 0);
  const tries: [flags: string, message: RegExp][] = [
    ["--method words", /--method words: it classifies texts/],
    ["--context 3", /expected pairs of at most 3 tokens, got none of 24/],
    ["--beta 0", /--beta/],
  ];
  for (const [flags, message] of tries) {
    refused(await run("finetune", [...DPO, ...line(`${flags} --out x`)], folder.path), message);
  }
  const alone = line("base --dataset sums.jsonl --beta 1 --out x");
  refused(await run("finetune", alone, folder.path), /--beta: it is for --preferences FILE/);
});

Deno.test("mistakes of finetune are one line, and nothing is written", async () => {
  await using folder = await withBase();
  const write = (name: string, rows: object[]) =>
    Deno.writeTextFile(`${folder.path}/${name}`, rows.map((row) => JSON.stringify(row)).join("\n"));
  await write("empty.jsonl", [...ROWS, { text: "" }]);
  await write("long.jsonl", [...ROWS, { prompt: "1+1=2+2=3+3=4+4=", completion: "5" }, ROWS[0]]);
  const before = [...Deno.readDirSync(folder.path)].map(({ name }) => name).sort();
  const tries: [flags: string[], message: RegExp][] = [
    [line("base"), /expected --dataset FILE/],
    [[], /expected a MODEL/],
    [[...FINETUNE, ...line("--modules c_atn --out x")], /nearest is "c_attn"/],
    [[...FINETUNE, "--modules", ""], /--modules expects NAMES, .*received ""/],
    [[...FINETUNE, "--layers", ""], /--layers expects whole numbers .*received ""/],
    [[...FINETUNE, "--layers", "0,,1"], /--layers expects whole numbers .*received "0,,1"/],
    [[...FINETUNE, ...line("--rank 33 --out x")], /a rank of at most 32/],
    [
      line("base --dataset sums.jsonl --context 17 --device cpu --out x"),
      /--context 17: the context of base is 16/,
    ],
    [line("base --dataset none.jsonl --out x"), /none\.jsonl/],
    [line("base --dataset empty.jsonl --out x"), /empty\.jsonl: example 25: expected a text/],
    [
      line("base --dataset long.jsonl --context 15 --out x"),
      /long\.jsonl: example 25: its prompt has 16 tokens, more than the 15 of a row/,
    ],
    [line("nowhere/at/all --dataset sums.jsonl --out x"), /nowhere\/at\/all/],
    [line("--out base --resume"), /it is a run of deno task train/],
  ];
  for (const [flags, message] of tries) {
    refused(await run("finetune", flags, folder.path), message);
  }
  const after = [...Deno.readDirSync(folder.path)].map(({ name }) => name).sort();
  assert.deepEqual(after, before);
  await finetuned(folder.path, "--steps 1 --out tuned");
  refused(await run("sample", ["tuned", "--device", "cpu"], folder.path), /it is an adapter/);
  const again = line("tuned --dataset sums.jsonl --device cpu --out x");
  refused(await run("finetune", again, folder.path), /it is an adapter; merge it/);
  const none = line("base --adapter ./none --device cpu");
  refused(await run("sample", none, folder.path), /--adapter \.\/none: no such folder/);
  refused(await run("merge", ["tuned"], folder.path), /expected --out DIR/);
  refused(
    await run("finetune", line("--out tuned --resume --rank 4 --device cpu"), folder.path),
    /--rank: a resumed run keeps it/,
  );
});
