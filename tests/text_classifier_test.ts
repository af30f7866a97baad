/**
 * A classifier on a language model: logits, loss and gradients of PyTorch, whatever the padding.
 */
import assert from "node:assert/strict";
import { attachLora } from "../lib/adapt/lora.ts";
import { fileSource } from "../lib/hub/file_source.ts";
import { classify, classifyIds } from "../lib/hub/load_classifier.ts";
import { loadPretrained } from "../lib/hub/load_pretrained.ts";
import { SafetensorsFile } from "../lib/hub/safetensors.ts";
import { savePretrained } from "../lib/hub/pretrained_files.ts";
import { loadTextClassifier } from "../lib/hub/text_classifier_files.ts";
import type { ModelConfigInput } from "../lib/nn/config.ts";
import { GPT } from "../lib/nn/gpt.ts";
import { padSequences } from "../lib/nn/padding.ts";
import { SequenceClassifier } from "../lib/nn/sequence_classifier.ts";
import { TextClassifier } from "../lib/nn/text_classifier.ts";
import { AdamW } from "../lib/optim/adamw.ts";
import { CharacterTokenizer } from "../lib/text/character_tokenizer.ts";
import { ClassifierTrainer } from "../lib/train/classifier_trainer.ts";
import { evaluateClassifier } from "../lib/train/evaluate_classifier.ts";
import { valueAndGrad } from "../lib/tensor/autograd.ts";
import { tensor } from "../lib/tensor/tensor.ts";
import { forEachDevice } from "./support/devices.ts";
import { golden } from "./support/golden.ts";
import { assertClose } from "./support/gradient_check.ts";

const LLAMA: Partial<ModelConfigInput> = {
  gated: true,
  activation: "silu",
  norm: "rms",
  positions: "rotary",
  bias: false,
  tiedHead: false,
};

const labels = ["comedy", "history", "tragedy"];

forEachDevice("gpt2-classify: logits, loss and gradients are PyTorch's", async () => {
  const folder = `${golden}/finetune/gpt2-classify`;
  const expected = JSON.parse(await Deno.readTextFile(`${folder}/expected.json`));
  const file = await SafetensorsFile.open(fileSource(`${folder}/expected.safetensors`));
  const score = await SafetensorsFile.open(fileSource(`${folder}/score.safetensors`));
  const { model } = await loadPretrained(`${golden}/gpt2-tiny`, { tokenizer: false, dropout: 0 });
  const classifier = new TextClassifier(model, { labels });
  classifier.score.weight.write(await score.float32("score.weight"));
  const ids = tensor(Int32Array.from(expected.ids.flat()), { shape: [4, 32] });
  const lengths = tensor(Int32Array.from(expected.lengths));
  assertClose(
    await classifier.forward(ids, { lengths }).data(),
    await file.float32("logits"),
    2e-5,
  );

  const classes = tensor(Int32Array.from(expected.labels));
  const named = [...classifier.namedParameters()];
  const { value, gradients } = valueAndGrad(
    () => classifier.loss(ids, classes, { lengths }),
    named.map(([, parameter]) => parameter),
  );
  assertClose([await value.item()], [expected.loss], 2e-5);
  let checked = 0;
  for (const [i, [name]] of named.entries()) {
    if (!file.tensors.has(`grad.${name}`)) continue;
    assertClose(await gradients[i].data(), await file.float32(`grad.${name}`), 2e-5, name);
    checked++;
  }
  assert.equal(checked, 4);
  file.close();
  score.close();
}, golden === undefined);

forEachDevice("a text in a batch has the logits that it has alone, whatever pads it", async () => {
  const model = new GPT({ vocabSize: 11, contextLength: 8, layers: 2, heads: 2, width: 16 });
  const classifier = new TextClassifier(model, { labels });
  const texts = [[1, 2, 3, 4, 5, 6], [7], [8, 0, 0], [0, 9]];
  const alone: number[] = [];
  for (const text of texts) {
    const ids = tensor(Int32Array.from(text), { shape: [1, text.length] });
    alone.push(...await classifier.forward(ids).data());
  }
  for (const padding of [0, 10]) {
    const { ids, lengths } = padSequences(texts, { padding, length: 8 });
    assertClose(await classifier.forward(ids, { lengths }).data(), alone, 1e-5);
  }
});

const shape = { vocabSize: 12, contextLength: 8, layers: 1, heads: 2, width: 16 };

/** Texts of several lengths; the class says whether the last letter is among the first six. */
const rows = Array.from({ length: 48 }, (_, i) => {
  const ids = Array.from({ length: 1 + i % 7 }, (_, t) => (i * 5 + t * t) % 12);
  return { ids, label: ids.at(-1)! < 6 ? 0 : 1 };
});

forEachDevice(
  "a trained classifier knows its texts; empty rows of a batch change nothing",
  async () => {
    const train = async (batchSize: number) => {
      const classifier = new TextClassifier(new GPT(shape), { labels: ["low", "high"] });
      const optimizer = new AdamW(classifier.parameters(), { clip: 1 });
      const trainer = new ClassifierTrainer(classifier, optimizer, {
        learningRate: 1e-2,
        batchSize,
      });
      for (let epoch = 0; epoch < 8; epoch++) {
        for (let first = 0; first < rows.length; first += 8) {
          trainer.step(rows.slice(first, first + 8));
        }
      }
      return { classifier, losses: (await trainer.figures()).map(({ loss }) => loss) };
    };
    const { classifier, losses } = await train(8);
    assert.ok(losses.at(-1)! < 0.1, `${losses.at(-1)}`);
    assertClose((await train(11)).losses, losses, 1e-3);
    const results = await classifyIds(classifier, rows.map(({ ids }) => ids));
    const right = results.filter(({ label }, i) => label === classifier.labels[rows[i].label]);
    assert.equal(right.length, rows.length);
  },
);

forEachDevice("texts of any length are padded to at most four, in one working memory", async () => {
  const model = new GPT({ ...shape, contextLength: 320 });
  const classifier = new TextClassifier(model, { labels: ["low", "high"] });
  const optimizer = new AdamW(classifier.parameters());
  const options = { learningRate: 0, batchSize: 2, longest: 300 };
  const trainer = new ClassifierTrainer(classifier, optimizer, options);
  const textOf = (length: number) => ({ ids: new Uint8Array(length).fill(3), label: length % 2 });
  const bytes = [300, 5, 100, 200, 260, 7].map((length) => {
    trainer.step([textOf(length)]);
    return trainer.activationBytes;
  });
  assert.deepEqual(bytes, bytes.map(() => bytes[0])); // the longest decides
  const losses = (await trainer.figures()).map(({ loss }) => loss);
  const { ids, lengths } = padSequences([textOf(7).ids]);
  const alone = classifier.loss(ids, tensor(Int32Array.of(1)), { lengths });
  assertClose([losses.at(-1)!], [await alone.item()], 1e-5);
  assert.throws(() => trainer.step([textOf(301)]), /expected 1 to 300 tokens, got 301/);
});

forEachDevice("an encoder with a head is trained, too", async () => {
  const classifier = new SequenceClassifier({
    ...shape,
    poolerActivation: "relu",
    labels: ["low", "high"],
  });
  const optimizer = new AdamW(classifier.parameters(), { clip: 1 });
  const trainer = new ClassifierTrainer(classifier, optimizer, {
    learningRate: 1e-2,
    batchSize: rows.length,
  });
  const first = rows.map(({ ids }) => ({ ids, label: ids[0] < 6 ? 0 : 1 }));
  for (let step = 0; step < 30; step++) trainer.step(first);
  assert.ok((await trainer.figures()).at(-1)!.loss < 0.1);
  const rating = new SequenceClassifier({ ...shape, poolerActivation: "tanh", labels: ["stars"] });
  const other = new AdamW(rating.parameters());
  assert.throws(
    () => new ClassifierTrainer(rating, other, { learningRate: 1e-2 }),
    /^RangeError: ClassifierTrainer: expected a classifier of single_label_.* one of regression$/,
  );
});

forEachDevice("an adapter and a head are trained alone", async () => {
  const model = new GPT(shape);
  const before = await Promise.all(model.parameters().map((parameter) => parameter.data()));
  const classifier = new TextClassifier(model, { labels: ["low", "high"] });
  const adapter = attachLora(model, { rank: 4, alpha: 8, modules: "all-linear" });
  const parameters = [...adapter.parameters(), classifier.score.weight];
  const optimizer = new AdamW(parameters, { weightDecay: 0 });
  const options = { learningRate: 1e-2, batchSize: rows.length };
  const trainer = new ClassifierTrainer(classifier, optimizer, options);
  for (let step = 0; step < 60; step++) trainer.step(rows);
  const figures = await trainer.figures();
  assert.ok(figures.at(-1)!.loss < 0.5 * figures[0].loss, `${figures.at(-1)!.loss}`);
  const after = await Promise.all(model.parameters().map((parameter) => parameter.data()));
  assert.deepEqual(after, before);
});

for (const [name, config] of Object.entries({ "GPT-2": {}, Llama: LLAMA })) {
  Deno.test(`a saved classifier is loaded again: ${name}`, async () => {
    const tokenizer = CharacterTokenizer.fromText("to be or not");
    const { vocabSize } = tokenizer;
    const base = new GPT({ ...shape, ...config, vocabSize });
    const classifier = new TextClassifier(base, { labels: ["yes", "no"] });
    const folder = await Deno.makeTempDir();
    await savePretrained(folder, { model: classifier, tokenizer });
    const loaded = await loadTextClassifier(folder);
    const texts = ["to be", "or not", "t"];
    assert.deepEqual(
      await classify(loaded.model, loaded.tokenizer, texts),
      await classify(classifier, tokenizer, texts),
    );
    const { architectures, id2label } = JSON.parse(
      await Deno.readTextFile(`${folder}/config.json`),
    );
    assert.match(architectures[0], /ForSequenceClassification$/);
    assert.deepEqual(id2label, { 0: "yes", 1: "no" });
    const labeled = texts.map((text, i) => ({ text, label: ["yes", "no"][i % 2] }));
    const report = await evaluateClassifier(loaded.model, loaded.tokenizer, labeled);
    assert.equal(report.texts, 3);
    await assert.rejects(
      () => evaluateClassifier(classifier, tokenizer, [{ text: "to", label: "maybe" }]),
      /expected a label of yes, no, got "maybe" for text 0/,
    );
    await Deno.remove(folder, { recursive: true });
  });
}

Deno.test("a batch that does not fit is refused", () => {
  const classifier = new TextClassifier(new GPT(shape), { labels: ["low", "high"] });
  const optimizer = new AdamW(classifier.parameters());
  const trainer = new ClassifierTrainer(classifier, optimizer, { learningRate: 0, batchSize: 2 });
  const text = { ids: [1], label: 0 };
  assert.throws(() => trainer.step([text, text, text]), /expected 1 to 2 texts, got 3/);
  assert.throws(() => trainer.step([{ ids: [], label: 0 }]), /expected 1 to 8 tokens, got 0/);
  assert.throws(() => trainer.step([{ ids: [1], label: 2 }]), /label from 0 to 1, got 2/);
  assert.throws(() => trainer.step([{ ids: [12], label: 0 }]), /12/);
  assert.throws(
    () => new ClassifierTrainer(classifier, optimizer, { learningRate: "1e-3" as never }),
    /^TypeError: ClassifierTrainer: expected the option learningRate, a number .* got "1e-3"$/,
  );
});

Deno.test("a classifier refuses one label, a label twice, and no model", () => {
  const model = new GPT({ vocabSize: 11, contextLength: 8, layers: 1, heads: 1, width: 8 });
  assert.throws(() => new TextClassifier(model, { labels: ["ham"] }), /at least two different/);
  assert.throws(() => new TextClassifier(model, { labels: ["a", "a"] }), /at least two different/);
  assert.throws(() => new TextClassifier({} as GPT, { labels }), /expected a model, a GPT/);
});
