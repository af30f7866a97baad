/**
 * Direct preference optimization: TRL's loss, rewards and derivatives, and files of preferences;
 * the loss of distillation.
 *
 * @module
 */
import assert from "node:assert/strict";
import { attachLora } from "../lib/adapt/lora.ts";
import { encodePreferences, loadPreferences } from "../lib/data/preferences.ts";
import { loadPretrained } from "../lib/hub/load_pretrained.ts";
import { GPT } from "../lib/nn/gpt.ts";
import { AdamW } from "../lib/optim/adamw.ts";
import { SGD } from "../lib/optim/sgd.ts";
import { valueAndGrad } from "../lib/tensor/autograd.ts";
import { tensor } from "../lib/tensor/tensor.ts";
import { CharacterTokenizer } from "../lib/text/character_tokenizer.ts";
import { preferenceLoss, preferenceReport } from "../lib/train/preference_loss.ts";
import { distillationLoss, type Teacher } from "../lib/train/distillation.ts";
import { Trainer } from "../lib/train/trainer.ts";
import { PreferenceTrainer, scorePairs } from "../lib/train/preference_trainer.ts";
import golden from "./golden/preferences/expected.json" with { type: "json" };
import { useDevice } from "../lib/device/current_device.ts";
import { forEachDevice, sharedDevice } from "./support/devices.ts";
import { assertClose, checkGradients } from "./support/gradient_check.ts";

const { preferences: expected, distillation } = golden;
const { pairs, beta } = expected;
const QWEN3 = new URL("golden/families/qwen3", import.meta.url);

/** The reference of golden/preferences, or with the factor 1.05 the policy. */
async function goldenModel(factor = 1): Promise<GPT> {
  const { model } = await loadPretrained(QWEN3, { tokenizer: false });
  for (const parameter of model.parameters()) {
    const values = await parameter.data() as Float32Array<ArrayBuffer>;
    parameter.write(values.map((value) => Math.fround(value * Math.fround(factor))));
  }
  return model;
}

forEachDevice("scores, loss, rewards and a step's gradient are TRL's", async () => {
  const [reference, policy] = [await goldenModel(), await goldenModel(1.05)];
  const scores = await scorePairs(reference, pairs);
  assertClose(scores.chosen, expected.reference_chosen, 1e-5);
  assertClose(scores.rejected, expected.reference_rejected, 1e-5);
  const own = await scorePairs(policy, pairs);
  assertClose(own.chosen, expected.chosen, 1e-5);
  const report = preferenceReport(own, scores, { beta });
  assertClose([report.loss], [expected.loss], 1e-5);
  const mean = (values: number[]) => values.reduce((a, b) => a + b) / values.length;
  assertClose([report.chosenReward], [mean(expected.chosen_rewards)], 1e-5);
  assertClose([report.rejectedReward], [mean(expected.rejected_rewards)], 1e-5);
  assert.equal(
    report.accuracy,
    1 / 3 *
      [0, 1, 2].filter((i) => expected.chosen_rewards[i] > expected.rejected_rewards[i]).length,
  );

  const referenced = pairs.map((pair, i) => ({
    ...pair,
    reference: { chosen: scores.chosen[i], rejected: scores.rejected[i] },
  }));
  const norm = policy.namedParameters().get("transformer.ln_f.weight")!;
  const before = await norm.data();
  const optimizer = new SGD(policy.parameters());
  // A batch of 3 pairs in room for 4: the empty rows have no part in the loss.
  const trainer = new PreferenceTrainer(policy, optimizer, { learningRate: 1, beta, batchSize: 4 });
  trainer.step(referenced);
  const [{ loss, gradientNorm }] = await trainer.figures();
  assertClose([loss, gradientNorm], [expected.loss, expected.gradient_norm], 1e-5);
  const after = await norm.data();
  const gradient = Array.from(before, (value, i) => value - after[i]);
  assertClose(gradient, expected.norm_gradient, 1e-5);
});

forEachDevice("distillation: a step's loss and gradient are PyTorch's", async () => {
  const [student, teacher] = [await goldenModel(), await goldenModel(1.05)];
  const { ids, targets, temperature, weight } = distillation;
  const [batchSize, contextLength] = [ids.length, ids[0].length];
  const next = () => ({
    inputs: Int32Array.from(ids.flat()),
    targets: Int32Array.from(targets.flat()),
  });
  const batches = { batchSize, contextLength, next };
  const norm = student.namedParameters().get("transformer.ln_f.weight")!;
  const before = await norm.data();
  const trainer = new Trainer(student, new SGD(student.parameters()), {
    learningRate: 1,
    teacher: { model: teacher, temperature, weight },
  });
  assertClose([await trainer.evaluate(batches, 1)], [distillation.cross_entropy], 1e-5);
  trainer.step(batches);
  const [{ loss, gradientNorm }] = await trainer.figures();
  assertClose([loss, gradientNorm], [distillation.loss, distillation.gradient_norm], 1e-5);
  const after = await norm.data();
  const gradient = Array.from(before, (value, i) => value - after[i]);
  assertClose(gradient, distillation.norm_gradient, 1e-5);
});

forEachDevice("distillationLoss: ignored rows, a padded teacher, finite differences", async () => {
  const logits = tensor([[0.3, -1, 0.7], [1, 2, -3], [5, 5, 5]]);
  const teacher = tensor([[0.1, 1, -1, 9], [0.5, -2, 1, 9], [1, 0, 0, 9]]);
  const targets = tensor(Int32Array.of(2, 0, -100));
  const options = { temperature: 3, weight: 0.4 };
  await checkGradients((logits) => distillationLoss(logits, teacher, targets, options), [
    { values: [0.3, -1, 0.7, 1, 2, -3, 5, 5, 5], shape: [3, 3] },
  ]);
  const softmax = (row: number[]) => {
    const terms = row.map(Math.exp);
    return terms.map((term) => term / terms.reduce((a, b) => a + b));
  };
  const rows = [[[0.3, -1, 0.7], [0.1, 1, -1], 2], [[1, 2, -3], [0.5, -2, 1], 0]] as const;
  const losses = rows.map(([own, aims, target]) => {
    const [p, q] = [aims, own].map((row) => softmax(row.map((x) => x / 3)));
    const divergence = p.reduce((sum, p, i) => sum + p * Math.log(p / q[i]), 0);
    return 0.6 * -Math.log(softmax([...own])[target]) + 0.4 * 9 * divergence;
  });
  const expected = (losses[0] + losses[1]) / 2;
  assertClose([await distillationLoss(logits, teacher, targets, options).item()], [expected], 1e-6);
});

Deno.test("a teacher of another vocabulary, itself, and wrong options are refused", async () => {
  useDevice(await sharedDevice("cpu-1"));
  const shape = { vocabSize: 8, contextLength: 4, layers: 1, heads: 1, width: 4 };
  const [model, small] = [new GPT(shape), new GPT({ ...shape, vocabSize: 7 })];
  const make = (teacher: unknown) => () =>
    new Trainer(model, new AdamW(model.parameters()), {
      learningRate: 1e-3,
      teacher: teacher as Teacher,
    });
  assert.throws(
    make({ model: small }),
    /Trainer: teacher: expected a vocabulary of at least 8, got 7/,
  );
  assert.throws(make({ model }), /expected another model than the one to train/);
  assert.throws(make({ model: 5 }), TypeError);
  const other = new GPT(shape);
  assert.throws(make({ model: other, temperature: 0 }), /a temperature above 0, got 0/);
  assert.throws(make({ model: other, weight: 2 }), /a weight from 0 to 1, got 2/);
  assert.throws(make({ model: other, temprature: 1 }), /did you mean 'temperature'/);
});

forEachDevice("preferenceLoss: its value and derivative, also far from 0", async () => {
  const reference = { chosen: tensor([-5, 0, 0, 0]), rejected: tensor([-4, 0, 0, 0]) };
  const [chosen, rejected] = [tensor([-3, 300, -300, 7]), tensor([-6, -300, 300, 7])];
  const loss = () => preferenceLoss({ chosen, rejected }, reference, { beta: 0.5 });
  const { value, gradients } = valueAndGrad(loss, [chosen, rejected]);
  const z = [2, 300, -300, 0]; // 0 at the first step of a training
  const losses = z.map((z) => Math.max(-z, 0) + Math.log1p(Math.exp(-Math.abs(z))));
  assertClose([await value.item()], [losses.reduce((a, b) => a + b) / 4], 1e-6);
  const slopes = z.map((z) => -0.5 / 4 / (1 + Math.exp(z)));
  assertClose(await gradients[0].data(), slopes, 1e-6);
  assertClose(await gradients[1].data(), slopes.map((slope) => -slope), 1e-6);
});

forEachDevice("an adapter learns preferences while its base stays the reference", async () => {
  const model = new GPT({ vocabSize: 67, contextLength: 16, layers: 1, heads: 2, width: 16 });
  const scores = await scorePairs(model, pairs);
  const adapter = attachLora(model, { rank: 4, alpha: 8, modules: "all-linear" });
  const optimizer = new AdamW(adapter.parameters(), { weightDecay: 0 });
  const trainer = new PreferenceTrainer(model, optimizer, { learningRate: 3e-2, beta });
  const referenced = pairs.map((pair, i) => ({
    ...pair,
    reference: { chosen: scores.chosen[i], rejected: scores.rejected[i] },
  }));
  for (let step = 0; step < 30; step++) trainer.step(referenced);
  const figures = await trainer.figures();
  assertClose([figures[0].loss], [Math.log(2)], 1e-5);
  const report = preferenceReport(await scorePairs(model, pairs), scores, { beta });
  assert.equal(report.accuracy, 1);
  assert.ok(report.loss < 0.6, `${report.loss}`);
  adapter.enabled = false;
  assert.deepEqual(await scorePairs(model, pairs), scores);
});

Deno.test("pairs that do not fit, and options out of range, are refused", async () => {
  const model = new GPT({ vocabSize: 5, contextLength: 4, layers: 1, heads: 1, width: 8 });
  const make = (beta?: number) =>
    new PreferenceTrainer(model, new AdamW(model.parameters()), { learningRate: 1e-3, beta });
  assert.throws(() => make(0), /PreferenceTrainer: expected beta above 0, got 0/);
  const reference = { chosen: 0, rejected: 0 };
  const pair = { prompt: [1, 2], chosen: [3, 4], rejected: [2], reference };
  assert.throws(() => make().step([]), /expected 1 to 8 pairs, got 0/);
  assert.throws(() => make().step([{ ...pair, prompt: [] }]), /a token in the prompt of pair 0/);
  assert.throws(() => make().step([{ ...pair, chosen: [9] }]), /chosen of pair 0: .* 9/);
  await assert.rejects(scorePairs(model, [{ ...pair, chosen: [1, 2, 3, 4] }]), {
    name: "RangeError",
    message: "scorePairs: expected at most 4 inputs, got 5 in pair 0",
  });
});

Deno.test("files of preferences: TRL's forms, and mistakes by line", async () => {
  const folder = await Deno.makeTempDir();
  const file = `${folder}/pairs.jsonl`;
  const write = (...lines: unknown[]) =>
    Deno.writeTextFile(file, lines.map((line) => JSON.stringify(line)).join("\n\n"));
  const user = { role: "user", content: "a?" };
  const says = (content: string) => ({ role: "assistant", content });
  await write(
    { prompt: "a?", chosen: "b", rejected: "c" },
    { prompt: [user], chosen: [says("b")], rejected: [says("c")] },
    { chosen: [user, says("b")], rejected: [user, says("c")] },
  );
  const messages = { prompt: [user], chosen: "b", rejected: "c" };
  assert.deepEqual(await loadPreferences(file), [
    { prompt: "a?", chosen: "b", rejected: "c" },
    messages,
    messages,
  ]);
  const tokenizer = CharacterTokenizer.fromText("abc?", { padding: "<|endoftext|>" });
  const [pair] = await encodePreferences(tokenizer, [{
    prompt: "a?",
    chosen: "b",
    rejected: "ca",
  }]);
  const ids = (text: string) => [...tokenizer.encode(text)];
  const end = tokenizer.endId!;
  assert.deepEqual([...Array.from(pair.prompt)], ids("a?"));
  assert.deepEqual([...Array.from(pair.chosen)], [...ids("b"), end]);
  assert.deepEqual([...Array.from(pair.rejected)], [...ids("ca"), end]);
  const mistakes: [line: unknown, message: RegExp][] = [
    [{ prompt: "a", chosen: "b" }, /line 1: expected an object with "prompt", "chosen"/],
    [{ prompt: "a", chosen: "b", rejected: "b" }, /line 1: expected different answers, both are/],
    [{ chosen: [says("b")], rejected: [says("c")] }, /line 1: expected an object with/],
    [{ chosen: [user, says("b")], rejected: [says("a"), says("c")] }, /line 1: expected an object/],
    [{ prompt: [user], chosen: [says("b"), user], rejected: [says("c")] }, /line 1: expected an/],
  ];
  for (const [line, message] of mistakes) {
    await write(line);
    await assert.rejects(loadPreferences(file), message);
  }
  const prompt = { prompt: "", chosen: "b", rejected: "c" };
  await assert.rejects(encodePreferences(tokenizer, [prompt]), /a prompt with a token, got ""/);
});
