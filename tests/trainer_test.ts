import assert from "node:assert/strict";
import { Batches } from "../lib/data/batches.ts";
import { CpuDevice } from "../lib/device/cpu/cpu_device.ts";
import { useDevice } from "../lib/device/current_device.ts";
import { GPT } from "../lib/nn/gpt.ts";
import { AdamW } from "../lib/optim/adamw.ts";
import { SGD } from "../lib/optim/sgd.ts";
import { warmupDecay } from "../lib/optim/schedules.ts";
import { Trainer, type TrainerOptions } from "../lib/train/trainer.ts";
import { forEachDevice } from "./support/devices.ts";
import { assertClose } from "./support/gradient_check.ts";

const tokens = Uint16Array.from({ length: 2000 }, (_, i) => (i * i + (i >> 3)) % 29);
const shape = { vocabSize: 29, contextLength: 16, layers: 2, heads: 2, width: 32 };

function makeTrainer(options: Partial<TrainerOptions> = {}, dropout = 0): Trainer {
  const model = new GPT({ ...shape, dropout });
  const optimizer = new AdamW(model.parameters(), { weightDecay: 0.1, clip: 1 });
  return new Trainer(model, optimizer, { batchSize: 4, schedule: () => 1e-2, ...options });
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

forEachDevice("dropout trains, and draws anew each step", async () => {
  const batch = { inputs: new Int32Array(64).fill(3), targets: new Int32Array(64).fill(4) };
  const trainer = makeTrainer({ schedule: () => 0, seed: 8 }, 0.3);
  for (let step = 0; step < 3; step++) trainer.step({ next: () => batch });
  const losses = (await trainer.figures()).map(({ loss }) => loss);
  assert.equal(new Set(losses).size, 3);
});

forEachDevice("two batches of half the size make the same update as one", async () => {
  const whole = await lossesOf(makeTrainer(), 3);
  const trainer = makeTrainer({ batchSize: 2, accumulate: 2 });
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
  for (let step = 0; step < 3; step++) trainer.step({ next });
  assertClose((await trainer.figures()).map(({ loss }) => loss), whole, 1e-4);
});

Deno.test("any number of threads gives the same bits", async () => {
  const runs: number[][] = [];
  for (const threads of [1, 2, 3]) {
    const device = new CpuDevice({ threads });
    useDevice(device);
    runs.push(await lossesOf(makeTrainer({}, 0.1), 30));
    device.close();
  }
  assert.deepEqual(runs[1], runs[0]);
  assert.deepEqual(runs[2], runs[0]);
});

forEachDevice("momentum descends too", async () => {
  const model = new GPT(shape);
  const optimizer = new SGD(model.parameters(), { momentum: 0.9, clip: 1 });
  const losses = await lossesOf(
    new Trainer(model, optimizer, { batchSize: 4, schedule: () => 0.05 }),
    40,
  );
  assert.ok(losses[39] < losses[0] - 0.3, `${losses[0]} → ${losses[39]}`);
});

Deno.test("schedules: warm-up, then half a cosine, a line, or nothing", () => {
  const options = { learningRate: 1, minLearningRate: 0.1, warmupSteps: 9, steps: 110 };
  const cosine = warmupDecay(options);
  assertClose([0, 4, 9, 59, 109, 200].map(cosine), [0.1, 0.5, 1, 0.55, 0.1, 0.1], 1e-9);
  const linear = warmupDecay({ ...options, decay: "linear" });
  assertClose([9, 34, 109].map(linear), [1, 0.775, 0.1], 1e-9);
  assert.equal(warmupDecay({ ...options, decay: "constant" })(100), 1);
});

Deno.test("a trainer refuses what cannot be", () => {
  const device = new CpuDevice({ threads: 1 });
  useDevice(device);
  assert.throws(() => makeTrainer({ contextLength: 17 }), /context 17 exceeds the model's, 16/);
  assert.throws(() => makeTrainer({ batchSize: 0 }), /batchSize must be a whole number/);
  device.close();
});
