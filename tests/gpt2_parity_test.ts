/**
 * A GPT-2 computed with PyTorch: logits, every gradient, and twenty AdamW steps; and a trained
 * model, activation by activation.
 *
 * @module
 */
import assert from "node:assert/strict";
import { fileSource } from "../lib/hub/file_source.ts";
import { SafetensorsFile } from "../lib/hub/safetensors.ts";
import { AdamW } from "../lib/optim/adamw.ts";
import { valueAndGrad } from "../lib/tensor/autograd.ts";
import { softmax } from "../lib/ops/softmax.ts";
import { embedding } from "../lib/ops/embedding.ts";
import { type Tensor, tensor } from "../lib/tensor/tensor.ts";
import { geluTanh } from "../lib/ops/activation.ts";
import { loadPretrained } from "../lib/hub/load_pretrained.ts";
import { Trainer } from "../lib/train/trainer.ts";
import { ALL_DEVICES, forEachDevice } from "./support/devices.ts";
import { furthest } from "./support/furthest.ts";
import { golden } from "./support/golden.ts";

const ids = (rows: number[][]) => Int32Array.from(rows.flat());

forEachDevice(
  "gpt2-tiny: logits, gradients and twenty steps are PyTorch's",
  async () => {
    const folder = `${golden}/gpt2-tiny`;
    const expected = JSON.parse(await Deno.readTextFile(`${folder}/expected.json`));
    const file = await SafetensorsFile.open(fileSource(`${folder}/expected.safetensors`));
    const { model } = await loadPretrained(folder, { dropout: 0 });
    const [batch, time] = [4, 32];
    const x = tensor(ids(expected.inputs[0]), { shape: [batch, time] });
    const y = tensor(ids(expected.targets[0]), { shape: [batch, time] });
    const logits = await model.forward(x).data();
    assert.ok(furthest(logits, await file.float32("logits")) < 1e-4);

    const named = [...model.namedParameters()];
    const { gradients } = valueAndGrad(() => model.loss(x, y), model.parameters());
    for (const [i, [name]] of named.entries()) {
      const reference = await file.float32(`grad.${name}`);
      const largest = Math.max(...reference.map(Math.abs));
      const error = furthest(await gradients[i].data(), reference) / largest;
      assert.ok(error < 1e-4, `${name}: ${error}`);
    }
    file.close();

    const { beta1, beta2, epsilon } = expected.optimizer;
    const options = { beta1, beta2, epsilon, weightDecay: 0.1, clip: 1 };
    const optimizer = new AdamW(model.parameters(), options);
    const trainer = new Trainer(model, optimizer, { learningRate: 1e-3 });
    let next = 0;
    const next20 = {
      batchSize: batch,
      contextLength: time,
      next: () => ({
        inputs: ids(expected.inputs[next]),
        targets: ids(expected.targets[next++]),
      }),
    };
    for (let step = 0; step < 20; step++) trainer.step(next20);
    const figures = await trainer.figures();
    assert.ok(furthest(figures.map(({ loss }) => loss), expected.losses) < 2e-4);
    const norms = figures.map(({ gradientNorm }) => gradientNorm);
    assert.ok(furthest(norms, expected.grad_norms_before_clip) < 2e-4);
  },
  golden === undefined,
  ALL_DEVICES,
);

forEachDevice("gpt-nano-sort: every activation of a trained model", async () => {
  const folder = `${golden}/gpt-nano-sort`;
  const expected = JSON.parse(await Deno.readTextFile(`${folder}/intermediates.json`));
  const values = ({ data }: { data: string }) =>
    new Float32Array(Uint8Array.from(atob(data), (c) => c.charCodeAt(0)).buffer);
  const { model } = await loadPretrained(folder, { dropout: 0 });
  const check = async (name: string, actual: Tensor, reference: { data: string }) => {
    const error = furthest(await actual.data(), values(reference));
    assert.ok(error < 1e-4, `${name}: ${error}`);
  };
  const x = tensor(Int32Array.from(values(expected.idx)), { shape: expected.idx.shape });
  const positions = model.positions!.weight;
  await check("tok_emb", embedding(model.tokens.weight, x), expected.tok_emb);
  let hidden = embedding(model.tokens.weight, x, { positions });
  await check("x", hidden, expected.x);
  const { attention, norm1, norm2, feedForward } = model.blocks.items[0];
  const ln1 = norm1!.forward(hidden);
  await check("ln1", ln1, expected.ln1);
  await check("qkv", attention.queryKeyValue!.forward(ln1), expected.qkv);
  const attended = attention.attend(ln1);
  await check("y", attended, expected.y);
  await check("yProj", attention.projection.forward(attended), expected.yProj);
  const residual = attention.forward(ln1, { residual: hidden });
  await check("attnResid", residual, expected.attnResid);
  const ln2 = norm2!.forward(residual);
  await check("ln2", ln2, expected.ln2);
  const { up, down } = feedForward!;
  const inner = up.forward(ln2);
  await check("fc", inner, expected.fc);
  await check("gelu", geluTanh(inner), expected.gelu);
  await check("mlp", down.forward(geluTanh(inner)), expected.mlp);
  await check("mlpResid", feedForward!.forward(ln2, residual), expected.mlpResid);
  for (const [layer, block] of model.blocks.items.entries()) {
    hidden = block.forward(hidden);
    await check(`block ${layer}`, hidden, expected[`block${layer}`]);
  }
  const normed = model.finalNorm!.forward(hidden);
  await check("ln_f", normed, expected.ln_f);
  await check("lm_head", model.logits(normed), expected.lm_head);
  await check("probs", softmax(model.forward(x)), expected.probs);
}, golden === undefined);
