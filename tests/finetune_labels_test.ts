/** `deno task finetune --labels` and `classify`, as real processes on a tiny model. */
import assert from "node:assert/strict";
import { loadTokenizer } from "../mod.ts";
import {
  command,
  finished,
  line,
  refused,
  run,
  scratchFolder,
  TINY,
  untilLine,
  untilSaved,
} from "./support/command.ts";

/** Texts of two classes, which one word tells apart. */
const ROWS = Array.from({ length: 120 }, (_, i) => {
  const label = i % 3 === 0 ? "spam" : "ham";
  return `${label}\t${i} ${label === "spam" ? "prize" : "lunch"} ${i * i}`;
});

async function withTexts() {
  const folder = await scratchFolder();
  await Deno.writeTextFile(`${folder.path}/texts.tsv`, ROWS.join("\n"));
  await Deno.writeTextFile(`${folder.path}/other.tsv`, ROWS.slice(1).join("\n"));
  return folder;
}

async function withBase() {
  const folder = await withTexts();
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

Deno.test("finetune --labels trains a classifier, and classify uses and measures it", async () => {
  await using folder = await withBase();
  const args = [...LABELS, ...line("--method full --steps 70 --tensorboard --out spam")];
  const out = await succeeded("finetune", args, folder.path);
  assert.match(
    out,
    /^texts {4}\d+ to learn, \d+ to choose, \d+ to measure; 0 duplicates left out$/m,
  );
  assert.match(out, /^labels {3}ham, spam$/m);
  assert.match(out, /^epoch 5\/5\.\d+ {2}validation loss [\d.]+ {2}accuracy [\d.]+/m);
  assert.match(out, /^step 70\/70 [^]*^epoch (5\.\d+)\/\1 {2}validation loss [\d.]+/m);
  const events = await Deno.readFile(`${folder.path}/spam/events.out.tfevents.folio`);
  assert.match(new TextDecoder("latin1").decode(events), /accuracy\/validation/);
  const loss = await Deno.readTextFile(`${folder.path}/spam/loss.svg`);
  assert.match(loss, /loss \(nats per text\)/);
  assert.match(out, /^takes .* trained, .* gradients, .* optimizer, and activations$/m);
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

Deno.test("a classifier is no model that writes, and its run none of one", async () => {
  await using folder = await withBase();
  const args = [...LABELS, ...line("--method full --steps 2 --out spam")];
  await succeeded("finetune", args, folder.path);
  const words = line("--labels texts.tsv --method words --device cpu --out words");
  await succeeded("finetune", words, folder.path);
  const mistakes: [script: string, args: string, message: RegExp][] = [
    ["classify", "words text --device cpu", /words: it holds results and no model, as .* words/],
    ["sample", "spam --device cpu", /deno task classify/],
    ["figures", "spam", /it classifies and does not write: .*deno task classify/],
    ["compare", "spam base", /^error: spam: it is the run of a classifier; give one of a model/],
    ["train", "--resume --out spam --device cpu", /spam: it is the run of a classifier/],
  ];
  for (const [script, args, message] of mistakes) {
    refused(await run(script, line(args), folder.path), message);
  }
});

Deno.test("finetune --labels keeps an adapter and labels, and leaves the base as it was", async () => {
  await using folder = await withBase();
  const path = (name: string) => `${folder.path}/${name}`;
  const before = await Deno.readFile(path("base/model.safetensors"));
  const args = [...LABELS, ...line("--epochs 12 --rank 4 --out spam")];
  const out = await succeeded("finetune", args, folder.path);
  assert.match(out, /wrote spam\/adapter_model\.safetensors, adapter_config\.json, /);
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

Deno.test("finetune --compare prints one table of all methods, with a figure", async () => {
  await using folder = await withBase();
  const args = [...LABELS, ...line("--compare --epochs 1 --out methods")];
  const out = await succeeded("finetune", args, folder.path);
  const methods = [...out.matchAll(/^\| (\w+) \| [\d,]+ \| [01]\.\d{4} \|/gm)].map(([, name]) =>
    name
  );
  assert.deepEqual(methods, ["words", "frozen", "lora", "full"]);
  assert.match(out, /^\| frozen \| 64 \|/m); // two classes of width 32
  const results = JSON.parse(await Deno.readTextFile(`${folder.path}/methods/methods.json`));
  assert.deepEqual(results.map(({ method }: { method: string }) => method), methods);
  assert.match(await Deno.readTextFile(`${folder.path}/methods/methods.svg`), /^<svg[^]*lora/);
});

const SCRATCH = line("--labels texts.tsv --device cpu --batch 8 --learning-rate 0.01 --epochs 3");

Deno.test("finetune --preset trains an encoder or a decoder from scratch, with its reports", async () => {
  await using folder = await withTexts();
  for (const preset of ["encoder", "decoder"]) {
    const args = [...SCRATCH, ...line(`--preset ${preset} --out ${preset}`)];
    const out = await succeeded("finetune", args, folder.path);
    assert.match(
      out,
      new RegExp(`^model {4}${preset} from scratch: 2 layers, 4 heads, width 128`, "m"),
    );
    assert.match(out, new RegExp(`^try {3}deno task classify ${preset}/best "some text"$`, "m"));
    const text = (name: string) => Deno.readTextFile(`${folder.path}/${preset}/${name}`);
    assert.deepEqual(JSON.parse(await text("labels.json")), ["ham", "spam"]);
    assert.match(await text("confusion.svg"), /^<svg[^]*Classes of the test part/);
    const lines = (await text("metrics.jsonl")).trim().split("\n").map((row) => JSON.parse(row));
    assert.equal(lines.filter(({ validationAccuracy }) => validationAccuracy > 0).length, 3);
    const { epoch, test, last } = JSON.parse(await text("report.json"));
    assert.ok(test.accuracy > 0.8 && (epoch === 3 ? !last : last.epoch === 3));
    const classes = await succeeded("classify", [
      `${preset}/best`,
      "200 prize 9",
      "200 lunch 9",
      ...line("--device cpu"),
    ], folder.path);
    assert.match(classes, /^spam\t[01]\.\d{4}\t200 prize 9\nham\t[01]\.\d{4}\t200 lunch 9\n$/);
  }
});

Deno.test("a base of the texts' own words, packed, becomes a classifier that reads <cls> last", async () => {
  await using folder = await withTexts();
  const train = line("--dataset texts.tsv --tokenizer lower-words --pack --steps 3 --eval-every 0");
  const out = await succeeded("train", [...train, ...TINY, ...line("--out own")], folder.path);
  assert.match(out, /^corpus {3}texts\.tsv: [\d,]+ tokens to train on, [\d,]+ held out$/m);
  assert.match(out, /^try {3}deno task sample own$/m);
  const tokenizer = await loadTokenizer(`${folder.path}/own`);
  const [ids] = tokenizer.encodeBatch(["Lunch prize 1234567"]).ids;
  assert.deepEqual(tokenizer.tokensOf(ids), ["lunch", "prize", "<unk>", "<cls>"]);
  assert.equal(tokenizer.endId, ids[3]);
  const rest = line("--out own --resume --steps 4 --device cpu");
  await succeeded("train", rest, folder.path);
  const labels = line("own --labels texts.tsv --method full --epochs 6 --learning-rate 0.01");
  await succeeded("finetune", [...labels, ...line("--device cpu --out spam")], folder.path);
  const report = JSON.parse(await Deno.readTextFile(`${folder.path}/spam/report.json`));
  assert.equal(report.test.accuracy, 1);
});

Deno.test("a run with --labels that is killed continues with the same bits", async () => {
  await using folder = await withTexts();
  const path = (name: string) => `${folder.path}/${name}`;
  const args = [...SCRATCH, ...line("--preset encoder --checkpoint-every 5 --out")];
  await succeeded("finetune", [...args, "whole"], folder.path);
  const child = command("finetune", [...args, "killed"], folder.path);
  await untilSaved(child, path("killed"), 10);
  child.kill("SIGKILL");
  await finished(child);
  const rest = line("--out killed --resume --device cpu");
  refused(await run("finetune", [...rest, ...line("--epochs 9")], folder.path), /resumed run with/);
  const others = [...rest, ...line("--labels other.tsv")];
  refused(await run("finetune", others, folder.path), /other\.tsv: these are other texts/);
  const out = await succeeded("finetune", rest, folder.path);
  assert.match(out, /^epoch 3\/3 /m);
  for (
    const name of [
      "model.safetensors",
      "best/model.safetensors",
      "best/best.json",
      "predictions.tsv",
    ]
  ) {
    assert.deepEqual(
      await Deno.readFile(path(`killed/${name}`)),
      await Deno.readFile(path(`whole/${name}`)),
      name,
    );
  }
  const again = await succeeded("finetune", rest, folder.path); // of a finished run
  assert.match(again, /^test accuracy /m);
});

Deno.test("Ctrl-C saves a run with --labels and says how to continue", async () => {
  await using folder = await withTexts();
  const args = [...SCRATCH, ...line("--preset encoder --log-every 1 --live-port 0 --out run")];
  const child = command("finetune", args, folder.path);
  await untilLine(child, `${folder.path}/run/metrics.jsonl`, 2);
  child.kill("SIGINT");
  const { code, out } = await finished(child);
  assert.equal(code, 130);
  assert.match(out, /^live {5}http:\/\/127\.0\.0\.1:\d+\/$/m);
  assert.match(
    out,
    /^stopped after step \d+; continue with: deno task finetune --out run --resume$/m,
  );
});

Deno.test("texts that are cut, and duplicates between parts, are counted and said", async () => {
  await using folder = await withTexts();
  const write = (name: string, rows: string[]) =>
    Deno.writeTextFile(`${folder.path}/${name}`, rows.join("\n"));
  await write("train.tsv", ROWS.slice(0, 90));
  await write("test.tsv", [...ROWS.slice(80), `spam\t${"prize ".repeat(20)}`]);
  const args = line("--labels train.tsv --test test.tsv --preset encoder --context 9 --epochs 1");
  const flags = [...args, ...line("--device cpu --out run")];
  const out = await succeeded("finetune", flags, folder.path);
  assert.match(out, /^texts {4}90 to learn, 0 to choose, 31 to measure; 10 duplicates left out$/m);
  assert.match(out, /^cut {6}1 text after 9 tokens$/m);
  assert.match(out, /^try {3}deno task classify run "some text"$/m); // no epoch was chosen
  const { parts } = JSON.parse(await Deno.readTextFile(`${folder.path}/run/report.json`));
  assert.deepEqual(parts, { train: 90, validation: 0, test: 31, duplicates: 10, cut: 1 });
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
    [line("--labels texts.tsv --out x"), /expected a MODEL to fine-tune, or --preset encoder/],
    [line("base --labels texts.tsv --preset encoder"), /--preset encoder .* leave base out/],
    [line("--labels texts.tsv --preset encoder --epochs 1.5"), /takes whole epochs/],
    [line("base --dataset plain.txt --preset encoder"), /--preset: it is for --labels FILE/],
    [[...LABELS, ...line("--compare --method full")], /leave --method out/],
    [[...LABELS, ...line("--dataset plain.txt")], /cannot be given with --dataset/],
    [[...LABELS, ...line("--pack")], /--pack: a run with --labels has no such choice/],
    [line("base --dataset texts.tsv --out x"), /tokenizer of \S*base has no token that ends one/],
    [line("base --dataset plain.txt --compare"), /--compare: it is for --labels FILE/],
    [line("base --dataset plain.txt --method frozen"), /it classifies texts/],
  ];
  for (const [flags, message] of tries) {
    refused(await run("finetune", flags, folder.path), message);
  }
  await assert.rejects(() => Deno.stat(`${folder.path}/x`));
  refused(await run("classify", ["base"], folder.path), /expected texts after the model/);
});
