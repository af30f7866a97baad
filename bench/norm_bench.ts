/**
 * Layer norm, RMS norm and softmax, forward and backward, in the shapes of a small model's step.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Random } from "../lib/random.ts";
import { valueAndGrad } from "../lib/tensor/autograd.ts";
import { mul } from "../lib/ops/binary.ts";
import { compile } from "../lib/tensor/compile.ts";
import { layerNorm } from "../lib/ops/layer_norm.ts";
import { sum } from "../lib/ops/reduce.ts";
import { rmsNorm } from "../lib/ops/rms_norm.ts";
import { softmax } from "../lib/ops/softmax.ts";
import { type Tensor, tensor } from "../lib/tensor/tensor.ts";
import { benchEachDevice } from "./devices.ts";

const [ROWS, WIDTH] = [768, 128];
const random = new Random(1);
const draw = (count: number) =>
  Float32Array.from({ length: count }, () => 2 * random.uniform() - 1);
const [values, weights, gains, biases] = [ROWS * WIDTH, ROWS * WIDTH, WIDTH, WIDTH].map(draw);
const bytes = 4 * ROWS * WIDTH;

/** The first element of each function's result, in float64. */
const row = Array.from(values.subarray(0, WIDTH));
const mean = row.reduce((a, b) => a + b) / WIDTH;
const variance = row.reduce((a, b) => a + (b - mean) ** 2, 0) / WIDTH;
const square = row.reduce((a, b) => a + b * b, 0) / WIDTH;
const exponentials = row.reduce((a, b) => a + Math.exp(b), 0);
const FIRST = {
  layerNorm: (row[0] - mean) / Math.sqrt(variance + 1e-5) * gains[0] + biases[0],
  rmsNorm: row[0] / Math.sqrt(square + 1e-5) * gains[0],
  softmax: Math.exp(row[0]) / exponentials,
};

const parameters = () => [tensor(gains), tensor(biases)];
const FUNCTIONS: Record<keyof typeof FIRST, (x: Tensor, gain: Tensor, bias: Tensor) => Tensor> = {
  layerNorm: (x, gain, bias) => layerNorm(x, gain, bias),
  rmsNorm: (x, gain) => rmsNorm(x, gain),
  softmax: (x) => softmax(x),
};

for (const [name, f] of Object.entries(FUNCTIONS)) {
  const expected = FIRST[name as keyof typeof FIRST];
  const make = async () => {
    const x = tensor(values, { shape: [ROWS, WIDTH] });
    const [gain, bias] = parameters();
    const [actual] = await f(x, gain, bias).data();
    assert.ok(Math.abs(actual - expected) < 1e-5, `${name}: ${actual}, expected ${expected}`);
    return { x, gain, bias };
  };
  await benchEachDevice(`${name} [${ROWS},${WIDTH}]`, { bytes: 2 * bytes }, async () => {
    const { x, gain, bias } = await make();
    return compile(() => f(x, gain, bias));
  });
  // The product and its sum, from which the gradient starts, are timed, too: they read or write 4
  // more tensors.
  await benchEachDevice(
    `${name} [${ROWS},${WIDTH}] and its gradient`,
    { bytes: 9 * bytes },
    async () => {
      const { x, gain, bias } = await make();
      const w = tensor(weights, { shape: [ROWS, WIDTH] });
      const run = compile(() => valueAndGrad(() => sum(mul(f(x, gain, bias), w)), [x, gain, bias]));
      const dx = await run().gradients[0].data();
      // The result of each of these functions does not change along one direction of x.
      const along = name === "rmsNorm" ? (i: number) => row[i] : () => 1;
      const change = row.reduce((total, _, i) => total + dx[i] * along(i), 0);
      assert.ok(
        Math.abs(change) < 1e-4,
        `${name}: the gradient along a free direction is ${change}`,
      );
      return run;
    },
  );
}
