/**
 * Layer norm and RMS norm against float64, their gradients, and the gradient that is gathered on
 * the way.
 *
 * @module
 */
import assert from "node:assert/strict";
import { valueAndGrad } from "../lib/tensor/autograd.ts";
import { add, mul } from "../lib/ops/binary.ts";
import { layerNorm } from "../lib/ops/layer_norm.ts";
import { sum } from "../lib/ops/reduce.ts";
import { rmsNorm } from "../lib/ops/rms_norm.ts";
import { ones, type Tensor, tensor } from "../lib/tensor/tensor.ts";
import { forEachDevice, sharedDevice } from "./support/devices.ts";
import { assertClose, checkGradients } from "./support/gradient_check.ts";
import { floats } from "./support/matmul_reference.ts";

interface Reference {
  y: Float64Array;
  dx: Float64Array;
  dgain: Float64Array;
  dbias: Float64Array;
}

/** Forward and backward in float64, `weights` being dy. */
function reference(
  x: ArrayLike<number>,
  gain: ArrayLike<number>,
  bias: ArrayLike<number>,
  weights: ArrayLike<number>,
  centered: boolean,
): Reference {
  const width = gain.length;
  const y = new Float64Array(x.length), dx = new Float64Array(x.length);
  const dgain = new Float64Array(width), dbias = new Float64Array(width);
  for (let start = 0; start < x.length; start += width) {
    const columns = Array.from({ length: width }, (_, i) => i);
    const average = (f: (i: number) => number) =>
      columns.reduce((total, i) => total + f(i), 0) / width;
    const mean = centered ? average((i) => x[start + i]) : 0;
    const rstd = 1 / Math.sqrt(average((i) => (x[start + i] - mean) ** 2) + 1e-5);
    const normal = (i: number) => (x[start + i] - mean) * rstd;
    const g = (i: number) => weights[start + i] * gain[i];
    const meanG = centered ? average(g) : 0;
    const meanGNormal = average((i) => g(i) * normal(i));
    for (const i of columns) {
      y[start + i] = normal(i) * gain[i] + bias[i];
      dx[start + i] = rstd * (g(i) - meanG - normal(i) * meanGNormal);
      dgain[i] += weights[start + i] * normal(i);
      dbias[i] += weights[start + i];
    }
  }
  return { y, dx, dgain, dbias };
}

for (
  const shape of [[1, 1], [8], [3, 7], [12, 64, 128], [1, 130], [300, 5], [1025, 33], [9, 1600]]
) {
  forEachDevice(`layerNorm and rmsNorm of [${shape}]`, async () => {
    const width = shape.at(-1)!;
    const size = shape.reduce((a, b) => a * b);
    const values = floats(size, 1).map((v) => 2 * v + 0.5);
    const gains = floats(width, 2).map((v) => 1 + v / 2);
    const biases = floats(width, 3);
    const weights = floats(size, 4);
    const [x, w] = [values, weights].map((array) => tensor(array, { shape }));
    const [gain, bias] = [tensor(gains), tensor(biases)];
    const compare = async (
      expected: Reference,
      f: () => Tensor,
      parameters: Tensor[],
    ) => {
      const { gradients: [dx, dgain, dbias] } = valueAndGrad(() => sum(mul(f(), w)), parameters);
      assertClose(await f().data(), expected.y, 3e-6, "y");
      assertClose(await dx.data(), expected.dx, 1e-5, "dx");
      const rows = size / width;
      const scaled = (sums: ArrayLike<number>) => Array.from(sums, (v) => v / Math.sqrt(rows));
      assertClose(scaled(await dgain.data()), scaled(expected.dgain), 3e-6, "dgain");
      if (dbias) {
        assertClose(scaled(await dbias.data()), scaled(expected.dbias), 3e-6, "dbias");
      }
    };
    const zeros = new Float32Array(width);
    const [centered, plain] = [true, false];
    await compare(
      reference(values, gains, biases, weights, centered),
      () => layerNorm(x, gain, bias),
      [x, gain, bias],
    );
    await compare(
      reference(values, gains, zeros, weights, centered),
      () => layerNorm(x, gain),
      [x, gain],
    );
    await compare(
      reference(values, gains, zeros, weights, plain),
      () => rmsNorm(x, gain),
      [x, gain],
    );
  });
}

forEachDevice("norms by finite differences", async () => {
  const x = { values: [0.3, -1.2, 2, 0.1, 0, -0.4, 1, 2], shape: [2, 4] };
  const gain = { values: [1, 0.5, -1, 2], shape: [4] };
  const bias = { values: [0, 1, 2, 3], shape: [4] };
  await checkGradients((x, gain, bias) => layerNorm(x, gain, bias), [x, gain, bias]);
  await checkGradients((x, gain) => layerNorm(x, gain), [x, gain]);
  await checkGradients((x, gain) => rmsNorm(x, gain), [x, gain]);
  await checkGradients((x, gain) => layerNorm(x, gain, undefined, 0.5), [x, gain]);
});

forEachDevice("a norm adds the gradient that later operations sent to x", async () => {
  const x = tensor(floats(3 * 40, 1), { shape: [3, 40] });
  const w = tensor(floats(3 * 40, 2), { shape: [3, 40] });
  const [gain, bias] = [ones([40]), tensor(floats(40, 3))];
  const biased = (x: Tensor, gain: Tensor) => layerNorm(x, gain, bias);
  const gradient = async (f: () => Tensor) => {
    const { gradients: [dx] } = valueAndGrad(() => sum(f()), [x]);
    return Array.from(await dx.data());
  };
  for (const norm of [layerNorm, biased, rmsNorm]) {
    const alone = await gradient(() => mul(norm(x, gain), w));
    // The residual stream: x goes into the norm and past it.
    const both = await gradient(() => add(mul(x, x), mul(norm(x, gain), w)));
    const values = await x.data();
    assertClose(both, alone.map((v, i) => v + 2 * values[i]), 1e-5);
    const shared = await gradient(() => add(x, norm(x, gain)));
    assertClose(shared, (await gradient(() => norm(x, gain))).map((v) => v + 1), 1e-5);
  }
});

forEachDevice("layerNorm keeps its digits when the mean is large", async () => {
  const values = floats(256, 9).map((v) => 1000 + v);
  const x = tensor(values, { shape: [2, 128] });
  const one = new Float32Array(128).fill(1), zero = new Float32Array(128);
  const { y } = reference(values, one, zero, values, true);
  assertClose(await layerNorm(x, tensor(one)).data(), y, 3e-4);
});

forEachDevice("norms say what is wrong", () => {
  const x = tensor([[1, 2], [3, 4]]);
  const gain = tensor([1, 1]);
  assert.throws(
    () => layerNorm(x, tensor([1, 1, 1])),
    /layerNorm: expected a gain of \[2\] for f32 \[2,2\], got \[3\]/,
  );
  assert.throws(() => layerNorm(x, gain, tensor([[1, 1]])), /expected a bias of \[2\]/);
  assert.throws(() => rmsNorm(tensor(1), gain), /rmsNorm: expected at least one axis/);
});

Deno.test({
  name: "norms give the same bits for any number of threads",
  sanitizeOps: false,
  sanitizeResources: false,
  fn: async () => {
    const results = await Promise.all((["cpu-1", "cpu-2"] as const).map(async (name) => {
      const device = await sharedDevice(name);
      const x = tensor(floats(768 * 128, 5), { shape: [768, 128], device });
      const gain = tensor(floats(128, 6), { device });
      const bias = tensor(floats(128, 7), { device });
      const f = () => sum(mul(layerNorm(x, gain, bias), x));
      const { value, gradients } = valueAndGrad(f, [x, gain, bias]);
      return Promise.all([value, ...gradients].map((y) => y.data()));
    }));
    assert.deepEqual(results[0], results[1]);
  },
});
