/** A classifier on a language model: logits, loss and gradients of PyTorch, whatever the padding. */
import assert from "node:assert/strict";
import { fileSource } from "../lib/hub/file_source.ts";
import { loadPretrained } from "../lib/hub/load_pretrained.ts";
import { SafetensorsFile } from "../lib/hub/safetensors.ts";
import { GPT } from "../lib/nn/gpt.ts";
import { padSequences } from "../lib/nn/padding.ts";
import { TextClassifier } from "../lib/nn/text_classifier.ts";
import { valueAndGrad } from "../lib/tensor/autograd.ts";
import { tensor } from "../lib/tensor/tensor.ts";
import { forEachDevice } from "./support/devices.ts";
import { golden } from "./support/golden.ts";
import { assertClose } from "./support/gradient_check.ts";

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

Deno.test("a classifier refuses one label, a label twice, and no model", () => {
  const model = new GPT({ vocabSize: 11, contextLength: 8, layers: 1, heads: 1, width: 8 });
  assert.throws(() => new TextClassifier(model, { labels: ["ham"] }), /at least two different/);
  assert.throws(() => new TextClassifier(model, { labels: ["a", "a"] }), /at least two different/);
  assert.throws(() => new TextClassifier({} as GPT, { labels }), /expected a model, a GPT/);
});
