/**
 * How far a training loop runs ahead of a GPU.
 *
 * @module
 */
import assert from "node:assert/strict";
import { GPT } from "../lib/nn/gpt.ts";
import { AdamW } from "../lib/optim/adamw.ts";
import { stepsInFlight, trainingLoop } from "../lib/train/loop.ts";
import { Trainer } from "../lib/train/trainer.ts";
import { forEachDevice } from "./support/devices.ts";

Deno.test("pace: two updates in flight, and more if they are short", () => {
  const cases = [[Infinity, 2], [2500, 2], [150, 2], [100, 3], [10, 30]];
  for (const [milliseconds, steps] of cases) assert.equal(stepsInFlight(milliseconds), steps);
});

forEachDevice("pace: every update is made, and a GPU is waited for in between", async (device) => {
  const shape = { vocabSize: 8, contextLength: 4, layers: 1, heads: 1, width: 16 };
  const model = new GPT(shape);
  const optimizer = new AdamW(model.parameters());
  const trainer = new Trainer(model, optimizer, { learningRate: 1e-2 });
  const step = trainer.step.bind(trainer);
  trainer.step = (batches) => {
    // On a GPU, long enough that only two may be in flight.
    const end = performance.now() + (device.kind === "webgpu" ? 200 : 0);
    while (performance.now() < end);
    step(batches);
  };
  const { finish } = device;
  let [waits, steps] = [0, 0];
  device.finish = () => (waits++, finish.call(device));
  try {
    const ids = Int32Array.of(0, 1, 2, 3, 4, 5, 6, 7);
    const batches = { batchSize: 2, contextLength: 4, next: () => ({ inputs: ids, targets: ids }) };
    for await (const event of trainingLoop(trainer, batches, { steps: 6, logEvery: 0 })) {
      if (event.kind === "step") steps++;
    }
  } finally {
    device.finish = finish;
  }
  assert.equal(steps, 6);
  assert.equal(waits, device.kind === "cpu" ? 0 : 2); // figures are read after updates 1 and 6
});
