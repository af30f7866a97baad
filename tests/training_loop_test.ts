/** The training loop: the events of each step, and what ends it. */
import assert from "node:assert/strict";
import {
  AdamW,
  DivergenceError,
  GPT,
  type LoopOptions,
  openDevice,
  Trainer,
  trainingLoop,
} from "../mod.ts";

const batch = {
  inputs: Int32Array.of(0, 1, 2, 3, 4, 5, 6, 7),
  targets: Int32Array.of(1, 2, 3, 4, 5, 6, 7, 0),
};
const batches = { batchSize: 2, contextLength: 4, next: () => batch, state: 0 };

async function events(options: LoopOptions, schedule = () => 1e-2): Promise<string[]> {
  const device = await openDevice({ device: "cpu", threads: 1 });
  try {
    const model = new GPT({ vocabSize: 8, contextLength: 4, layers: 1, heads: 1, width: 16 });
    const optimizer = new AdamW(model.parameters());
    const trainer = new Trainer(model, optimizer, { learningRate: schedule });
    const seen: string[] = [];
    for await (const event of trainingLoop(trainer, batches, options)) {
      if (event.kind !== "step") seen.push(`${event.kind} ${event.step}`);
      if (event.kind === "figures") assert.ok(event.loss > 0 && event.tokensPerSecond > 0);
    }
    return seen;
  } finally {
    device.close();
  }
}

Deno.test("training loop: each event is emitted when due, a checkpoint after its figures", async () => {
  const every = { logEvery: 4, evalEvery: 3, sampleEvery: 5, checkpointEvery: 3 };
  assert.deepEqual(await events({ steps: 7, heldOut: batches, ...every, evalBatches: 1 }), [
    ...["figures 1", "figures 3", "validation 3", "checkpoint 3", "figures 4", "sample 5"],
    ...["figures 6", "validation 6", "checkpoint 6", "figures 7", "checkpoint 7"],
    "validation 7",
  ]);
});

Deno.test("training loop: what is off stays off, but for the checkpoint at the end", async () => {
  const off = { logEvery: 0, evalEvery: 0, sampleEvery: 0, checkpointEvery: 0 };
  assert.deepEqual(await events({ steps: 3, ...off }), ["checkpoint 3"]);
});

Deno.test("training loop: evaluateFirst measures before the first step, of a run that has steps to do", async () => {
  const options = { heldOut: batches, evalBatches: 1, logEvery: 0, evaluateFirst: true };
  const first = ["validation 0", "checkpoint 2", "validation 2"];
  assert.deepEqual(await events({ steps: 2, ...options }), first);
  assert.deepEqual(await events({ steps: 0, ...options }), ["validation 0"]);
});

Deno.test("training loop: losses of all evaluations compare on the same batches", async () => {
  const device = await openDevice({ device: "cpu", threads: 1 });
  const model = new GPT({ vocabSize: 8, contextLength: 4, layers: 1, heads: 1, width: 16 });
  const trainer = new Trainer(model, new AdamW(model.parameters()), { learningRate: 0 });
  const heldOut = {
    ...batches,
    next(): typeof batch {
      const shift = this.state++;
      return { ...batch, targets: batch.targets.map((id) => (id + shift) % 8) };
    },
  };
  const options = { steps: 2, heldOut, evalEvery: 1, evalBatches: 2, finalBatches: 3 };
  const losses: number[][] = [];
  for await (const event of trainingLoop(trainer, batches, options)) {
    if (event.kind === "validation") losses.push([event.validationLoss, event.comparableLoss]);
  }
  const [[each, first], [last, same]] = losses;
  assert.deepEqual([first, same], [each, each]);
  assert.notEqual(last, each);
  device.close();
});

Deno.test("training loop: an aborted signal ends it after the current step, with its figures", async () => {
  const stop = new AbortController();
  const options = { steps: 10, logEvery: 4, signal: stop.signal };
  const seen = await events(options, () => {
    stop.abort();
    return 1e-2;
  });
  assert.deepEqual(seen, ["figures 1", "checkpoint 1"]);
});

Deno.test("training loop: an evaluation ends with the batch during which the signal aborts, and the model is saved", async () => {
  for (const steps of [3, 6]) {
    const stop = new AbortController();
    let measured = 0;
    const next = () => {
      if (++measured === 4) stop.abort();
      return batch;
    };
    const heldOut = { ...batches, next };
    const options = { steps, heldOut, evalEvery: 3, evalBatches: 9, signal: stop.signal };
    const seen = await events({ ...options, logEvery: 0 });
    assert.deepEqual([seen, measured], [["checkpoint 3"], 4]);
  }
});

Deno.test("training loop: an evaluation lets events through", async () => {
  const stop = new AbortController();
  const heldOut = { ...batches, next: () => batch };
  setTimeout(() => stop.abort());
  const options = { steps: 1, heldOut, finalBatches: 1_000_000, signal: stop.signal };
  const seen = await events({ ...options, logEvery: 0 });
  assert.deepEqual(seen, ["checkpoint 1"]);
});

Deno.test("training loop: a loss that is not finite is reported with its step, before a checkpoint", async () => {
  const seen: Promise<string[]> = events({ steps: 50, checkpointEvery: 1 }, () => 1e30);
  await assert.rejects(
    seen,
    (error) =>
      error instanceof DivergenceError && /^the (loss|gradient norm) became .* at step \d+$/.test(
        error.message,
      ),
  );
});

Deno.test("training loop: an option out of range or unknown is refused in one line", async () => {
  // deno-lint-ignore no-explicit-any
  const guess = (options: any) => events(options);
  const refused: [options: object, message: string][] = [
    [{}, "trainingLoop: steps must be a whole number from 0, got undefined"],
    [{ steps: 2.5 }, "trainingLoop: steps must be a whole number from 0, got 2.5"],
    [{ steps: 2, logEvery: -1 }, "trainingLoop: logEvery must be a whole number from 0, got -1"],
    [
      { steps: 2, evalBatches: 0 },
      "trainingLoop: evalBatches must be a whole number from 1, got 0",
    ],
    [{ maxSteps: 2 }, "trainingLoop: unknown option 'maxSteps'; did you mean 'steps'?"],
    [
      { steps: 2, heldOut: batch },
      "trainingLoop: heldOut: expected batches, such as new Batches(tokens, { batchSize, " +
      "contextLength }), got an object with inputs, targets",
    ],
  ];
  for (const [options, message] of refused) {
    await assert.rejects(() => guess(options), { message });
  }
});
