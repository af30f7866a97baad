/**
 * A model with weights in 8 bits against the same model with the dequantized weights, and the
 * effect on its loss.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Batches } from "../lib/data/batches.ts";
import { Generator } from "../lib/generate/generator.ts";
import type { ModelConfigInput } from "../lib/nn/config.ts";
import { loadPretrained } from "../lib/hub/load_pretrained.ts";
import { savePretrained } from "../lib/hub/pretrained_files.ts";
import { useDevice } from "../lib/device/current_device.ts";
import { GPT } from "../lib/nn/gpt.ts";
import { quantize } from "../lib/nn/quantize.ts";
import { AdamW } from "../lib/optim/adamw.ts";
import { Random } from "../lib/random.ts";
import { tensor } from "../lib/tensor/tensor.ts";
import { Trainer } from "../lib/train/trainer.ts";
import { forEachDevice, sharedDevice } from "./support/devices.ts";
import { assertClose } from "./support/gradient_check.ts";

const shape = { vocabSize: 29, contextLength: 16, layers: 2, heads: 2, width: 32 };
const tokens = Uint16Array.from({ length: 2000 }, (_, i) => (i * i + (i >> 3)) % 29);
const prompt = Int32Array.from({ length: 10 }, (_, i) => 3 * i % 29);

const VARIANTS: Record<string, Partial<ModelConfigInput>> = {
  "GPT-2": {},
  "gated, with an untied head": {
    gated: true,
    activation: "silu",
    tiedHead: false,
    headBias: true,
    hidden: 40,
    norm: "rms",
    positions: "rotary",
  },
};

/**
 * A model whose linear weights are whole numbers of 1/128 from −127 to 127, with the largest in
 * each row's only group: 8 bits hold them exactly.
 */
function exactModel(config: Partial<ModelConfigInput>): GPT {
  const model = new GPT({ ...shape, ...config });
  const random = new Random(2);
  for (const [name, parameter] of model.namedParameters()) {
    if (parameter.shape.length < 2 || /wpe/.test(name)) continue;
    const [rows, columns] = parameter.shape;
    const transposed = /wte|lm_head/.test(name);
    const values = Float32Array.from({ length: rows * columns }, (_, i) => {
      const input = transposed ? i % columns : Math.floor(i / columns);
      return (input === 0 ? 127 : random.integer(31) - 15) / 128 / 8;
    });
    parameter.write(values);
  }
  return model;
}

for (const [name, config] of Object.entries(VARIANTS)) {
  forEachDevice(`weights that 8 bits hold exactly give the same logits: ${name}`, async () => {
    const model = exactModel(config);
    for (const length of [1, 10]) { // a token, and several
      const ids = tensor(prompt.slice(0, length), { shape: [1, length] });
      const before = await model.forward(ids).data();
      const quantized = exactModel(config);
      await quantize(quantized);
      assertClose(await quantized.forward(ids).data(), before, 1e-3);
      const targets = tensor(prompt.slice(0, length), { shape: [1, length] });
      const losses = [model, quantized].map((each) => each.loss(ids, targets).item());
      assertClose([await losses[1]], [await losses[0]], 1e-3);
    }
  });
}

forEachDevice("a trained model keeps its loss and its text, in less memory", async (device) => {
  const model = new GPT({ ...shape, width: 64 });
  const optimizer = new AdamW(model.parameters());
  const trainer = new Trainer(model, optimizer, { learningRate: 3e-3 });
  const batches = new Batches(tokens, { batchSize: 4, contextLength: 16, seed: 3 });
  for (let step = 0; step < 30; step++) trainer.step(batches);
  const held = () => new Batches(tokens, { batchSize: 4, contextLength: 16, seed: 4 });
  const before = await trainer.evaluate(held(), 2);
  const likeliest = (of: GPT) =>
    Array.fromAsync(new Generator(of).generate(prompt, { temperature: 0, maxNewTokens: 8 }));
  const text = await likeliest(model);

  const copy = new GPT({ ...shape, width: 64 });
  const parameters = model.parameters();
  for (const [i, parameter] of copy.parameters().entries()) {
    parameter.write(await parameters[i].data());
  }
  const used = device.memory().used;
  await quantize(copy);
  const matrices = 2 * (64 * 192 + 64 * 64 + 2 * 64 * 256); // two blocks' weights
  const head = 29 * (64 + 4);
  assert.ok(device.memory().used < used - 4 * matrices + (matrices + head) * 1.2, "memory");
  const evaluator = new Trainer(copy, optimizer, { learningRate: 0 });
  const after = await evaluator.evaluate(held(), 2);
  assert.ok(Math.abs(after - before) < 0.01 * before, `loss ${before} became ${after}`);
  assert.deepEqual(await likeliest(copy), text);
});

forEachDevice("a model is rounded once", async () => {
  const model = new GPT({ vocabSize: 8, contextLength: 4, layers: 1, heads: 1, width: 32 });
  await quantize(model);
  await assert.rejects(() => quantize(model), /^TypeError: quantize: .* rounded already; load it/);
});

forEachDevice("a model in 8 bits says that it cannot be trained", async () => {
  const model = new GPT(shape);
  const optimizer = new AdamW(model.parameters());
  const trainer = new Trainer(model, optimizer, { learningRate: 0 });
  await quantize(model);
  const batches = new Batches(tokens, { batchSize: 4, contextLength: 16, seed: 3 });
  assert.throws(() => trainer.step(batches), /no gradient/);
  await assert.rejects(
    () => model.blocks.items[0].feedForward!.up.weight.data(),
    /memory was freed/,
  );
  await assert.rejects(() => quantize(new GPT(shape), { group: 8 }), /group/);
});

const ROTARY: Partial<ModelConfigInput> = {
  width: 64,
  gated: true,
  activation: "silu",
  norm: "rms",
  normEpsilon: 1e-6,
  positions: "rotary",
  bias: false,
  hidden: 80,
  dropout: 0,
};

const FAMILIES: Record<string, Partial<ModelConfigInput>> = {
  "GPT-2": { width: 64 },
  "Llama, tied": ROTARY,
  "Llama, untied": { ...ROTARY, tiedHead: false },
  "Llama, a width that no group divides": { ...ROTARY, width: 40 },
};

for (const [name, config] of Object.entries(FAMILIES)) {
  forEachDevice(`weights rounded while they are read are quantize's: ${name}`, async () => {
    const folder = await Deno.makeTempDir();
    const model = new GPT({ ...shape, ...config }, { random: new Random(9) });
    await savePretrained(folder, model);
    const ids = tensor(prompt, { shape: [1, prompt.length] });
    const exact = await model.forward(ids).data() as Float32Array;
    const scale = exact.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    for (const [weights, bits, near] of [["int8", 8, 0.02], ["int4", 4, 0.4]] as const) {
      const { model: read } = await loadPretrained(folder, { weights });
      assert.equal(read.tokens.quantized !== undefined, config.positions === "rotary");
      const logits = await read.forward(ids).data();
      assertClose(logits, exact, near * scale);
      const rounded = (await loadPretrained(folder)).model;
      await quantize(rounded, { bits });
      assert.deepEqual(await rounded.forward(ids).data(), logits);
    }
    await Deno.remove(folder, { recursive: true });
  });
}

const FOLDER = new URL("golden/families/", import.meta.url);
const PUBLISHED = [...Deno.readDirSync(FOLDER)].filter(({ isDirectory }) => isDirectory);

for (const { name } of PUBLISHED) {
  Deno.test({
    name: `weights rounded while they are read are quantize's: ${name}'s file`,
    sanitizeOps: false,
    sanitizeResources: false,
    async fn() {
      useDevice(await sharedDevice("cpu-1"));
      const place = new URL(name, FOLDER);
      const rounded = (await loadPretrained(place)).model;
      await quantize(rounded, { bits: 4 });
      const { model } = await loadPretrained(place, { weights: "int4" });
      const ids = tensor(Int32Array.of(1, 7, 3, 20), { shape: [1, 4] });
      const expected = await rounded.forward(ids).data();
      assert.deepEqual(await model.forward(ids).data(), expected);
      const options = { maxNewTokens: 4, temperature: 0 };
      assert.equal(
        (await Array.fromAsync(new Generator(model).generate([1, 7], options))).length,
        4,
      );
    },
  });
}

forEachDevice("a load that fails frees what was rounded", async (device) => {
  const folder = await Deno.makeTempDir();
  const model = new GPT({ ...shape, ...ROTARY });
  await savePretrained(folder, model);
  const exact = `${folder}/exact`;
  await savePretrained(exact, model);
  const path = `${folder}/model.safetensors`;
  const bytes = await Deno.readFile(path);
  bytes.fill(0xff, bytes.length - 64); // NaN
  await Deno.writeFile(path, bytes);
  const { used } = device.memory();
  await assert.rejects(loadPretrained(folder, { weights: "int8" }), /not finite/);
  assert.equal(device.memory().used, used);
  const rounded = await loadPretrained(exact, { weights: "int4" });
  const copy = `${folder}/copy`;
  await assert.rejects(savePretrained(copy, rounded), /expected weights in f32, got rounded/);
  const wrong = { weights: "int2" as "int8" };
  await assert.rejects(
    loadPretrained(folder, wrong),
    /weights must be f32, bf16, f16, int8 or int4, got int2/,
  );
  await Deno.remove(folder, { recursive: true });
});
