/** `deno task finetune --labels` and `classify`, as real processes on a tiny model. */
import assert from "node:assert/strict";
import { type Finished, line, run, scratchFolder, TINY } from "./support/command.ts";

/** Texts of two classes, which one word tells apart. */
const ROWS = Array.from({ length: 120 }, (_, i) => {
  const label = i % 3 === 0 ? "spam" : "ham";
  return `${label}\t${i} ${label === "spam" ? "prize" : "lunch"} ${i * i}`;
});

async function withBase() {
  const folder = await scratchFolder();
  await Deno.writeTextFile(`${folder.path}/texts.tsv`, ROWS.join("\n"));
  await Deno.writeTextFile(`${folder.path}/plain.txt`, ROWS.join("\n").repeat(3));
  const flags = line("--dataset plain.txt --steps 4 --warmup-steps 0 --eval-every 0 --out base");
  const { code, err } = await run("train", [...flags, ...TINY], folder.path);
  assert.equal(code, 0, err);
  return folder;
}

const LABELS = line("base --labels texts.tsv --device cpu --batch 8 --learning-rate 0.01");

async function succeeded(script: string, args: string[], folder: string): Promise<string> {
  const { code, out, err } = await run(script, args, folder);
  assert.equal(code, 0, err);
  return out;
}

function refused({ code, err }: Finished, message: RegExp): void {
  assert.equal(code, 2, err);
  assert.match(err, /^error: [^\n]*\n?$/);
  assert.match(err, message);
}

Deno.test("finetune --labels trains a classifier, and classify uses and measures it", async () => {
  await using folder = await withBase();
  const args = [...LABELS, ...line("--method full --epochs 6 --out spam")];
  const out = await succeeded("finetune", args, folder.path);
  assert.match(
    out,
    /^texts {4}\d+ to learn, \d+ to choose, \d+ to measure; 0 duplicates left out$/m,
  );
  assert.match(out, /^labels {3}ham, spam$/m);
  assert.match(out, /^epoch 6\/6 {2}loss [\d.]+ {2}validation accuracy [\d.]+/m);
  const report = JSON.parse(await Deno.readTextFile(`${folder.path}/spam/report.json`));
  assert.equal(report.test.accuracy, 1);
  const predictions = await Deno.readTextFile(`${folder.path}/spam/predictions.tsv`);
  assert.equal(predictions.trim().split("\n").length, report.parts.test);

  const texts = ["spam", "200 prize 9", "200 lunch 9", "--device", "cpu"];
  const classes = await succeeded("classify", texts, folder.path);
  assert.match(classes, /^spam\t[01]\.\d{4}\t200 prize 9\nham\t[01]\.\d{4}\t200 lunch 9\n$/);
  const measured = line("spam --file texts.tsv --device cpu");
  assert.match(
    await succeeded("classify", measured, folder.path),
    /^accuracy [01]\.\d{4}, macro F1/,
  );
});

Deno.test("finetune --labels keeps an adapter and labels, and leaves the base as it was", async () => {
  await using folder = await withBase();
  const path = (name: string) => `${folder.path}/${name}`;
  const before = await Deno.readFile(path("base/model.safetensors"));
  const args = [...LABELS, ...line("--epochs 12 --rank 4 --out spam")];
  const out = await succeeded("finetune", args, folder.path);
  assert.match(out, /wrote spam\/adapter_config\.json, adapter_model\.safetensors, labels\.json/);
  assert.deepEqual(JSON.parse(await Deno.readTextFile(path("spam/labels.json"))), ["ham", "spam"]);
  await assert.rejects(() => Deno.stat(path("spam/model.safetensors")));
  assert.deepEqual(await Deno.readFile(path("base/model.safetensors")), before);
  const config = JSON.parse(await Deno.readTextFile(path("spam/adapter_config.json")));
  assert.equal(config.task_type, "SEQ_CLS");
  assert.deepEqual(config.modules_to_save, ["classifier", "score"]);

  const measure = (model: string[]) =>
    succeeded("classify", [...model, ...line("--file texts.tsv --device cpu")], folder.path);
  const measured = await measure(["spam"]);
  assert.match(measured, /^accuracy (0\.9|1)/);
  const merged = await succeeded("merge", line("spam --out merged"), folder.path);
  assert.match(merged, /try {3}deno task classify merged "some text"/);
  assert.equal(await measure(["merged"]), measured);

  await Deno.remove(path("base"), { recursive: true });
  refused(await run("classify", ["spam", "a text"], folder.path), /base: no such folder/);
  await Deno.writeTextFile(path("spam/labels.json"), '["ham"]');
  refused(
    await run("classify", ["spam", "a text"], folder.path),
    /labels\.json: expected a JSON list of two or more names/,
  );
});

Deno.test("finetune --compare prints one table of all methods and writes nothing", async () => {
  await using folder = await withBase();
  const args = [...LABELS, ...line("--compare --epochs 1 --out none")];
  const out = await succeeded("finetune", args, folder.path);
  const methods = [...out.matchAll(/^\| (\w+) \| [\d,]+ \| [01]\.\d{4} \|/gm)].map(([, name]) =>
    name
  );
  assert.deepEqual(methods, ["words", "frozen", "lora", "full"]);
  assert.match(out, /^\| frozen \| 64 \|/m); // two classes of width 32
  await assert.rejects(() => Deno.stat(`${folder.path}/none`));
});

Deno.test("mistakes of finetune --labels are one line, and nothing is written", async () => {
  await using folder = await withBase();
  const write = (name: string, rows: string[]) =>
    Deno.writeTextFile(`${folder.path}/${name}`, rows.join("\n"));
  await write("one.tsv", ROWS.filter((row) => row.startsWith("ham")));
  await write("other.tsv", ["maybe\t7 lunch"]);
  await write("empty.tsv", ["ham\tone", "spam\t "]);
  const words = line("--method words --device cpu --out x --labels");
  const tries: [flags: string[], message: RegExp][] = [
    [[...words, "one.tsv"], /two or more classes, got ham alone/],
    [
      [...words, "texts.tsv", "--test", "other.tsv"],
      /the class maybe is among the texts to measure/,
    ],
    [[...words, "empty.tsv"], /empty\.tsv: line 2: expected a label and a text, got no text/],
    [[...words, "none.tsv"], /none\.tsv: cannot be read/],
    [line("--labels texts.tsv --out x"), /expected a MODEL/],
    [[...LABELS, ...line("--compare --method full")], /leave --method out/],
    [[...LABELS, ...line("--dataset plain.txt")], /cannot be given with --dataset/],
    [[...LABELS, ...line("--steps 9")], /--steps: a run with --labels has no such choice/],
    [line("base --dataset plain.txt --compare"), /--compare: it is for --labels FILE/],
    [line("base --dataset plain.txt --method frozen"), /it classifies texts/],
  ];
  for (const [flags, message] of tries) {
    refused(await run("finetune", flags, folder.path), message);
  }
  await assert.rejects(() => Deno.stat(`${folder.path}/x`));
  refused(await run("classify", ["base"], folder.path), /expected texts after the model/);
});
