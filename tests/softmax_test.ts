/**
 * Softmax and its logarithm against float64, at their edges, and their gradients.
 *
 * @module
 */
import assert from "node:assert/strict";
import { valueAndGrad } from "../lib/tensor/autograd.ts";
import { mul } from "../lib/ops/binary.ts";
import { sum } from "../lib/ops/reduce.ts";
import { logSoftmax, softmax } from "../lib/ops/softmax.ts";
import { transpose } from "../lib/ops/transpose.ts";
import { type Tensor, tensor } from "../lib/tensor/tensor.ts";
import { forEachDevice } from "./support/devices.ts";
import { assertClose, checkGradients } from "./support/gradient_check.ts";
import { floats } from "./support/matmul_reference.ts";

function reference(values: ArrayLike<number>, width: number, logarithm: boolean): number[] {
  const result: number[] = [];
  for (let start = 0; start < values.length; start += width) {
    const row = Array.from({ length: width }, (_, i) => values[start + i]);
    const largest = row.reduce((a, b) => Math.max(a, b));
    const total = row.reduce((a, b) => a + Math.exp(b - largest), 0);
    for (const v of row) {
      result.push(logarithm ? v - largest - Math.log(total) : Math.exp(v - largest) / total);
    }
  }
  return result;
}

const SHAPES = [[1], [5], [3, 4], [2, 3, 65], [70, 256], [2, 50_257], [20_000, 3]];

for (const shape of SHAPES) {
  forEachDevice(`softmax and logSoftmax of [${shape}]`, async () => {
    const width = shape.at(-1)!;
    const values = floats(shape.reduce((a, b) => a * b), 4).map((v) => 10 * v);
    const x = tensor(values, { shape });
    const y = await softmax(x).data();
    const expected = reference(values, width, false);
    y.forEach((value, i) => {
      const error = Math.abs(value - expected[i]);
      assert.ok(error <= 4e-6 * expected[i] + 1e-30, `${i}: ${value}, expected ${expected[i]}`);
    });
    assertClose(await logSoftmax(x).data(), reference(values, width, true), 1e-6);
    assert.deepEqual(softmax(x).shape, shape);
  });

  forEachDevice(`gradients of softmax and logSoftmax of [${shape}]`, async () => {
    const width = shape.at(-1)!;
    const size = shape.reduce((a, b) => a * b);
    const [values, weights] = [floats(size, 4).map((v) => 3 * v), floats(size, 6)];
    const x = tensor(values, { shape });
    const w = tensor(weights, { shape });
    const gradient = (f: (x: Tensor) => Tensor) =>
      valueAndGrad(() => sum(mul(f(x), w)), [x]).gradients[0].data();
    const y = reference(values, width, false);
    const expected = [new Float64Array(size), new Float64Array(size)];
    for (let start = 0; start < size; start += width) {
      let dot = 0, total = 0;
      for (let i = start; i < start + width; i++) {
        dot += weights[i] * y[i];
        total += weights[i];
      }
      for (let i = start; i < start + width; i++) {
        expected[0][i] = y[i] * (weights[i] - dot);
        expected[1][i] = weights[i] - y[i] * total;
      }
    }
    assertClose(await gradient(softmax), expected[0], 2e-6, "softmax");
    assertClose(await gradient(logSoftmax), expected[1], 1e-5, "logSoftmax");
  });
}

forEachDevice("softmax by finite differences", async () => {
  const values = [0.3, -1.2, 2, 0.1, 0, -0.4];
  await checkGradients((x) => softmax(x), [{ values, shape: [2, 3] }]);
  await checkGradients((x) => logSoftmax(x), [{ values, shape: [2, 3] }]);
});

forEachDevice("softmax far from zero and with absent elements", async () => {
  const far = tensor([[1000, 1001, 999], [-1000, -1001, -999], [1e38, -1e38, 0]]);
  assertClose(await softmax(far).data(), reference(await far.data(), 3, false), 1e-6);
  assertClose(await logSoftmax(far).data(), reference(await far.data(), 3, true), 1e-6);
  const some = tensor([[-Infinity, 0, 0, -Infinity, -Infinity], [2, -Infinity, 2, 2, 2]]);
  assertClose(await softmax(some).data(), [0, 0.5, 0.5, 0, 0, 0.25, 0, 0.25, 0.25, 0.25], 1e-6);
  const half = Math.fround(-Math.LN2), quarter = Math.fround(-2 * Math.LN2), none = -Infinity;
  const logarithms = [none, half, half, none, none, quarter, none, quarter, quarter, quarter];
  assertClose(await logSoftmax(some).data(), logarithms, 1e-6);
});

forEachDevice("a row of nothing but −Infinity gives zeros, and so does its gradient", async () => {
  const x = tensor([[0, 0, 0, 0, 0], [1, 2, 3, 4, 5]]);
  x.write([...new Array(5).fill(-Infinity), 1, 1, 1, 1, 1]);
  assertClose(await softmax(x).data(), [0, 0, 0, 0, 0, 0.2, 0.2, 0.2, 0.2, 0.2], 1e-6);
  const logarithms = await logSoftmax(x).data();
  assert.deepEqual(Array.from(logarithms.slice(0, 5)), new Array(5).fill(-Infinity));
  const { gradients: [dx] } = valueAndGrad(() => sum(mul(softmax(x), softmax(x))), [x]);
  assertClose(await dx.data(), new Array(10).fill(0), 1e-6);
});

forEachDevice("softmax says what is wrong", () => {
  assert.throws(() => softmax(tensor(1)), /softmax: axis -1 does not exist in a tensor of rank 0/);
  assert.throws(() => logSoftmax(tensor(Int32Array.of(1))), /logSoftmax: expected f32/);
});

forEachDevice("softmax over another axis is that of the transposed tensor", async () => {
  const x = tensor(floats(2 * 3 * 5, 4), { shape: [2, 3, 5] });
  const back: Record<number, number[]> = { 0: [2, 1, 0], 1: [0, 2, 1], 2: [0, 1, 2] };
  for (const f of [softmax, logSoftmax]) {
    for (const axis of [0, 1, 2]) {
      const order = back[axis];
      const expected = await transpose(f(transpose(x, order)), order).data();
      assert.deepEqual(await f(x, { axis }).data(), expected);
      assert.deepEqual(await f(x, { axis: axis - 3 }).data(), expected);
    }
    await checkGradients((x) => f(x, { axis: 0 }), [{ values: [1, 2, 0, -1], shape: [2, 2] }]);
    assert.throws(() => f(x, { axis: 3 }), /axis 3 does not exist/);
  }
});
