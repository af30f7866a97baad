/** Every kind of GPT: gradients by finite differences, training, and a save that loads to the same logits. */
import assert from "node:assert/strict";
import type { ModelConfigInput } from "../lib/nn/config.ts";
import { GPT } from "../lib/nn/gpt.ts";
import { normal } from "../lib/nn/initialisers.ts";
import { AdamW } from "../lib/optim/adamw.ts";
import { Random } from "../lib/random.ts";
import { valueAndGrad } from "../lib/tensor/autograd.ts";
import { tensor } from "../lib/tensor/tensor.ts";
import { CharacterTokenizer } from "../lib/text/character_tokenizer.ts";
import { loadModel, saveCheckpoint } from "../lib/train/checkpoint.ts";
import { CheckpointFolder } from "../lib/train/checkpoint_folder.ts";
import { forEachDevice } from "./devices.ts";
import { assertClose } from "./gradient_check.ts";

const VARIANTS: Record<string, Partial<ModelConfigInput>> = {
  "GPT-2": {},
  "post-norm, sinusoidal, untied head with bias": {
    normPlacement: "post",
    positions: "sinusoidal",
    tiedHead: false,
    headBias: true,
  },
  "Llama-like: RMS norm, rotary, gated SiLU, grouped queries, no bias": {
    norm: "rms",
    positions: "rotary",
    activation: "silu",
    gated: true,
    bias: false,
    keyValueHeads: 2,
    tiedHead: false,
  },
  "a window, exact GELU, unscaled attention": {
    window: [3, undefined],
    activation: "gelu",
    scaleAttention: false,
  },
  "ReLU": { activation: "relu" },
};

const IDS = Int32Array.from({ length: 16 }, (_, i) => (i * 5) % 11);
const TARGETS = Int32Array.from({ length: 16 }, (_, i) => i === 3 ? -100 : (i * 5 + 1) % 11);

function makeModel(changes: Partial<ModelConfigInput>): GPT {
  const shape = { vocabSize: 11, contextLength: 8, layers: 2, heads: 4, width: 16 };
  const model = new GPT({ ...shape, ...changes });
  const random = new Random(3);
  for (const parameter of model.parameters()) {
    if (parameter.shape.length === 2) parameter.write(normal(0.2)(parameter.shape, random));
  }
  return model;
}

for (const [name, changes] of Object.entries(VARIANTS)) {
  forEachDevice(`${name}: gradients along a random direction, and a save that loads`, async () => {
    const model = makeModel(changes);
    const ids = tensor(IDS, { shape: [2, 8] });
    const targets = tensor(TARGETS, { shape: [2, 8] });
    const loss = () => model.loss(ids, targets);
    const { gradients } = valueAndGrad(loss, model.parameters());
    const random = new Random(7);
    for (const [i, [parameter_, parameter]] of [...model.namedParameters()].entries()) {
      const values = Float32Array.from(await parameter.data());
      const gradient = Array.from(await gradients[i].data());
      const direction = values.map(() => random.normal() / Math.sqrt(values.length));
      const slope = gradient.reduce((sum, g, j) => sum + g * direction[j], 0);
      const at = async (step: number) => {
        parameter.write(values.map((v, j) => v + step * direction[j]));
        return await loss().item();
      };
      const step = changes.activation === "relu" ? 1e-3 : 0.02; // small enough to cross no kink
      const numeric = (await at(step) - await at(-step)) / (2 * step);
      parameter.write(values);
      assertClose([slope], [numeric], 3e-3, parameter_);
    }

    const path = await Deno.makeTempDir();
    try {
      using folder = await CheckpointFolder.open(path);
      const optimiser = new AdamW(model.parameters());
      const tokenizer = CharacterTokenizer.fromText("abcdefghijk");
      await saveCheckpoint(folder, { model, optimiser, tokenizer, run: { step: 0 } });
      const loaded = await loadModel(path);
      assert.deepEqual(loaded.config, model.config);
      assertClose(await loaded.forward(ids).data(), await model.forward(ids).data(), 0);
    } finally {
      await Deno.remove(path, { recursive: true });
    }
  });
}
