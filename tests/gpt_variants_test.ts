/**
 * Every kind of GPT: logits against float64, in one pass and with a cache; gradients by finite
 * differences; and a save that loads to the same logits.
 */
import assert from "node:assert/strict";
import type { ModelConfig, ModelConfigInput } from "../lib/nn/config.ts";
import { ForwardContext } from "../lib/nn/context.ts";
import { GPT } from "../lib/nn/gpt.ts";
import { normal } from "../lib/nn/initializers.ts";
import { AdamW } from "../lib/optim/adamw.ts";
import { Random } from "../lib/random.ts";
import { valueAndGrad } from "../lib/tensor/autograd.ts";
import { embedding } from "../lib/ops/embedding.ts";
import { type Tensor, tensor } from "../lib/tensor/tensor.ts";
import { attachBottleneck } from "../lib/adapt/bottleneck.ts";
import { attachPrefix, attachPrompt } from "../lib/adapt/learned_prompt.ts";
import { generate } from "../lib/generate/generate.ts";
import { topNextTokens } from "../lib/generate/top_next_tokens.ts";
import { perplexity } from "../lib/train/perplexity.ts";
import { Trainer } from "../lib/train/trainer.ts";
import { CharacterTokenizer } from "../lib/text/character_tokenizer.ts";
import { loadPretrained } from "../lib/hub/load_pretrained.ts";
import { saveCheckpoint } from "../lib/train/checkpoint.ts";
import { CheckpointFolder } from "../lib/train/checkpoint_folder.ts";
import { drawMatrices } from "./support/draw_matrices.ts";
import { forEachDevice } from "./support/devices.ts";
import { gptLogits } from "./support/gpt_reference.ts";
import { assertClose } from "./support/gradient_check.ts";
import { readParameters } from "./support/transformer_reference.ts";

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
  "GPT-J-like: parallel residual with one norm, rotary on half of a head, no attention bias": {
    parallelResidual: true,
    sharedNorm: true,
    positions: "rotary",
    rotaryDimensions: 2,
    queryKeyValueBias: false,
    attentionProjectionBias: false,
    tiedHead: false,
    headBias: true,
  },
  "GPT-NeoX-like: parallel residual with two norms, rotary": {
    parallelResidual: true,
    positions: "rotary",
  },
  "Qwen3-like: norms of queries and keys, a free head size, grouped queries": {
    norm: "rms",
    positions: "rotary",
    activation: "silu",
    gated: true,
    bias: false,
    keyValueHeads: 2,
    headSize: 6,
    queryKeyNorm: true,
  },
  "layer norms of queries and keys, a window": { queryKeyNorm: true, window: [undefined, 3] },
  "heads of 256, one of keys": { headSize: 256, keyValueHeads: 1 },
  "Gemma-2-like: norms around each half, soft-caps, scaled embeddings, a window": {
    norm: "rms",
    normPlacement: "sandwich",
    positions: "rotary",
    attentionScale: 0.3,
    attentionSoftCap: 0.5,
    logitSoftCap: 1.5,
    embeddingScale: 4,
    window: [3, undefined],
  },
  "Gemma-3-like: another rotary base in layers with a window": {
    norm: "rms",
    positions: "rotary",
    rotaryBase: 500,
    windowRotaryBase: 20,
    window: [4, undefined],
  },
  "SmolLM3-like: a layer without positions": { positions: "rotary", rotaryLayers: [true, false] },
  "a speed-run's: ReLU², norms without gains, value embeddings, a soft-cap, an untied head": {
    norm: "rms",
    normGain: false,
    positions: "rotary",
    queryKeyNorm: true,
    activation: "relu_squared",
    bias: false,
    tiedHead: false,
    logitSoftCap: 2,
    valueEmbeddings: [false, true],
  },
  "layer norms with biases and no gains, value embeddings, grouped queries": {
    normGain: false,
    keyValueHeads: 2,
    valueEmbeddings: [true, true],
  },
  "no positions": { positions: "none" },
  "no norms, no biases, an own number of outputs": {
    norm: "none",
    activation: "relu",
    bias: false,
    tiedHead: false,
    outputSize: 12,
  },
  "attention only, shortformer positions, no norms and no biases": {
    norm: "none",
    feedForward: false,
    positions: "shortformer",
    bias: false,
    tiedHead: false,
  },
  "shortformer positions, layer norms, a window, a head with bias": {
    positions: "shortformer",
    window: [3, undefined],
    tiedHead: false,
    headBias: true,
    outputSize: 12,
  },
  "attention only with layer norms after it": { feedForward: false, normPlacement: "post" },
  "BLOOM-like: ALiBi, a norm of the embeddings": { positions: "alibi", embeddingNorm: true },
};

const IDS = Int32Array.from({ length: 16 }, (_, i) => (i * 5) % 11);
const TARGETS = Int32Array.from({ length: 16 }, (_, i) => i === 3 ? -100 : (i * 5 + 1) % 11);

function makeModel(changes: Partial<ModelConfigInput>): GPT {
  const shape = { vocabSize: 11, contextLength: 8, layers: 2, heads: 4, width: 16 };
  return drawMatrices(new GPT({ ...shape, ...changes }), 0.2, 3);
}

/** Makes gains and biases differ from 1 and 0. */
async function stirVectors(model: GPT): Promise<void> {
  const random = new Random(11);
  for (const parameter of model.parameters()) {
    if (parameter.shape.length !== 1) continue;
    const values = await parameter.data();
    parameter.write(Float32Array.from(values, (value) => value + random.normal() / 10));
  }
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
      const step = changes.activation?.startsWith("relu") ? 1e-3 : 0.02; // small enough to cross no kink
      const numeric = (await at(step) - await at(-step)) / (2 * step);
      parameter.write(values);
      assertClose([slope], [numeric], 3e-3, parameter_);
    }

    const path = await Deno.makeTempDir();
    try {
      using folder = await CheckpointFolder.open(path);
      const optimizer = new AdamW(model.parameters());
      const tokenizer = CharacterTokenizer.fromText("abcdefghijk");
      await saveCheckpoint(folder, { model, optimizer, tokenizer, run: { step: 0 } });
      const { model: loaded } = await loadPretrained(path);
      assert.deepEqual(loaded.config, model.config);
      assertClose(await loaded.forward(ids).data(), await model.forward(ids).data(), 0);
    } finally {
      await Deno.remove(path, { recursive: true });
    }
  });
}

for (const [name, changes] of Object.entries(VARIANTS)) {
  forEachDevice(`${name}: logits are those of float64, in one pass and with a cache`, async () => {
    const model = makeModel(changes);
    await stirVectors(model);
    const parameters = await readParameters(model);
    const expected = [IDS.slice(0, 8), IDS.slice(8)]
      .flatMap((row) => gptLogits(model.config, parameters, [...row])).flat();
    const whole = model.forward(tensor(IDS, { shape: [2, 8] }));
    assertClose(await whole.data(), expected, 2e-5, "in one pass");
    const cache = model.makeCache(2);
    const places: number[][] = [];
    for (const [start, end] of [[0, 5], [5, 6], [6, 7], [7, 8]]) {
      cache.position.write([start]);
      const ids = [0, 8].flatMap((first) => [...IDS.slice(first + start, first + end)]);
      const read = tensor(Int32Array.from(ids), { shape: [2, end - start] });
      const logits = await model.forward(read, new ForwardContext({ cache })).data();
      for (let row = 0; row < 2; row++) {
        for (let t = start; t < end; t++) {
          const { outputSize = 11 } = model.config;
          const at = (row * (end - start) + t - start) * outputSize;
          places[row * 8 + t] = [...logits.subarray(at, at + outputSize)];
        }
      }
    }
    assertClose(places.flat(), expected, 2e-5, "with a cache");

    const { outputSize = 11 } = model.config;
    const fresh = model.makeCache(2);
    for (const [start, end] of [[0, 7], [7, 8]]) { // the second token reads what the first left
      fresh.position.write([start]);
      const ids = [0, 8].flatMap((first) => [...IDS.slice(first + start, first + end)]);
      const read = tensor(Int32Array.from(ids), { shape: [2, end - start] });
      const context = new ForwardContext({ cache: fresh, lastOnly: true });
      const last = [end - 1, end + 7].flatMap((row) =>
        expected.slice(row * outputSize, (row + 1) * outputSize)
      );
      assertClose(await model.forward(read, context).data(), last, 2e-5, "the last token alone");
    }
  });
}

for (const [name, changes] of Object.entries(VARIANTS)) {
  forEachDevice(
    `${name}: the weights of attention are those that its values are mixed with`,
    async () => {
      const model = makeModel(changes);
      const x = tensor(normal(1)([2 * 8 * 16], new Random(5)), { shape: [2, 8, 16] });
      for (const { attention } of model.blocks.items) {
        const pushed: Tensor[] = [];
        const isShort = model.config.positions === "shortformer";
        const queryKeyPositions = isShort ? model.positions!.weight : undefined;
        const attended = attention.attend(x, { weights: pushed, queryKeyPositions });
        const weights = await pushed[0].data();
        const packed = await attention.queryKeyValue!.forward(x).data();
        assertClose(await attended.data(), mix(weights, packed, model.config), 1e-5, "attended");
      }
    },
  );
}

/**
 * Σ over keys of weights [2,4,8,8] times the values in packed rows [2,8,(4 + 2·Hkv)·D], head by
 * head.
 */
function mix(weights: ArrayLike<number>, packed: ArrayLike<number>, config: ModelConfig) {
  const { keyValueHeads = 4, headSize = 4 } = config;
  const [row, first] = [(4 + 2 * keyValueHeads) * headSize, (4 + keyValueHeads) * headSize];
  return Float64Array.from({ length: 2 * 8 * 4 * headSize }, (_, index) => {
    const head = Math.floor(index / headSize) % 4;
    const query = Math.floor(index / headSize / 4);
    const value = first + Math.floor(head * keyValueHeads / 4) * headSize + index % headSize;
    let sum = 0;
    for (let key = 0; key < 8; key++) {
      const weight = weights[((query >> 3) * 4 + head) * 64 + query % 8 * 8 + key];
      sum += weight * packed[((query >> 3) * 8 + key) * row + value];
    }
    return sum;
  });
}

forEachDevice(
  "attentionWeights: every layer and head, rows of a lower triangle that sum to 1",
  async () => {
    const model = makeModel({});
    const ids = tensor(IDS, { shape: [2, 8] });
    const all = model.attentionWeights(ids);
    assert.deepEqual(all.shape, [2, 2, 4, 8, 8]);
    const weights = await all.data();
    for (let start = 0; start < weights.length; start += 8) {
      const row = [...weights.slice(start, start + 8)];
      const query = start / 8 % 8;
      assert.ok(row.every((weight, key) => key <= query ? weight > 0 : weight === 0), `${row}`);
      assert.ok(Math.abs(row.reduce((a, b) => a + b) - 1) < 1e-5);
    }
    // The second sequence's first layer is that layer's attention to its own normed input.
    const [block] = model.blocks.items;
    const second = tensor(IDS.slice(8), { shape: [1, 8] });
    const x = embedding(model.tokens.weight, second, { positions: model.positions!.weight });
    const first = block.attention.weights(block.norm1!.forward(x));
    assertClose(weights.slice(512, 768), await first.data(), 1e-6, "second sequence, first layer");
  },
);

forEachDevice(
  "a model of other outputs trains, and is refused where tokens are needed",
  async () => {
    const shape = { vocabSize: 5, contextLength: 3, layers: 1, heads: 1, width: 8 };
    const model = new GPT({ ...shape, norm: "none", tiedHead: false, outputSize: 9 });
    const trainer = new Trainer(model, new AdamW(model.parameters()), { learningRate: 1e-2 });
    const [inputs, targets] = [Int32Array.of(1, 2, 4), Int32Array.of(-100, -100, 8)];
    const source = { batchSize: 1, contextLength: 3, next: () => ({ inputs, targets }) };
    trainer.step(source);
    trainer.step(source);
    const [first, second] = await trainer.figures();
    assert.ok(second.loss < first.loss, `${second.loss}`);
    const refused = {
      name: "RangeError",
      message: /predicts its tokens, 5 of them, got outputSize 9/,
    };
    await assert.rejects(() => generate(model, [1]), refused);
    await assert.rejects(() => topNextTokens(model, [1]), refused);
    await assert.rejects(() => perplexity(model, [1, 2, 3]), refused);
    const short = new GPT({ ...shape, positions: "shortformer", feedForward: false });
    assert.throws(() => attachPrefix(short, { tokens: 1 }), /without shortformer positions/);
    assert.throws(() => attachPrompt(short, { tokens: 1 }), /without shortformer positions/);
    assert.throws(() => attachBottleneck(short), /feed-forwards, got feedForward false/);
  },
);
