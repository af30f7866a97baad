/**
 * Passes of which the last position alone is wanted: logits and gradients are those of whole ones.
 */
import assert from "node:assert/strict";
import { attachPrefix, attachPrompt } from "../lib/adapt/learned_prompt.ts";
import { withHooks } from "../lib/lens/with_hooks.ts";
import { ForwardContext } from "../lib/nn/context.ts";
import type { ModelConfigInput } from "../lib/nn/config.ts";
import { GPT } from "../lib/nn/gpt.ts";
import { quantize } from "../lib/nn/quantize.ts";
import { selfAttention } from "../lib/ops/attention.ts";
import { mul } from "../lib/ops/binary.ts";
import { slice } from "../lib/ops/slice.ts";
import { sum } from "../lib/ops/reduce.ts";
import { AdamW } from "../lib/optim/adamw.ts";
import { valueAndGrad } from "../lib/tensor/autograd.ts";
import { type Tensor, tensor } from "../lib/tensor/tensor.ts";
import type { BatchSource } from "../lib/train/device_batch.ts";
import { Trainer } from "../lib/train/trainer.ts";
import { testValues } from "./support/attention_reference.ts";
import { forEachDevice } from "./support/devices.ts";
import { assertClose } from "./support/gradient_check.ts";

const [ROWS, TIME] = [3, 5];
const LLAMA = { norm: "rms", positions: "rotary", gated: true, bias: false } as const;

const gpt = (config: Partial<ModelConfigInput> = {}) =>
  new GPT({ vocabSize: 11, width: 16, heads: 4, layers: 2, contextLength: 12, ...config });

const KINDS: Record<string, () => GPT> = {
  "GPT-2": () => gpt(),
  "one layer": () => gpt({ layers: 1, norm: "none", outputSize: 7, tiedHead: false }),
  "Llama": () => gpt({ ...LLAMA, keyValueHeads: 2, window: [undefined, 2] }),
  "Qwen3": () => gpt({ ...LLAMA, queryKeyNorm: true, normPlacement: "sandwich" }),
  "GPT-NeoX": () => gpt({ positions: "rotary", parallelResidual: true }),
  "GPT-J": () => gpt({ positions: "rotary", parallelResidual: true, sharedNorm: true }),
  "BLOOM": () => gpt({ positions: "alibi", embeddingNorm: true }),
  "attention only": () => gpt({ feedForward: false, positions: "shortformer" }),
  "post-norm": () => gpt({ normPlacement: "post", positions: "sinusoidal" }),
  "a prefix": () => attached(attachPrefix),
  "a prompt": () => attached(attachPrompt),
};

function attached(attach: typeof attachPrefix): GPT {
  const model = gpt();
  attach(model, { tokens: 3 });
  return model;
}

const ids = (time = TIME) =>
  tensor(Int32Array.from({ length: ROWS * time }, (_, i) => i * i % 11), { shape: [ROWS, time] });
const last = (x: Tensor) => slice(x, { axis: 1, start: -1 });
const lastOnly = (options = {}) => new ForwardContext({ lastOnly: true, ...options });

for (const [kind, make] of Object.entries(KINDS)) {
  forEachDevice(
    `the last position alone is that of a whole pass: ${kind}`,
    async () => {
      const model = make();
      for (const weights of model.parameters()) {
        weights.write(testValues(weights.size, weights.size));
      }
      const [logits, alone] = [model.forward(ids()), model.forward(ids(), lastOnly())];
      assert.deepEqual(alone.shape, [ROWS, 1, logits.shape[2]]);
      assertClose(await alone.data(), await last(logits).data(), 1e-4);
      const answers = Int32Array.of(1, 2, 3);
      const sparse = new Int32Array(ROWS * TIME).fill(-100);
      answers.forEach((answer, row) => sparse[(row + 1) * TIME - 1] = answer);
      const targets = tensor(sparse, { shape: [ROWS, TIME] });
      const few = tensor(answers, { shape: [ROWS, 1] });
      const parameters = model.parameters();
      const whole = valueAndGrad(() => model.loss(ids(), targets), parameters);
      for (const options of [{}, { recomputeActivations: true }]) {
        const found = valueAndGrad(() => model.loss(ids(), few, lastOnly(options)), parameters);
        assertClose(await found.value.data(), await whole.value.data(), 1e-4);
        for (const [i, gradient] of found.gradients.entries()) {
          assertClose(await gradient.data(), await whole.gradients[i].data(), 1e-3);
        }
      }
    },
    false,
    kind === "GPT-2" || kind === "Llama" ? ["cpu-2", "webgpu"] : ["cpu-2"],
  );
}

forEachDevice("selfAttention's last row and its derivative are those of all rows", async () => {
  for (const [time, heads, keyValueHeads, size] of [[3, 4, 2, 8], [70, 2, 2, 5]]) {
    const shape = [2, time, (heads + 2 * keyValueHeads) * size];
    const qkv = tensor(testValues(shape.reduce((a, b) => a * b), 3), { shape });
    const options = { heads, keyValueHeads, causal: true, window: 60 };
    const weights = tensor(testValues(2 * heads * size, 5), { shape: [2, 1, heads * size] });
    const value = (f: () => Tensor) => valueAndGrad(() => sum(mul(f(), weights)), [qkv]);
    const found = value(() => selfAttention(qkv, { ...options, lastOnly: true }));
    const whole = value(() => last(selfAttention(qkv, options)));
    assertClose(await found.value.data(), await whole.value.data(), 1e-5);
    assertClose(await found.gradients[0].data(), await whole.gradients[0].data(), 1e-5);
  }
});

forEachDevice("the last position alone: documents, int8, hooks", async () => {
  const model = gpt();
  const of = (numbers: number[]) => tensor(Int32Array.from(numbers), { shape: [1, TIME] });
  const row = of([1, 2, 3, 4, 5]);
  const documents = { starts: of([0, 0, 2, 2, 2]), positions: of([0, 1, 0, 1, 2]) };
  const whole = last(model.forward(row, new ForwardContext({ documents })));
  assertClose(await model.forward(row, lastOnly({ documents })).data(), await whole.data());
  let seen: readonly number[] = [];
  const hooked = withHooks(
    model,
    { "blocks.1.hook_resid_post": ({ shape }: Tensor) => void (seen = shape) },
    () => model.forward(ids(), lastOnly()),
  );
  assert.deepEqual(seen, [ROWS, TIME, 16], "hooks see all positions");
  assertClose(await hooked.data(), await last(model.forward(ids())).data());
  await quantize(model);
  assertClose(
    await model.forward(ids(), lastOnly()).data(),
    await last(model.forward(ids())).data(),
  );
});

forEachDevice("a Trainer's batches with one target a row", async () => {
  const inputs = Int32Array.from({ length: ROWS * TIME }, (_, i) => i % 11);
  const losses = async (lastOnly: boolean) => {
    const model = gpt();
    const trainer = new Trainer(model, new AdamW(model.parameters()), {
      learningRate: 1e-2,
      accumulate: 2,
    });
    const answers = Int32Array.of(4, 5, 6);
    const sparse = inputs.map((_, i) =>
      i % TIME === TIME - 1 ? answers[Math.floor(i / TIME)] : -100
    );
    const targets = lastOnly ? answers : sparse;
    const batches: BatchSource = {
      batchSize: ROWS,
      contextLength: TIME,
      lastOnly,
      next: () => ({ inputs, targets }),
    };
    for (let step = 0; step < 5; step++) trainer.step(batches);
    const figures = await trainer.figures();
    assert.throws(() => trainer.step({ ...batches, lastOnly: !lastOnly }), /make another Trainer/);
    return [...figures.map(({ loss }) => loss), await trainer.evaluate(batches, 1)];
  };
  assertClose(await losses(true), await losses(false), 1e-4);
});

Deno.test("a loss of last positions refuses a target for each id", () => {
  const targets = ids();
  assert.throws(() => gpt().loss(ids(), targets, lastOnly()), {
    name: "TypeError",
    message: /^GPT\.loss: expected a target for each row of ids; got /,
  });
});
