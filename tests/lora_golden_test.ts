/**
 * LoRA against float64 PyTorch: PEFT's files are read, logits, gradients and ten updates are the
 * reference's, and merged weights compute the same.
 *
 * @module
 */
import assert from "node:assert/strict";
import { loadAdapter } from "../lib/adapt/load_adapter.ts";
import { attachLora } from "../lib/adapt/lora.ts";
import type { LoraAdapter } from "../lib/adapt/lora_adapter.ts";
import type { LoraOptions } from "../lib/adapt/lora_options.ts";
import { savedNames } from "../lib/hub/config.ts";
import { fileSource } from "../lib/hub/file_source.ts";
import { loadPretrained } from "../lib/hub/load_pretrained.ts";
import { SafetensorsFile } from "../lib/hub/safetensors.ts";
import { storedTensors } from "../lib/hub/stored_tensors.ts";
import type { GPT } from "../lib/nn/gpt.ts";
import { AdamW } from "../lib/optim/adamw.ts";
import { valueAndGrad } from "../lib/tensor/autograd.ts";
import { tensor } from "../lib/tensor/tensor.ts";
import { Trainer } from "../lib/train/trainer.ts";
import { forEachDevice } from "./support/devices.ts";
import { furthest } from "./support/furthest.ts";
import { golden } from "./support/golden.ts";

/** A golden set, and what `attachLora` makes the same adapter of. */
interface Set {
  readonly base: string;
  readonly options: LoraOptions;
}

const SETS: Readonly<Record<string, Set>> = {
  lora: {
    base: "gpt2-tiny",
    options: { rank: 4, alpha: 8, modules: ["c_attn", "c_fc", "c_proj"] },
  },
  "lora-patterns": {
    base: "gpt2-tiny",
    options: {
      rank: 2,
      alpha: 3,
      modules: ".*\\.(attn\\.c_attn|mlp\\.c_fc)",
      rankPattern: { "h\\.1\\.mlp\\.c_fc": 3 },
      alphaPattern: { c_attn: 5 },
      rslora: true,
    },
  },
  "lora-one-layer": {
    base: "gpt2-tiny",
    options: { rank: 2, alpha: 2, modules: ["attn.c_proj", "mlp.c_proj"], layers: 1 },
  },
  "lora-llama": {
    base: "finetune/lora-llama",
    options: { rank: 2, alpha: 6 },
  },
};

async function loaded(name: string) {
  const folder = `${golden}/finetune/${name}`;
  const expected = JSON.parse(await Deno.readTextFile(`${folder}/expected.json`));
  const file = await SafetensorsFile.open(fileSource(`${folder}/expected.safetensors`));
  const place = `${golden}/${SETS[name].base}`;
  const { model } = await loadPretrained(place, { dropout: 0, tokenizer: false });
  return { folder, expected, file, model };
}

const rows = (ids: number[][]) =>
  tensor(Int32Array.from(ids.flat()), { shape: [ids.length, ids[0].length] });

/** `base_model.model.` before the names of an adapter's numbers, as in the files. */
const keyOf = (name: string) => `base_model.model.${name}`;

for (const name of Object.keys(SETS)) {
  forEachDevice(
    `${name}: PEFT's files give the reference's logits, merged and unmerged`,
    async () => {
      const { folder, expected, file, model } = await loaded(name);
      const x = rows(expected.inputs);
      const before = await model.forward(x).data();
      const adapter = await loadAdapter(folder, model, { trainable: true });
      assert.deepEqual(adapter.report.modules, expected.adapted);
      for (const { name, update } of adapter.layers) {
        const scale = expected.scale?.[name] ?? 3; // the llama's alpha 6 and rank 2
        assert.ok(Math.abs(update.scale - scale) < 1e-12, name);
      }
      const reference = await file.float32("logits");
      const logits = await model.forward(x).data();
      assert.ok(furthest(logits, reference) < 2e-5);

      adapter.merge();
      assert.ok(furthest(await model.forward(x).data(), logits) < 1e-5);
      await checkMerged(model, file);
      adapter.unmerge();
      assert.deepEqual(await model.forward(x).data(), logits);
      adapter.enabled = false;
      assert.deepEqual(await model.forward(x).data(), before);
      adapter.enabled = true;
      assert.deepEqual(await model.forward(x).data(), logits);
      await checkGradients(adapter, expected, file);
      file.close();
    },
    golden === undefined,
  );

  forEachDevice(`${name}: attachLora makes the same adapter`, async () => {
    const { folder, expected, file, model } = await loaded(name);
    const x = rows(expected.inputs);
    const before = await model.forward(x).data();
    const adapter = attachLora(model, SETS[name].options);
    assert.deepEqual(adapter.report.modules, expected.adapted);
    if (expected.trainable) assert.equal(adapter.report.trained, expected.trainable);
    assert.deepEqual(await model.forward(x).data(), before, "B starts at 0");

    const weights = await SafetensorsFile.open(fileSource(`${folder}/adapter_model.safetensors`));
    const named = adapter.namedParameters();
    assert.deepEqual([...named.keys()].map(keyOf).sort(), [...weights.tensors.keys()].sort());
    for (const [name, parameter] of named) parameter.write(await weights.float32(keyOf(name)));
    const logits = await model.forward(x).data();
    assert.ok(furthest(logits, await file.float32("logits")) < 2e-5);
    weights.close();
    file.close();
  }, golden === undefined);
}

forEachDevice("lora: ten updates of the adapter alone are the reference's", async () => {
  const { folder, expected: { training }, file, model } = await loaded("lora");
  const base = new Map<string, unknown>();
  for (const [name, parameter] of model.namedParameters()) base.set(name, await parameter.data());
  const adapter = await loadAdapter(folder, model, { trainable: true });
  const { learning_rate: learningRate, beta1, beta2, epsilon } = training.optimizer;
  const options = { beta1, beta2, epsilon, weightDecay: 0.1, clip: 1 };
  const trainer = new Trainer(model, new AdamW(adapter.parameters(), options), { learningRate });
  let next = 0;
  const batches = {
    batchSize: 4,
    contextLength: 32,
    next: () => ({
      inputs: Int32Array.from(training.inputs[next].flat()),
      targets: Int32Array.from(training.targets[next++].flat()),
    }),
  };
  for (let step = 0; step < 10; step++) trainer.step(batches);
  const figures = await trainer.figures();
  assert.ok(furthest(figures.map(({ loss }) => loss), training.losses) < 5e-5);
  const norms = figures.map(({ gradientNorm }) => gradientNorm);
  assert.ok(furthest(norms, training.grad_norms_before_clip) < 5e-5);
  for (const [name, parameter] of adapter.namedParameters()) {
    const after = await file.float32(`after.${keyOf(name)}`);
    assert.ok(furthest(await parameter.data(), after) < 5e-5, name);
  }
  for (const [name, parameter] of model.namedParameters()) {
    assert.deepEqual(await parameter.data(), base.get(name), `${name} must stay as it was`);
  }
  file.close();
}, golden === undefined);

async function checkMerged(model: GPT, file: SafetensorsFile): Promise<void> {
  const asStored = storedTensors(model.config, savedNames(model));
  for (const [name, parameter] of model.namedParameters()) {
    const data = await parameter.data() as Float32Array<ArrayBuffer>;
    for (const part of asStored({ name, shape: parameter.shape, data })) {
      const key = `merged.${part.name}`;
      if (file.tensors.has(key)) {
        assert.ok(furthest(part.data, await file.float32(key)) < 1e-6, key);
      }
    }
  }
}

async function checkGradients(
  adapter: LoraAdapter,
  expected: { inputs: number[][]; targets: number[][]; loss: number },
  file: SafetensorsFile,
): Promise<void> {
  const { model } = adapter;
  const [x, y] = [rows(expected.inputs), rows(expected.targets)];
  const { value, gradients } = valueAndGrad(() => model.loss(x, y), adapter.parameters());
  assert.ok(Math.abs(await value.item() - expected.loss) < 2e-5);
  for (const [i, name] of [...adapter.namedParameters().keys()].entries()) {
    const key = `grad.${keyOf(name)}`;
    if (!file.tensors.has(key)) continue;
    const reference = await file.float32(key);
    const actual = await gradients[i].data();
    reference.forEach((g, j) =>
      assert.ok(Math.abs(actual[j] - g) <= 1e-5 + 1e-4 * Math.abs(g), `${name}: ${actual[j]}, ${g}`)
    );
  }
}
