/** A checkpoint is a model in Hugging Face's format, and loads as one at every moment of a save. */
import assert from "node:assert/strict";
import { pathToFileURL } from "node:url";
import { loadModelConfig, loadPretrained } from "../lib/hub/load_pretrained.ts";
import { loadTokenizer } from "../lib/hub/load_tokenizer.ts";
import { GPT } from "../lib/nn/gpt.ts";
import { tensor } from "../lib/tensor/tensor.ts";
import { AdamW } from "../lib/optim/adamw.ts";
import { CharacterTokenizer } from "../lib/text/character_tokenizer.ts";
import { loadOptimizerState, saveCheckpoint } from "../lib/train/checkpoint.ts";
import { loadRunState } from "../lib/train/checkpoint_state.ts";
import { CheckpointFolder } from "../lib/train/checkpoint_folder.ts";
import { Trainer } from "../lib/train/trainer.ts";
import { Batches } from "../lib/data/batches.ts";
import { scratchFolder } from "./support/command.ts";
import { forEachDevice } from "./support/devices.ts";

const TEXT = "to be or not to be ".repeat(20);
const tokenizer = CharacterTokenizer.fromText(TEXT);

function start(lossScaling = false) {
  const shape = { contextLength: 8, layers: 1, heads: 2, width: 8 };
  const model = new GPT({
    vocabSize: tokenizer.vocabSize,
    dropout: 0.1,
    embeddingDropout: 0.2,
    attentionDropout: 0.3,
    ...shape,
  });
  const optimizer = new AdamW(model.parameters(), { lossScaling });
  return { model, optimizer, ...training(model, optimizer) };
}

function training(model: GPT, optimizer: AdamW) {
  const schedule = () => 1e-2;
  const trainer = new Trainer(model, optimizer, { learningRate: schedule });
  const windows = { batchSize: 2, contextLength: 8, seed: 1 };
  return { trainer, batches: new Batches(tokenizer.encode(TEXT), windows) };
}

async function logits(model: GPT): Promise<ArrayLike<number>> {
  const { device } = model.parameters()[0];
  return await model.forward(tensor(Int32Array.of(1, 2, 3), { shape: [1, 3], device })).data();
}

forEachDevice(
  "a checkpoint saved by path loads as a model, its tokenizer and its state",
  async () => {
    await using scratch = await scratchFolder();
    const folder = `${scratch.path}/run`;
    const { model, optimizer, trainer, batches } = start();
    for (let step = 0; step < 3; step++) trainer.step(batches);
    await saveCheckpoint(pathToFileURL(folder), { model, optimizer, tokenizer });
    const loaded = await loadPretrained(folder, { dropout: 0 });
    assert.deepEqual(await logits(loaded.model), await logits(model));
    assert.equal(loaded.config.dropout, 0);
    assert.equal(loaded.config.attentionDropout ?? 0, 0);
    assert.equal((await loadModelConfig(folder)).config.dropout, 0.1);
    assert.deepEqual(loaded.tokenizer.toJSON(), tokenizer.toJSON());
    assert.deepEqual((await loadTokenizer(folder)).toJSON(), tokenizer.toJSON());
    assert.deepEqual(await loadRunState(folder), { step: 3 });
  },
);

forEachDevice("training continues with the same bits after its state is loaded", async () => {
  await using scratch = await scratchFolder();
  const { path } = scratch;
  const one = start();
  for (let step = 0; step < 3; step++) one.trainer.step(one.batches);
  await saveCheckpoint(path, { ...pick(one), tokenizer, run: { step: 3, note: "mine" } });
  const { model } = await loadPretrained(path);
  const optimizer = new AdamW(model.parameters());
  await loadOptimizerState(path, { model, optimizer });
  assert.equal((await loadRunState(path)).note, "mine");
  const { trainer, batches } = training(model, optimizer);
  batches.state = 3;
  for (let step = 0; step < 2; step++) {
    trainer.step(batches);
    one.trainer.step(one.batches);
  }
  assert.deepEqual(await logits(model), await logits(one.model));
});

forEachDevice("the scale of the loss is saved and found again", async () => {
  await using scratch = await scratchFolder();
  const { path } = scratch;
  const one = start(true);
  one.trainer.step(one.batches);
  const scale = one.optimizer.lossScale!.state;
  scale.write([1024, 7, 2]);
  await saveCheckpoint(path, { ...pick(one), tokenizer });
  const { model } = await loadPretrained(path);
  const optimizer = new AdamW(model.parameters(), { lossScaling: true });
  await loadOptimizerState(path, { model, optimizer });
  assert.deepEqual([...await optimizer.lossScale!.state.data()], [1024, 7, 2]);
  // A run in full precision leaves it aside, and one that had none begins with the first scale.
  await loadOptimizerState(path, { model, optimizer: new AdamW(model.parameters()) });
  const plain = start();
  plain.trainer.step(plain.batches);
  await saveCheckpoint(path, { ...pick(plain), tokenizer });
  const later = new AdamW(model.parameters(), { lossScaling: true });
  await loadOptimizerState(path, { model, optimizer: later });
  assert.deepEqual([...await later.lossScale!.state.data()], [256, 0, 0]);
});

function pick({ model, optimizer }: { model: GPT; optimizer: AdamW }) {
  return { model, optimizer };
}

forEachDevice("a checkpoint that a killed writer left complete is what is loaded", async () => {
  await using scratch = await scratchFolder();
  const { path } = scratch;
  const older = start();
  await saveCheckpoint(path, { ...pick(older), tokenizer });
  const newer = start();
  newer.trainer.step(newer.batches);
  await saveCheckpoint(`${path}/.checkpoint`, { ...pick(newer), tokenizer });
  await Deno.remove(`${path}/.checkpoint/.lock`);
  const loaded = await loadPretrained(path);
  assert.deepEqual(await logits(loaded.model), await logits(newer.model));
  assert.deepEqual(await loadRunState(path), { step: 1 });
  (await CheckpointFolder.open(path)).close(); // puts it in place
  assert.deepEqual(await logits((await loadPretrained(path)).model), await logits(newer.model));
});
