/** Encoders that classify, saved: what is loaded again is the same model. */
import assert from "node:assert/strict";
import { savePretrained } from "../lib/hub/pretrained_files.ts";
import { classify, loadClassifier } from "../lib/hub/load_classifier.ts";
import { SequenceClassifier } from "../lib/nn/sequence_classifier.ts";
import type { SequenceClassifierConfig } from "../lib/nn/sequence_classifier.ts";
import { openDevice } from "../lib/ops/open_device.ts";
import { Random } from "../lib/random.ts";
import { lowerCaseWords } from "../lib/text/lower_case_words.ts";
import { BestClassifier } from "../lib/train/checkpoint_best_classifier.ts";
import { classificationReport } from "../lib/train/classification_report.ts";
import { inTemporaryFolder } from "./support/temporary_folder.ts";

await openDevice({ device: "cpu", threads: 1 });
const tokenizer = await lowerCaseWords(["to be or not to be, be or to"]);

const shared: SequenceClassifierConfig = {
  vocabSize: tokenizer.vocabSize,
  contextLength: 8,
  layers: 2,
  heads: 2,
  width: 16,
  activation: "gelu",
  normEpsilon: 1e-12,
  dropout: 0.2,
  poolerActivation: "relu",
  labels: ["yes", "no", "perhaps"],
};

const DISTILBERT = { ...shared, attentionOutputDropout: 0, classifierDropout: 0.1 };
const BERT: SequenceClassifierConfig = {
  ...shared,
  poolerActivation: "tanh",
  tokenTypes: 2,
  normEpsilon: 1e-6,
  attentionDropout: 0.1,
};

Deno.test("the best epoch is the latest of those with the highest accuracy", async () => {
  await inTemporaryFolder(async (folder) => {
    const best = await BestClassifier.open(folder);
    const classifier = new SequenceClassifier(DISTILBERT, { random: new Random(3) });
    const right = [0, 1, 2, 0];
    for (
      const [i, predicted] of [[1, 1, 1, 1], [0, 1, 2, 2], [0, 1, 2, 1], [0, 0, 0, 0]].entries()
    ) {
      const validation = classificationReport(shared.labels, { right, predicted });
      const step = 10 * (i + 1);
      if (!best.isBest({ step, accuracy: validation.accuracy })) continue;
      await best.save({ step, epoch: i + 1, validation, predicted }, { classifier, tokenizer });
    }
    const { record } = await BestClassifier.open(folder);
    assert.equal(record?.epoch, 3);
    assert.equal(best.isBest({ step: 20, accuracy: 0.75 }), false); // resumed from an earlier step
    assert.equal(best.isBest({ step: 30, accuracy: 0.75 }), true);
  });
});

for (const [type, config] of Object.entries({ distilbert: DISTILBERT, bert: BERT })) {
  Deno.test(`a saved ${type} is loaded again`, async () => {
    await inTemporaryFolder(async (folder) => {
      const model = new SequenceClassifier(config, { random: new Random(3) });
      await savePretrained(folder, { model, tokenizer });
      const loaded = await loadClassifier(folder);
      assert.equal(loaded.architecture, type);
      assert.deepEqual(loaded.model.config.labels, shared.labels);
      const texts = ["to be", "not", "or or or or or or or or or or"];
      assert.deepEqual(
        await classify(loaded.model, loaded.tokenizer, texts),
        await classify(model, tokenizer, texts),
      );
      await savePretrained(`${folder}/again`, { model: loaded.model, tokenizer });
      for (const name of ["config.json", "model.safetensors"]) {
        assert.deepEqual(
          await Deno.readFile(`${folder}/again/${name}`),
          await Deno.readFile(`${folder}/${name}`),
        );
      }
    });
  });
}
