/**
 * AdamW and SGD against a plain float64 reference, over several steps.
 *
 * @module
 */
import assert from "node:assert/strict";
import { AdamW } from "../lib/optim/adamw.ts";
import type { Optimizer } from "../lib/optim/optimizer.ts";
import { SGD } from "../lib/optim/sgd.ts";
import { Random } from "../lib/random.ts";
import { mul } from "../lib/ops/binary.ts";
import { sum } from "../lib/ops/reduce.ts";
import { valueAndGrad } from "../lib/tensor/autograd.ts";
import { compile } from "../lib/tensor/compile.ts";
import { type Tensor, tensor } from "../lib/tensor/tensor.ts";
import golden from "./golden/modern/average.json" with { type: "json" };
import { forEachDevice, sharedDevice } from "./support/devices.ts";
import { assertClose } from "./support/gradient_check.ts";
import { wave } from "./support/wave.ts";

/**
 * A matrix that decays, a vector that does not, both of lengths that no vector width divides, and
 * one over several chunks.
 */
const SHAPES = [[3, 7], [13], [150, 67], [1]];
const RATES = [1e-3, 2e-3, 5e-4, 1e-3, 1e-2];
const length = (shape: number[]) => shape.reduce((a, b) => a * b, 1);

/** Steps' gradients, each step ten times smaller, so that a clip is on at first and off at last. */
function gradientsOf(step: number): Float32Array<ArrayBuffer>[] {
  const random = new Random(step + 1);
  return SHAPES.map((shape) =>
    Float32Array.from({ length: length(shape) }, () => random.normal() * 10 ** -step)
  );
}

function initial(): Float32Array<ArrayBuffer>[] {
  const random = new Random(0);
  return SHAPES.map((shape) => Float32Array.from({ length: length(shape) }, () => random.normal()));
}

/** Updates one element of parameter `n`, whose state is two numbers. */
type Rule = (
  p: number,
  g: number,
  state: [number, number],
  at: { step: number; rate: number; decays: boolean },
) => number;

/** Parameters after each step, and the norm of each step's gradients. */
function reference(rule: Rule, clip: number): { parameters: Float64Array[][]; norms: number[] } {
  const parameters = initial().map((values) => Float64Array.from(values));
  const states = parameters.map((values) => Array.from(values, () => [0, 0] as [number, number]));
  const after: Float64Array[][] = [];
  const norms: number[] = [];
  RATES.forEach((rate, i) => {
    const gradients = gradientsOf(i);
    const norm = Math.sqrt(gradients.flatMap((g) => [...g]).reduce((sum, g) => sum + g * g, 0));
    const factor = clip > 0 ? Math.min(1, clip / norm) : 1;
    parameters.forEach((values, n) => {
      const decays = SHAPES[n].length > 1;
      values.forEach((p, j) => {
        const at = { step: i + 1, rate, decays };
        values[j] = rule(p, gradients[n][j] * factor, states[n][j], at);
      });
    });
    after.push(parameters.map((values) => values.slice()));
    norms.push(norm);
  });
  return { parameters: after, norms };
}

/** PyTorch's AdamW. */
function adamWRule(beta1: number, beta2: number, epsilon: number, weightDecay: number): Rule {
  return (p, g, state, { step, rate, decays }) => {
    const decayed = decays ? p * (1 - rate * weightDecay) : p;
    state[0] = beta1 * state[0] + (1 - beta1) * g;
    state[1] = beta2 * state[1] + (1 - beta2) * g * g;
    const m = state[0] / (1 - beta1 ** step);
    const v = state[1] / (1 - beta2 ** step);
    return decayed - rate * m / (Math.sqrt(v) + epsilon);
  };
}

/** PyTorch's SGD with momentum. */
function sgdRule(momentum: number): Rule {
  return (p, g, state, { rate }) => {
    state[0] = momentum * state[0] + g;
    return p - rate * state[0];
  };
}

/**
 * Runs all steps, eagerly or as a replayed program, and compares parameters and norms after each.
 */
async function compare(
  make: (parameters: Tensor[]) => Optimizer,
  rule: Rule,
  clip: number,
  replay: boolean,
): Promise<void> {
  const parameters = initial().map((values, n) => tensor(values, { shape: SHAPES[n] }));
  const gradients = parameters.map(({ shape }) =>
    tensor(new Float32Array(length([...shape])), { shape })
  );
  const optimizer = make(parameters);
  const update = () => optimizer.update(gradients);
  const run = replay ? compile(update) : update;
  const expected = reference(rule, clip);
  for (const [i, rate] of RATES.entries()) {
    gradientsOf(i).forEach((values, n) => gradients[n].write(values));
    optimizer.prepare(rate);
    const norm = await run().item();
    assertClose([norm], [expected.norms[i]], 1e-6, "norm");
    for (const [n, parameter] of parameters.entries()) {
      assertClose(await parameter.data(), expected.parameters[i][n], 2e-6, `step ${i + 1}, ${n}`);
    }
  }
  assert.equal(optimizer.stepsDone, RATES.length);
}

for (const replay of [false, true]) {
  const how = replay ? "replayed" : "eager";
  for (const clip of [0, 1]) {
    forEachDevice(`AdamW with clip ${clip}, ${how}, against float64`, async () => {
      const options = { beta1: 0.8, beta2: 0.95, epsilon: 1e-6, weightDecay: 0.1, clip };
      const make = (parameters: Tensor[]) => new AdamW(parameters, options);
      await compare(make, adamWRule(0.8, 0.95, 1e-6, 0.1), clip, replay);
    });
    forEachDevice(`SGD with momentum and clip ${clip}, ${how}, against float64`, async () => {
      const make = (parameters: Tensor[]) => new SGD(parameters, { momentum: 0.9, clip });
      await compare(make, sgdRule(0.9), clip, replay);
    });
  }
}

forEachDevice("AdamW and SGD with their defaults", async () => {
  const adamW = (parameters: Tensor[]) => new AdamW(parameters);
  await compare(adamW, adamWRule(0.9, 0.999, 1e-8, 0.01), 0, true);
  await compare((parameters) => new SGD(parameters), sgdRule(0), 0, true);
});

Deno.test("AdamW gives the same bits with one thread and with two", async () => {
  const bits = [];
  for (const name of ["cpu-1", "cpu-2"] as const) {
    const device = await sharedDevice(name);
    const values = Float32Array.from({ length: 50_001 }, (_, i) => Math.sin(i));
    const parameter = tensor(values, { shape: [3, 16667], device });
    const gradient = tensor(values.map((x) => x * x - 0.5), { shape: [3, 16667], device });
    const optimizer = new AdamW([parameter], { clip: 1, weightDecay: 0.1 });
    for (let step = 0; step < 3; step++) {
      optimizer.prepare(1e-2);
      optimizer.update([gradient]);
    }
    bits.push(new Uint32Array((await parameter.data()).buffer));
  }
  assert.deepEqual(bits[0], bits[1]);
});

forEachDevice("an optimizer refuses a rate that is no number from 0", () => {
  const optimizer = new SGD([tensor([1])]);
  for (const rate of [-1, NaN]) assert.throws(() => optimizer.prepare(rate), RangeError);
  assert.throws(() => new AdamW([]), /no parameters/);
});

forEachDevice("an optimizer refuses a parameter that it gets twice", () => {
  const [w, b] = [tensor([[3, 4]]), tensor([1])];
  for (const again of [w, w.view([2])]) {
    assert.throws(
      () => new SGD([w, b, again], { clip: 1 }),
      new RegExp(`^TypeError: SGD: expected each parameter once, got f32 .* twice`),
    );
  }
  new SGD([w, b]);
});

forEachDevice("an optimizer refuses gradients of other shapes, and parameters of nothing", () => {
  const [w, b] = [tensor([[3, 4]]), tensor([1])];
  const optimizer = new SGD([w, b]);
  const wrong = [tensor([[3], [4]]), tensor(Int32Array.of(1, 2), { shape: [1, 2] }), undefined];
  for (const gradient of wrong) {
    assert.throws(
      () => optimizer.step([gradient as Tensor, b], 1),
      /^TypeError: SGD: expected the gradient of parameter 0, f32 \[1,2\], got (a Tensor|undefined)/,
    );
  }
  assert.equal(optimizer.stepsDone, 0);
  assert.throws(
    () => new AdamW([b, tensor([])]),
    /expected parameters with elements, got f32 \[0\]/,
  );
});

forEachDevice("an optimizer refuses a step when its parameters are no longer its own", async () => {
  const [x, y] = [tensor([1, 2]), tensor([3])];
  const gradients = [tensor([1, 1]), tensor([1])];
  const first = new AdamW([x, y]);
  first.step(gradients, 0.1);
  const second = new SGD([y]);
  const taken = /AdamW: its parameters now belong to another optimizer, made later; use that one/;
  assert.throws(() => first.step(gradients, 0.1), taken);
  assert.throws(() => first.update(gradients), taken);
  assert.equal(first.stepsDone, 1);
  second.step([gradients[1]], 0.5);
  assertClose(await y.data(), [2.4], 1e-6);
});

forEachDevice("the mean of parameters is that of PyTorch's AveragedModel", async () => {
  const parameters = [tensor(wave([2, 3], 0, 1), { shape: [2, 3] }), tensor(wave([2], 1, 1))];
  const { decay: average, averages, last } = golden;
  const optimizer = new AdamW(parameters, { average, weightDecay: 0 });
  const values = async () =>
    (await Promise.all(parameters.map((each) => each.toArray()))).flat(2).map(Number);
  const start = await values();
  assert.deepEqual(await optimizer.withAverage(values), start, "before the first step");
  for (const [step, expected] of averages.entries()) {
    const [matrix, vector] = [wave([2, 3], step, 1), wave([2], step + 1, 1)];
    optimizer.step([tensor(matrix, { shape: [2, 3] }), tensor(vector)], 0.1);
    assertClose(await optimizer.withAverage(values), expected, 1e-6, `step ${step}`);
  }
  assertClose(await values(), last, 1e-6, "the parameters are back");
  const inside = optimizer.withAverage(() => optimizer.prepare(0.1));
  await assert.rejects(inside, /AdamW: no step within withAverage/);
  assertClose(await values(), last, 1e-6, "after an error, too");
});

/** Optimizers of the same start with and without a scale of the loss. */
const SCALED: Readonly<Record<string, (x: Tensor[], lossScaling: boolean) => Optimizer>> = {
  AdamW: (x, lossScaling) => new AdamW(x, { clip: 1, lossScaling }),
  SGD: (x, lossScaling) => new SGD(x, { clip: 1, momentum: 0.9, lossScaling }),
};

/** Parameters after steps on the loss Σ x²·weight of `weights`, and the last gradient's norm. */
async function afterSteps(x: Tensor, optimizer: Optimizer, weights: readonly number[]) {
  const weight = tensor(0);
  const step = compile(() => {
    const loss = () => optimizer.scaledLoss(mul(sum(mul(x, x)), weight));
    return optimizer.update(valueAndGrad(loss, [x]).gradients);
  });
  let norm = NaN;
  for (const each of weights) {
    weight.write([each]);
    optimizer.prepare(0.1);
    norm = await step().item();
  }
  return { norm, values: [...await x.data()] };
}

for (const [name, make] of Object.entries(SCALED)) {
  forEachDevice(`${name} scales the loss without another bit, and skips an overflow`, async () => {
    const start = [1, -2, 0.3, 1e-3];
    const [plain, scaled] = [tensor(start), tensor(start)];
    const [without, optimizer] = [make([plain], false), make([scaled], true)];
    const expected = await afterSteps(plain, without, [1, 0.5, 3]);
    assert.deepEqual(await afterSteps(scaled, optimizer, [1, 0.5, 3]), expected);
    const state = optimizer.lossScale!.state;
    assert.deepEqual([...await state.data()], [256, 3, 0]);

    const { values, norm } = await afterSteps(scaled, optimizer, [1e37]); // times 256: too large
    assert.ok(!Number.isFinite(norm));
    assert.deepEqual(values, expected.values);
    assert.deepEqual([...await state.data()], [128, 0, 1]);
    for (const tensor of optimizer.state().values()) {
      assert.ok((await tensor.data()).every(Number.isFinite));
    }
    state.write([128, 199, 0]);
    await afterSteps(scaled, optimizer, [1]);
    assert.deepEqual([...await state.data()], [256, 0, 0]);
    state.write([2 ** 24, 199, 0]);
    await afterSteps(scaled, optimizer, [1]);
    assert.deepEqual([...await state.data()], [2 ** 24, 0, 0]);
    state.write([1, 5, 0]);
    await afterSteps(scaled, optimizer, [Infinity]);
    assert.deepEqual([...await state.data()], [1, 0, 1]);
  });

  forEachDevice(`${name} goes on as if skipped steps had not been`, async () => {
    const start = [1, -2, 0.3, 1e-3];
    const [plain, scaled] = [tensor(start), tensor(start)];
    const optimizer = make([scaled], true);
    const expected = await afterSteps(plain, make([plain], false), [1, 0.5, 3, 2]);
    const { values } = await afterSteps(scaled, optimizer, [1e37, 1, 0.5, 1e38, 1e38, 3, 2]);
    assertClose(values, expected.values, 2e-6);
    assert.deepEqual((await optimizer.lossScale!.state.data())[2], 3);
  });
}
