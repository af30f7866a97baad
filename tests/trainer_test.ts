import assert from "node:assert/strict";
import { Batches } from "../lib/data/batches.ts";
import { CpuDevice } from "../lib/device/cpu/cpu_device.ts";
import { useDevice } from "../lib/device/current_device.ts";
import type { ModelConfigInput } from "../lib/nn/config.ts";
import { GPT } from "../lib/nn/gpt.ts";
import { AdamW } from "../lib/optim/adamw.ts";
import { SGD } from "../lib/optim/sgd.ts";
import { warmupDecay } from "../lib/optim/schedules.ts";
import type { BatchSource } from "../lib/train/device_batch.ts";
import { Trainer, type TrainerOptions } from "../lib/train/trainer.ts";
import { forEachDevice } from "./support/devices.ts";
import { assertClose } from "./support/gradient_check.ts";

const tokens = Uint16Array.from({ length: 2000 }, (_, i) => (i * i + (i >> 3)) % 29);
const shape = { vocabSize: 29, contextLength: 16, layers: 2, heads: 2, width: 32 };

function makeTrainer(
  options: Partial<TrainerOptions> = {},
  rates: Pick<ModelConfigInput, "dropout" | "attentionDropout"> = {},
): Trainer {
  const model = new GPT({ ...shape, ...rates });
  const optimizer = new AdamW(model.parameters(), { weightDecay: 0.1, clip: 1 });
  return new Trainer(model, optimizer, { learningRate: 1e-2, ...options });
}

/** Batches that are made by hand, of 16 tokens a row. */
function source(batchSize: number, next: BatchSource["next"]): BatchSource {
  return { batchSize, contextLength: 16, next };
}

async function lossesOf(trainer: Trainer, steps: number, batchSize = 4): Promise<number[]> {
  const batches = new Batches(tokens, { batchSize, contextLength: 16, seed: 3 });
  for (let step = 0; step < steps; step++) trainer.step(batches);
  return (await trainer.figures()).map(({ loss }) => loss);
}

forEachDevice("training lowers the loss, and each step is one program", async () => {
  const trainer = makeTrainer();
  const losses = await lossesOf(trainer, 60);
  assert.ok(Math.abs(losses[0] - Math.log(29)) < 0.2, `first loss ${losses[0]}`);
  assert.ok(losses[59] < losses[0] - 0.2, `last loss ${losses[59]}`);
  assert.ok(trainer.report!.launches > 20);
});

for (const rates of [{ dropout: 0.3 }, { attentionDropout: 0.3 }]) {
  forEachDevice(`${Object.keys(rates)} trains, and draws anew each step`, async () => {
    const batch = { inputs: new Int32Array(64).fill(3), targets: new Int32Array(64).fill(4) };
    const trainer = makeTrainer({ learningRate: 0, seed: 8 }, rates);
    for (let step = 0; step < 3; step++) trainer.step(source(4, () => batch));
    const losses = (await trainer.figures()).map(({ loss }) => loss);
    assert.equal(new Set(losses).size, 3);
  });
}

forEachDevice("two batches of half the size make the same update as one", async () => {
  const whole = await lossesOf(makeTrainer(), 3);
  const trainer = makeTrainer({ accumulate: 2 });
  const full = new Batches(tokens, { batchSize: 4, contextLength: 16, seed: 3 });
  const halves: { inputs: Int32Array; targets: Int32Array }[] = [];
  const next = () => {
    if (halves.length === 0) {
      const { inputs, targets } = full.next();
      for (const start of [0, 32]) {
        halves.push({
          inputs: inputs.slice(start, start + 32),
          targets: targets.slice(start, start + 32),
        });
      }
    }
    return halves.shift()!;
  };
  for (let step = 0; step < 3; step++) trainer.step(source(2, next));
  assertClose((await trainer.figures()).map(({ loss }) => loss), whole, 1e-4);
});

Deno.test("any number of threads gives the same bits", async () => {
  const runs: number[][] = [];
  for (const threads of [1, 2, 3]) {
    const device = new CpuDevice({ threads });
    useDevice(device);
    runs.push(await lossesOf(makeTrainer({}, { dropout: 0.1, attentionDropout: 0.1 }), 30));
    device.close();
  }
  assert.deepEqual(runs[1], runs[0]);
  assert.deepEqual(runs[2], runs[0]);
});

forEachDevice("momentum descends too", async () => {
  const model = new GPT(shape);
  const optimizer = new SGD(model.parameters(), { momentum: 0.9, clip: 1 });
  const losses = await lossesOf(
    new Trainer(model, optimizer, { learningRate: 0.05 }),
    40,
  );
  assert.ok(losses[39] < losses[0] - 0.3, `${losses[0]} → ${losses[39]}`);
});

forEachDevice(
  "a second optimizer takes the model over, and the first trainer says so",
  async () => {
    const first = makeTrainer();
    const batches = () => new Batches(tokens, { batchSize: 4, contextLength: 16, seed: 3 });
    const before = await first.evaluate(batches(), 2);
    await lossesOf(first, 2);
    const second = new Trainer(first.model, new SGD(first.model.parameters()), {
      learningRate: 0.1,
    });
    assert.throws(() => first.step(batches()), /AdamW: its parameters now belong to another/);
    await lossesOf(second, 20);
    const after = await second.evaluate(batches(), 2);
    assert.ok(after < before - 0.1, `${before} before, ${after} after`);
    assert.equal(await first.evaluate(batches(), 2), after);
  },
);

forEachDevice(
  "a trainer trains what its optimizer holds, and refuses to train nothing",
  async () => {
    const batches = () => new Batches(tokens, { batchSize: 4, contextLength: 16, seed: 3 });
    for (const recomputeActivations of [false, true]) {
      const options = { learningRate: 0.1, recomputeActivations };
      const model = new GPT(shape);
      const foreign = new Trainer(model, new SGD(new GPT(shape).parameters()), options);
      assert.throws(() => foreign.step(batches()), {
        message:
          "Trainer: the model's loss depends on none of the optimizer's parameters, so that a " +
          "step would train nothing; make it for this model: new SGD(model.parameters())",
      });
      const { up } = model.blocks.items[1].feedForward!;
      const frozen = await up.weight.data();
      const held = [model.finalNorm!.weight!, model.tokens.weight];
      const partial = new Trainer(model, new AdamW(held), { ...options, learningRate: 1e-2 });
      const losses = await lossesOf(partial, 40);
      assert.ok(losses.at(-1)! < losses[0] - 0.3, `${losses[0]}, then ${losses.at(-1)}`);
      assert.deepEqual(await up.weight.data(), frozen);
    }
  },
);

Deno.test("schedules: warm-up, then half a cosine, a line, or nothing", () => {
  const options = { learningRate: 1, minLearningRate: 0.1, warmupSteps: 9, steps: 110 };
  const cosine = warmupDecay(options);
  assertClose([0, 4, 9, 59, 109, 200].map(cosine), [0.1, 0.5, 1, 0.55, 0.1, 0.1], 1e-9);
  const linear = warmupDecay({ ...options, decay: "linear" });
  assertClose([9, 34, 109].map(linear), [1, 0.775, 0.1], 1e-9);
  assert.equal(warmupDecay({ ...options, decay: "constant" })(100), 1);
  const stable = warmupDecay({ ...options, minLearningRate: 0, decay: "linear", decayShare: 0.6 });
  assertClose([4, 9, 44, 109].map(stable), [0.5, 1, 1, 0], 1e-9);
  assertClose([stable(109 - 13), stable(120)], [13 / 65, 0], 1e-9);
  for (const decayShare of [0, 1.5, NaN]) {
    assert.throws(() => warmupDecay({ ...options, decayShare }), /decayShare must be in \(0, 1\]/);
  }
});

forEachDevice("a learning rate is a number or a function of the step", async () => {
  const rates: number[] = [];
  const decay = (step: number) => (rates.push(step), 1e-2);
  const constant = await lossesOf(makeTrainer({ learningRate: 1e-2 }), 4);
  assert.deepEqual(await lossesOf(makeTrainer({ learningRate: decay }), 4), constant);
  assert.deepEqual(rates, [0, 1, 2, 3]);
});

forEachDevice("the first batches decide the shape, and another one is refused", async () => {
  const trainer = makeTrainer();
  const batches = (batchSize: number, contextLength: number) =>
    new Batches(tokens, { batchSize, contextLength });
  assert.equal(trainer.tokensPerStep, 0);
  trainer.step(batches(2, 16));
  assert.equal(trainer.tokensPerStep, 32);
  assert.throws(() => trainer.step(batches(4, 8)), {
    name: "RangeError",
    message: "Trainer: expected batches of 2 × 16, as in the first step, got 4 × 8; " +
      "make another Trainer for them",
  });
  assert.throws(() => makeTrainer().step(batches(2, 17)), {
    name: "RangeError",
    message: "Trainer: the batches' context of 17 exceeds the model's, 16",
  });
  // The loss on held-out batches may be measured in another shape.
  for (const shape of [[2, 16], [4, 8], [4, 8], [1, 3]]) {
    const loss = await trainer.evaluate(batches(shape[0], shape[1]), 2);
    assert.ok(Math.abs(loss - Math.log(29)) < 0.5, `${loss}`);
  }
});

forEachDevice("ids outside the vocabulary are refused, not learned as a loss of 0", async () => {
  const ids = (fill: number) => new Int32Array(32).fill(3).with(7, fill);
  const step = (inputs: Int32Array, targets: Int32Array) => {
    const trainer = makeTrainer();
    trainer.step(source(2, () => ({ inputs, targets })));
    return trainer;
  };
  for (const id of [29, -1, -100, 2 ** 31 - 1]) {
    const message = `Trainer: inputs: expected token ids from 0 to 28, got ${id} at index 7; ` +
      "use the tokenizer of the model";
    assert.throws(() => step(ids(id), ids(3)), { name: "RangeError", message });
  }
  assert.throws(() => step(ids(3), ids(29)), /Trainer: targets: expected token ids from 0 to 28/);
  const [ignored] = await step(ids(3), ids(-100)).figures();
  assert.ok(ignored.loss > 1, "−100 is a target to ignore");
  const other = new Batches(tokens.map((id) => id + 1), { batchSize: 4, contextLength: 16 });
  await assert.rejects(() => makeTrainer().evaluate(other), /expected token ids from 0 to 28/);
});

Deno.test("a trainer refuses what cannot be, in one line", async () => {
  const device = new CpuDevice({ threads: 1 });
  useDevice(device);
  const model = new GPT(shape);
  const optimizer = new AdamW(model.parameters());
  // deno-lint-ignore no-explicit-any
  const trainer: any = makeTrainer();
  const make = (...parts: unknown[]) => () => Reflect.construct(Trainer, parts);
  const refused: [run: () => unknown, message: string][] = [
    [
      make(model, optimizer, { batchSize: 4, learningRate: 1e-3 }),
      "Trainer: unknown option 'batchSize'; the batches say it: " +
      "new Batches(tokens, { batchSize, contextLength })",
    ],
    [
      make(model, optimizer, { lr: 1e-3 }),
      "Trainer: unknown option 'lr'; did you mean 'learningRate'?",
    ],
    [
      make(model, optimizer, { schedule: () => 1e-3 }),
      "Trainer: unknown option 'schedule'; did you mean 'learningRate'?",
    ],
    [
      make(model, optimizer, {}),
      "Trainer: expected the option learningRate, a number or a function of the step such as " +
      "warmupDecay gives, got undefined",
    ],
    [
      make(model, optimizer),
      "Trainer: expected an object of options " +
      "(learningRate, accumulate, seed, recomputeActivations, world, teacher), got undefined",
    ],
    [
      make({ model }, optimizer, { learningRate: 1 }),
      "Trainer: expected a model, a GPT, got an object with model; take its field model",
    ],
    [
      make(model, "adamw", { learningRate: 1 }),
      'Trainer: expected an optimizer such as new AdamW(model.parameters()), got "adamw"',
    ],
    [
      () => trainer.step(tokens),
      "Trainer.step: expected batches, such as new Batches(tokens, { batchSize, contextLength }), " +
      "got a Uint16Array of 2000",
    ],
    [
      () => trainer.evaluate(source(4, () => trainer), NaN),
      "Trainer.evaluate: expected a count from 1, got NaN",
    ],
    [
      make(model, optimizer, { learningRate: 1, accumulate: 0 }),
      "Trainer: accumulate must be a whole number from 1 to 1024, got 0",
    ],
    [
      make(model, optimizer, { learningRate: 1, seed: 0.5 }),
      "Trainer: seed must be an integer in [0, 2^32), got 0.5",
    ],
  ];
  for (const [run, message] of refused) {
    await assert.rejects(async () => await run(), { message });
  }
  device.close();
});
