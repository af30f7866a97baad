/**
 * Recomputing activations: the same bits as without, in less memory.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Batches } from "../lib/data/batches.ts";
import type { ModelConfigInput } from "../lib/nn/config.ts";
import { GPT } from "../lib/nn/gpt.ts";
import { AdamW } from "../lib/optim/adamw.ts";
import { valueAndGrad } from "../lib/tensor/autograd.ts";
import { add, mul } from "../lib/ops/binary.ts";
import { recompute } from "../lib/tensor/recompute.ts";
import { sum } from "../lib/ops/reduce.ts";
import { tensor } from "../lib/tensor/tensor.ts";
import { exp, tanh } from "../lib/ops/unary.ts";
import { Trainer, type TrainerOptions } from "../lib/train/trainer.ts";
import { forEachDevice } from "./support/devices.ts";
import { assertClose } from "./support/gradient_check.ts";

forEachDevice("gradients through a recomputed part, for all its inputs", async () => {
  const [x, w, c] = [tensor([0.5, -1, 2]), tensor([1, 2, -0.5]), tensor([3, 1, 2])];
  let runs = 0;
  const inner = () => {
    runs++;
    return mul(tanh(mul(x, w)), exp(add(x, c)));
  };
  const loss = (whole: boolean) => sum(mul(whole ? inner() : recompute(inner, [x, w, c]), x));
  const expected = valueAndGrad(() => loss(true), [x, w]);
  assert.equal(runs, 1);
  const { value, gradients } = valueAndGrad(() => loss(false), [x, w]);
  assert.equal(runs, 3, "once forward, once in the derivative");
  assertClose(await value.data(), await expected.value.data(), 0);
  for (const i of [0, 1]) {
    assertClose(await gradients[i].data(), await expected.gradients[i].data(), 1e-6);
  }
});

forEachDevice("a checkpoint within another, and one that no gradient passes", async () => {
  const [x, w] = [tensor([0.5, -1]), tensor([1, 2])];
  const inner = () => recompute(() => mul(exp(x), w), [x, w]);
  const outer = () => recompute(() => tanh(inner()), [x, w]);
  const plain = valueAndGrad(() => sum(tanh(mul(exp(x), w))), [x]).gradients[0];
  const nested = valueAndGrad(() => sum(outer()), [x]).gradients[0];
  assertClose(await nested.data(), await plain.data(), 1e-6);
  assertClose(await recompute(() => exp(x), [x]).data(), [Math.exp(0.5), Math.exp(-1)], 1e-6);
});

const shape = { vocabSize: 29, contextLength: 32, layers: 4, heads: 2, width: 32 };
const tokens = Uint16Array.from({ length: 2000 }, (_, i) => (i * i + (i >> 3)) % 29);

async function train(config: Partial<ModelConfigInput>, options: Partial<TrainerOptions>) {
  const model = new GPT({ ...shape, ...config });
  const optimizer = new AdamW(model.parameters(), { weightDecay: 0.1, clip: 1 });
  const given = { learningRate: 1e-2, seed: 5, ...options };
  const trainer = new Trainer(model, optimizer, given);
  const batches = new Batches(tokens, { batchSize: 4, contextLength: 32, seed: 3 });
  for (let step = 0; step < 5; step++) trainer.step(batches);
  const losses = (await trainer.figures()).map(({ loss, gradientNorm }) => [loss, gradientNorm]);
  return { losses, memory: trainer.memoryReport() };
}

const VARIANTS: [string, Partial<ModelConfigInput>, Partial<TrainerOptions>][] = [
  ["dropout", { dropout: 0.2 }, {}],
  ["dropout of attention's weights", { dropout: 0.1, attentionDropout: 0.2 }, {}],
  ["two batches a step", { dropout: 0.1 }, { accumulate: 2 }],
  ["post-norm, rotary positions, gated", {
    normPlacement: "post",
    positions: "rotary",
    gated: true,
    activation: "silu",
  }, {}],
];

for (const [name, config, options] of VARIANTS) {
  forEachDevice(`checkpointing gives the same bits in less memory: ${name}`, async () => {
    const whole = await train(config, options);
    const again = await train(config, { ...options, recomputeActivations: true });
    assert.deepEqual(again.losses, whole.losses);
    const [less, more] = [again.memory.activations, whole.memory.activations];
    assert.ok(less < 0.75 * more, `${less} of ${more} bytes`);
  });
}

forEachDevice("what grows with the layers is one value a layer", () => {
  const bytes = (layers: number) => {
    const model = new GPT({ ...shape, layers });
    const trainer = new Trainer(model, new AdamW(model.parameters()), {
      learningRate: 0,
      recomputeActivations: true,
    });
    trainer.step(new Batches(tokens, { batchSize: 4, contextLength: 32, seed: 3 }));
    return trainer.report!.bytes;
  };
  assert.equal(bytes(7) - bytes(4), 3 * 4 * (4 * 32 * 32)); // three layers' inputs, f32 [4, 32, 32]
});
