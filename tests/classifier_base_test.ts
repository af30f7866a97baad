/** Models with a new head for classes: the body is the file's, the head is drawn. */
import assert from "node:assert/strict";
import { loadClassifierBase } from "../lib/hub/classifier_base.ts";
import { savePretrained } from "../lib/hub/pretrained_files.ts";
import { GPT } from "../lib/nn/gpt.ts";
import { SequenceClassifier } from "../lib/nn/sequence_classifier.ts";
import { openDevice } from "../lib/ops/open_device.ts";
import { Random } from "../lib/random.ts";
import { CharacterTokenizer } from "../lib/text/character_tokenizer.ts";

await openDevice({ device: "cpu", threads: 1 });
const tokenizer = CharacterTokenizer.fromText("to be or not");
const { vocabSize } = tokenizer;
const sizes = { vocabSize, contextLength: 8, layers: 1, heads: 2, width: 16 };
const labels = ["yes", "no", "perhaps"];

for (const kind of ["encoder", "language model"] as const) {
  Deno.test(`the body is the file's and the head is new: ${kind}`, async () => {
    const folder = await Deno.makeTempDir();
    const random = new Random(3);
    const saved = kind === "encoder"
      ? new SequenceClassifier({
        ...sizes,
        activation: "gelu",
        normEpsilon: 1e-12,
        attentionOutputDropout: 0,
        dropout: 0.1,
        poolerActivation: "relu",
        labels: ["a", "b"],
      }, { random })
      : new GPT(sizes, { random });
    await savePretrained(folder, { model: saved, tokenizer });
    const { model, tokenizer: beside } = await loadClassifierBase(folder, { labels, dropout: 0.3 });
    assert.deepEqual(model.config.labels, labels);
    assert.equal(beside.vocabSize, vocabSize);
    assert.equal(model.config.dropout, 0.3);
    const before = saved.namedParameters();
    const isHead = (name: string) => /^(score|pooler|classifier)\./.test(name);
    for (const [name, parameter] of model.namedParameters()) {
      if (isHead(name)) continue;
      assert.deepEqual(await parameter.data(), await before.get(name)!.data(), name);
    }
    const { shape } = kind === "encoder"
      ? model.namedParameters().get("classifier.bias")!
      : model.namedParameters().get("score.weight")!;
    assert.ok(shape.includes(3));
    await Deno.remove(folder, { recursive: true });
  });
}
