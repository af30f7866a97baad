/**
 * Encoders that classify, against float64 PyTorch: logits, gradients and ten updates of BERT and
 * DistilBERT, and a LoRA adapter with its own head in PEFT's files.
 *
 * @module
 */
import assert from "node:assert/strict";
import { saveAdapter } from "../lib/adapt/adapter_files.ts";
import { namesOfModel } from "../lib/adapt/adaptable_model.ts";
import { loadAdapter } from "../lib/adapt/load_adapter.ts";
import { attachLora } from "../lib/adapt/lora.ts";
import { fileSource } from "../lib/hub/file_source.ts";
import { loadClassifier } from "../lib/hub/load_classifier.ts";
import { SafetensorsFile } from "../lib/hub/safetensors.ts";
import { storedTensors } from "../lib/hub/stored_tensors.ts";
import type { SequenceClassifier } from "../lib/nn/sequence_classifier.ts";
import { AdamW } from "../lib/optim/adamw.ts";
import { valueAndGrad } from "../lib/tensor/autograd.ts";
import { type Tensor, tensor } from "../lib/tensor/tensor.ts";
import { forEachDevice } from "./support/devices.ts";
import { furthest } from "./support/furthest.ts";
import { golden } from "./support/golden.ts";

/** A batch as the golden files have it. */
interface Batch {
  readonly ids: number[][];
  readonly lengths: number[];
  readonly types?: number[][];
  readonly labels: number[];
}

const folderOf = (name: string) => `${golden}/finetune/${name}`;

async function loaded(name: string, base = name) {
  const { model } = await loadClassifier(folderOf(base), { tokenizer: false });
  const expected = JSON.parse(await Deno.readTextFile(`${folderOf(name)}/expected.json`));
  const batch = JSON.parse(await Deno.readTextFile(`${folderOf(base)}/expected.json`)) as Batch;
  const file = await SafetensorsFile.open(fileSource(`${folderOf(name)}/expected.safetensors`));
  return { model, expected, batch, file };
}

function inputs({ ids, lengths, types, labels }: Batch) {
  const rows = (table: number[][]) =>
    tensor(Int32Array.from(table.flat()), { shape: [table.length, table[0].length] });
  return {
    ids: rows(ids),
    input: { lengths: tensor(Int32Array.from(lengths)), ...types ? { types: rows(types) } : {} },
    labels: tensor(Int32Array.from(labels)),
  };
}

function lossOf(model: SequenceClassifier, batch: Batch): Tensor {
  const { ids, input, labels } = inputs(batch);
  return model.loss(ids, labels, input);
}

async function logitsOf(model: SequenceClassifier, batch: Batch) {
  const { ids, input } = inputs(batch);
  return await model.forward(ids, input).data();
}

/** Compares derivatives with those of the file, by its names; returns how many were compared. */
async function checkGradients(
  model: SequenceClassifier,
  { named, batch, file, prefix }: {
    named: Map<string, Tensor>;
    batch: Batch;
    file: SafetensorsFile;
    prefix: string;
  },
): Promise<number> {
  const { gradients } = valueAndGrad(() => lossOf(model, batch), [...named.values()]);
  const stored = storedTensors(model.config, namesOfModel(model));
  let compared = 0;
  for (const [i, [name, { shape }]] of [...named].entries()) {
    const data = await gradients[i].data() as Float32Array<ArrayBuffer>;
    const parts = /lora_[AB]/.test(name) ? [{ name, data }] : stored({ name, shape, data });
    for (const part of parts) {
      const key = `grad.${prefix}${part.name}`;
      if (!file.tensors.has(key)) continue;
      compared++;
      (await file.float32(key)).forEach((g, j) =>
        assert.ok(Math.abs(part.data[j] - g) <= 1e-5 + 1e-4 * Math.abs(g), `${key}[${j}]`)
      );
    }
  }
  return compared;
}

for (const name of ["bert-classify", "distilbert-classify"]) {
  forEachDevice(`${name}: logits, gradients and ten updates are the reference's`, async () => {
    const { model, expected, batch, file } = await loaded(name);
    assert.ok(furthest(await logitsOf(model, batch), await file.float32("logits")) < 2e-5);
    assert.ok(Math.abs(await lossOf(model, batch).item() - expected.loss) < 2e-5);
    const named = model.namedParameters();
    const compared = await checkGradients(model, { named, batch, file, prefix: "" });
    assert.equal(compared, file.tensors.size - 1);
    file.close();

    const { optimizer: { beta1, beta2, epsilon, learning_rate }, batches, losses } =
      expected.training;
    const options = { beta1, beta2, epsilon, weightDecay: 0.01, clip: 1 };
    const optimizer = new AdamW(model.parameters(), options);
    const found: number[] = [];
    for (const batch of batches as Batch[]) {
      const { value, gradients } = valueAndGrad(() => lossOf(model, batch), optimizer.parameters);
      optimizer.prepare(learning_rate);
      optimizer.update(gradients);
      found.push(await value.item());
    }
    assert.ok(furthest(found, losses) < 5e-5);
  }, golden === undefined);
}

const ADAPTED = ["distilbert-lora", "distilbert-classify"] as const;

forEachDevice(
  "distilbert-lora: PEFT's adapter and its head give the reference's numbers",
  async () => {
    const { model, expected, batch, file } = await loaded(...ADAPTED);
    const before = await logitsOf(model, batch);
    const adapter = await loadAdapter(folderOf("distilbert-lora"), model, { trainable: true });
    const logits = await logitsOf(model, batch);
    assert.ok(furthest(logits, await file.float32("logits")) < 2e-5);
    assert.ok(Math.abs(await lossOf(model, batch).item() - expected.loss) < 2e-5);
    assert.equal(adapter.report.trained, expected.trainable);
    const named = adapter.namedParameters();
    const prefix = "base_model.model.";
    const compared = await checkGradients(model, { named, batch, file, prefix });
    assert.equal(compared, file.tensors.size - 1);
    file.close();

    adapter.enabled = false;
    assert.deepEqual(await logitsOf(model, batch), before, "off, the head is the base's");
    adapter.enabled = true;
    adapter.merge();
    assert.ok(furthest(await logitsOf(model, batch), logits) < 1e-5);
    adapter.unmerge();
    assert.deepEqual(await logitsOf(model, batch), logits);

    const folder = await Deno.makeTempDir();
    await saveAdapter(folder, adapter);
    const config = JSON.parse(await Deno.readTextFile(`${folder}/adapter_config.json`));
    assert.deepEqual(config.modules_to_save, ["classifier", "score"]);
    assert.equal(config.task_type, "SEQ_CLS");
    const [own, peft] = await Promise.all(
      [folder, folderOf("distilbert-lora")].map((folder) =>
        SafetensorsFile.open(fileSource(`${folder}/adapter_model.safetensors`))
      ),
    );
    assert.deepEqual([...own.tensors.keys()].sort(), [...peft.tensors.keys()].sort());
    for (const key of own.tensors.keys()) {
      assert.deepEqual(await own.float32(key), await peft.float32(key));
    }
    own.close();
    peft.close();
    adapter.detach();
    assert.deepEqual(await logitsOf(model, batch), before);
    await loadAdapter(folder, model);
    assert.deepEqual(await logitsOf(model, batch), logits);
    await Deno.remove(folder, { recursive: true });
  },
  golden === undefined,
);

forEachDevice("attachLora makes distilbert-lora's adapter; training leaves the rest", async () => {
  const { model, batch, expected, file } = await loaded(...ADAPTED);
  file.close();
  const adapter = attachLora(model, { rank: 2, alpha: 4, modules: ["q_lin", "v_lin"] });
  assert.equal(adapter.report.trained, expected.trainable);
  const trained = new Set(adapter.parameters());
  const frozen = new Map<string, unknown>();
  for (const [name, parameter] of model.namedParameters()) {
    if (!trained.has(parameter)) frozen.set(name, await parameter.data());
  }
  const optimizer = new AdamW(adapter.parameters());
  const losses: number[] = [];
  for (let step = 0; step < 5; step++) {
    const { value, gradients } = valueAndGrad(() => lossOf(model, batch), optimizer.parameters);
    optimizer.prepare(1e-2);
    optimizer.update(gradients);
    losses.push(await value.item());
  }
  assert.ok(losses[4] < losses[0]);
  const named = model.namedParameters();
  for (const [name, data] of frozen) assert.deepEqual(await named.get(name)!.data(), data, name);
}, golden === undefined);
