/**
 * Targets of −100 do not count: the loss of an update, and of an evaluation, is the mean over those
 * that do, however they are spread over batches.
 */
import assert from "node:assert/strict";
import { loadPretrained } from "../lib/hub/load_pretrained.ts";
import { GPT } from "../lib/nn/gpt.ts";
import { AdamW } from "../lib/optim/adamw.ts";
import type { BatchSource } from "../lib/train/device_batch.ts";
import { Trainer } from "../lib/train/trainer.ts";
import { forEachDevice } from "./support/devices.ts";
import { golden } from "./support/golden.ts";
import { assertClose } from "./support/gradient_check.ts";

type Rows = readonly (readonly number[])[];

/**
 * The rows in batches of `batchSize`, over and over; the last one is filled up with ignored rows.
 */
function batchesOf(inputs: Rows, targets: Rows, batchSize: number): BatchSource {
  const contextLength = inputs[0].length;
  let next = 0;
  const filled = (rows: Rows, filler: number) => {
    const batch = new Int32Array(batchSize * contextLength).fill(filler);
    batch.set(rows.slice(next, next + batchSize).flat());
    return batch;
  };
  return {
    batchSize,
    contextLength,
    next() {
      const batch = { inputs: filled(inputs, 0), targets: filled(targets, -100) };
      next = next + batchSize >= inputs.length ? 0 : next + batchSize;
      return batch;
    },
  };
}

const ROWS = 6, TIME = 8;
const inputs = Array.from(
  { length: ROWS },
  (_, row) => Array.from({ length: TIME }, (_, t) => (row * row + t) % 13),
);
/** In row r only the last r + 1 targets count. */
const targets = inputs.map((row, r) => row.map((id, t) => t < TIME - 1 - r ? -100 : (id + 1) % 13));

function makeTrainer(accumulate: number): Trainer {
  const model = new GPT({ vocabSize: 13, contextLength: TIME, layers: 1, heads: 2, width: 16 });
  const optimizer = new AdamW(model.parameters(), { weightDecay: 0.1, clip: 0 });
  return new Trainer(model, optimizer, { accumulate, learningRate: 1e-2 });
}

forEachDevice("an update over unevenly masked batches is that of one batch", async () => {
  const figures = [];
  for (const batchSize of [6, 3, 4, 1]) {
    const trainer = makeTrainer(Math.ceil(ROWS / batchSize));
    const batches = batchesOf(inputs, targets, batchSize);
    for (let step = 0; step < 4; step++) trainer.step(batches);
    figures.push(
      (await trainer.figures()).flatMap(({ loss, gradientNorm }) => [loss, gradientNorm]),
    );
  }
  for (const parts of figures.slice(1)) assertClose(parts, figures[0], 2e-5);
});

forEachDevice("an evaluation of unevenly masked batches is that of one batch", async () => {
  const trainer = makeTrainer(1);
  const whole = await trainer.evaluate(batchesOf(inputs, targets, 6), 1);
  for (const [batchSize, count] of [[3, 2], [4, 2], [1, 6]]) {
    const loss = await trainer.evaluate(batchesOf(inputs, targets, batchSize), count);
    assertClose([loss], [whole], 1e-5);
  }
});

forEachDevice("an update or an evaluation without a target is refused", async () => {
  const trainer = makeTrainer(2);
  const none = batchesOf(inputs, targets.map((row) => row.map(() => -100)), 3);
  assert.throws(() => trainer.step(none), {
    name: "RangeError",
    message: "Trainer.step: expected a target that counts, all are -100; leave such batches out",
  });
  await assert.rejects(
    trainer.evaluate(none, 2),
    /^RangeError: Trainer\.evaluate: expected a target/,
  );
});

forEachDevice("masked targets: loss, gradient norm and three updates are PyTorch's", async () => {
  const expected = JSON.parse(
    await Deno.readTextFile(`${golden}/finetune/masked-loss/expected.json`),
  );
  const { beta1, beta2, epsilon } = expected.optimizer;
  const options = { beta1, beta2, epsilon, weightDecay: 0.1, clip: 0 };
  const { model } = await loadPretrained(`${golden}/gpt2-tiny`, { dropout: 0 });
  const trainer = new Trainer(model, new AdamW(model.parameters(), options), {
    accumulate: 2,
    learningRate: expected.optimizer.learning_rate,
  });
  const batches = batchesOf(expected.inputs, expected.targets, 4);
  assertClose([await trainer.evaluate(batches, 2)], [expected.loss], 2e-5);
  for (let step = 0; step < 3; step++) trainer.step(batches);
  const figures = await trainer.figures();
  assertClose(figures.map(({ loss }) => loss), expected.losses_of_three_updates, 5e-5);
  assertClose([figures[0].gradientNorm], [expected.grad_norm], 1e-4);
}, golden === undefined);
