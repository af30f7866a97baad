/**
 * The practical's language model: its size, how it starts, and that it learns its text by heart.
 */
import assert from "node:assert/strict";
import { useDevice } from "../lib/device/current_device.ts";
import { Batches } from "../lib/data/batches.ts";
import { splitCorpus } from "../lib/data/split_corpus.ts";
import {
  gpt2Weights,
  type InitialWeights,
  varianceScaledWeights,
} from "../lib/nn/initial_weights.ts";
import { AdamW } from "../lib/optim/adamw.ts";
import { warmupDecay } from "../lib/optim/schedules.ts";
import { practicalRuns } from "../lib/plot/practical.ts";
import { Random } from "../lib/random.ts";
import { scope } from "../lib/tensor/scope.ts";
import { type Tensor, tensor } from "../lib/tensor/tensor.ts";
import { trainingLoop } from "../lib/train/loop.ts";
import { modelOf, PRESETS } from "../lib/train/presets.ts";
import { Trainer } from "../lib/train/trainer.ts";
import { forEachDevice, sharedDevice } from "./support/devices.ts";
import { sharedText } from "./support/shared_text.ts";

/** The model that the practical tries its code on. */
const SMOKE = { ...PRESETS.practical, heads: 1, width: 16, context: 32, feedForwardFactor: 4 };

const golden = sharedText("golden/practical.json");

/** Sums of parameter counts by the practical's names for the parts. */
function countsByPart(parameters: Map<string, Tensor>): Record<string, number> {
  const parts: [string, RegExp][] = [
    ["embedding", /wte/],
    ["qkv", /c_attn/],
    ["Wo", /attn\.c_proj/],
    ["mlp", /mlp/],
    ["layernorms", /ln_/],
    ["pred_layer", /lm_head/],
  ];
  const total = (pattern: RegExp) =>
    [...parameters].filter(([name]) => pattern.test(name)).reduce((sum, [, p]) => sum + p.size, 0);
  return Object.fromEntries(parts.map(([part, pattern]) => [part, total(pattern)]));
}

Deno.test("practical: the model's size, part by part", async () => {
  useDevice(await sharedDevice("cpu-1"));
  const model = modelOf(PRESETS.practical, 25670);
  const counts = {
    embedding: 3285760,
    qkv: 49536,
    Wo: 16512,
    mlp: 65920,
    layernorms: 512,
    pred_layer: 3311430,
  };
  assert.deepEqual(countsByPart(model.namedParameters()), counts);
  assert.equal(model.parameterCount, 6729670);
});

Deno.test("practical: param_count_default_llm", { ignore: golden === undefined }, async () => {
  useDevice(await sharedDevice("cpu-1"));
  const { total, smoke_test_total, ...counts } = JSON.parse(golden!).param_count_default_llm;
  const model = modelOf(PRESETS.practical, 25670);
  assert.deepEqual(countsByPart(model.namedParameters()), counts);
  assert.equal(model.parameterCount, total);
  assert.equal(modelOf(SMOKE, 25670).parameterCount, smoke_test_total);
});

Deno.test("practical: llm_smoke, shapes and size", { ignore: golden === undefined }, async () => {
  useDevice(await sharedDevice("cpu-2"));
  const { config, logits_shape, att_shape, X0 } = JSON.parse(golden!).llm_smoke;
  const { d_m, num_heads, num_layers, widening_factor, vocab_size, B, T } = config;
  const sizes = { width: d_m, heads: num_heads, layers: num_layers, context: T };
  const settings = { ...PRESETS.practical, ...sizes, feedForwardFactor: widening_factor };
  assert.deepEqual(settings, SMOKE);
  const model = modelOf(settings, vocab_size);
  const rows = Array.from(
    { length: B },
    (_, b) => X0.map((id: number) => (id + 97 * b) % vocab_size),
  );
  const ids = tensor(Int32Array.from(rows.flat()), { shape: [B, T] });
  assert.deepEqual(model.attentionWeights(ids).shape, att_shape);
  assert.deepEqual(scope(() => model.forward(ids)).shape, logits_shape);
});

forEachDevice(
  "the practical's model looks back only, each row of its attention a distribution",
  async () => {
    const model = modelOf({ ...SMOKE, heads: 2, layers: 2 }, 50);
    const ids = (last: number) => tensor(Int32Array.of(7, 3, 9, 1, 4, last), { shape: [1, 6] });
    const weights = model.attentionWeights(ids(2));
    assert.deepEqual(weights.shape, [1, 2, 2, 6, 6]);
    const data = [...await weights.data()];
    data.forEach((weight, n) => {
      const [query, key] = [Math.floor(n / 6) % 6, n % 6];
      assert.ok(key > query ? weight === 0 : weight > 0, `query ${query}, key ${key}: ${weight}`);
    });
    for (let row = 0; row < data.length; row += 6) {
      const sum = data.slice(row, row + 6).reduce((a, b) => a + b, 0);
      assert.ok(Math.abs(sum - 1) < 1e-6, `a row sums to ${sum}`);
    }
    const [one, other] = [await model.forward(ids(2)).data(), await model.forward(ids(8)).data()];
    assert.deepEqual(one.subarray(0, 250), other.subarray(0, 250));
    assert.notDeepEqual(one.subarray(250), other.subarray(250));
  },
);

Deno.test("practical: training_loss_curves", { ignore: golden === undefined }, () => {
  const curves = JSON.parse(golden!).training_loss_curves;
  const runs = practicalRuns();
  [curves.run_2024_08_30_commit_d856d77, curves.run_2024_08_18_commit_c614494].forEach((run, i) => {
    assert.deepEqual(runs[i].train.map(({ loss }) => loss), run);
    assert.equal(runs[i].train.length, 110);
  });
});

Deno.test("the practical's runs: steps 1, 32, … 3488, and losses that fall from ln V + 1/2", () => {
  for (const { train } of practicalRuns()) {
    assert.deepEqual(train.slice(0, 3).map(({ step }) => step), [1, 32, 64]);
    assert.equal(train.at(-1)!.step, 3488);
    assert.ok(Math.abs(train[0].loss - Math.log(25670) - 0.5) < 0.1);
    assert.ok(train[20].loss < 4.75 && train.at(-1)!.loss < 0.25);
  }
});

Deno.test("initial weights have the standard deviations of their kind", () => {
  const [C, V, H] = [64, 300, 128];
  const shapes: Record<Exclude<keyof InitialWeights, "valueEmbeddings">, number[]> = {
    tokens: [V, C],
    positions: [V, C],
    queryKeyValue: [C, 3 * C],
    attentionProjection: [C, C],
    up: [C, H],
    down: [H, C],
    head: [V, C],
  };
  const residual = 0.02 / Math.sqrt(6);
  const gpt2 = [0.02, 0.02, 0.02, residual, 0.02, residual, 0.02];
  const scaled = [1 / C, 1 / C, 0.5 / C, 0.5 / C, 0.25 / C, 0.25 / H, 1 / C].map(Math.sqrt);
  const check = (weights: InitialWeights, expected: number[], longest: number[]) => {
    Object.entries(shapes).forEach(([kind, shape], i) => {
      const values = weights[kind as keyof typeof shapes](shape, new Random(i));
      const deviation = Math.sqrt(values.reduce((sum, x) => sum + x * x, 0) / values.length);
      assert.ok(Math.abs(deviation / expected[i] - 1) < 0.05, `${kind}: ${deviation}`);
      const most = values.reduce((most, x) => Math.max(most, Math.abs(x)), 0) / expected[i];
      assert.ok(most < longest[i], `${kind}: ${most} deviations`);
    });
  };
  check(gpt2Weights(3), gpt2, new Array(7).fill(6));
  // Truncated at two deviations of the normal distribution, 2.27 of the truncated one; the tables
  // are not truncated.
  check(varianceScaledWeights(), scaled, [6, 6, 2.28, 2.28, 2.28, 2.28, 2.28]);
});

Deno.test("practical: logits of variance 1 begin at ln V + 1/2", async () => {
  useDevice(await sharedDevice("cpu-1"));
  const V = 3000;
  const random = new Random(5);
  const draw = () => Int32Array.from({ length: 128 }, () => random.integer(V));
  const ids = () => tensor(draw(), { shape: [2, 64] });
  const loss = await modelOf(PRESETS.practical, V).loss(ids(), ids()).item();
  assert.ok(Math.abs(loss - Math.log(V) - 0.5) < 0.25, `${loss} and ${Math.log(V) + 0.5}`);
});

Deno.test("practical: it learns its text by heart while held-out loss rises", async () => {
  useDevice(await sharedDevice("cpu-2"));
  const [V, batchSize, contextLength] = [150, 8, 16];
  const random = new Random(2);
  const text = Uint16Array.from({ length: 1800 }, () => random.integer(V));
  const { train, validation } = splitCorpus(text);
  const settings = { ...PRESETS.practical, width: 64, context: contextLength, steps: 400 };
  const model = modelOf(settings, V);
  const { beta1, beta2, weightDecay, clip, learningRate, minLearningRate, steps } = settings;
  const optimizer = new AdamW(model.parameters(), { beta1, beta2, weightDecay, clip });
  const schedule = warmupDecay({ learningRate, minLearningRate, steps });
  const trainer = new Trainer(model, optimizer, { learningRate: schedule });
  const windows = { batchSize, contextLength, order: "epochs" } as const;
  const batches = new Batches(train, { ...windows, minimumBatches: 10 });
  const heldOut = new Batches(validation, windows);
  const finalBatches = heldOut.batchesPerEpoch;
  assert.deepEqual([batches.batchesPerEpoch, finalBatches], [11, 1]);
  const losses: number[] = [], means: number[] = [], held: number[] = [], rates: number[] = [];
  const loop = { steps: 400, logEvery: 50, heldOut, evalEvery: 50, evalBatches: 1, finalBatches };
  for await (const event of trainingLoop(trainer, batches, loop)) {
    if (event.kind === "validation") held.push(event.validationLoss);
    if (event.kind !== "figures") continue;
    losses.push(event.loss);
    means.push(event.meanLoss);
    rates.push(event.learningRate);
  }
  assert.ok(Math.abs(losses[0] - Math.log(V) - 0.5) < 0.3, `first ${losses[0]}`);
  assert.ok(losses.at(-1)! < 0.5, `last ${losses.at(-1)}`);
  assert.ok(held.at(-1)! > losses[0] + 1, `held out ${held.at(-1)}`);
  assert.equal(means[0], losses[0]);
  assert.ok(
    means.at(-1)! > losses.at(-1)! / 3 && means[1] > losses[1],
    `${means} beside ${losses}`,
  );
  assert.deepEqual(new Set(rates), new Set([2e-3]));
});
