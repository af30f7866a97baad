/**
 * Sums, means, maxima and their places over all kinds of axes, against float64 loops, and their
 * gradients.
 *
 * @module
 */
import assert from "node:assert/strict";
import { argmax } from "../lib/ops/argmax.ts";
import { valueAndGrad } from "../lib/tensor/autograd.ts";
import { mul } from "../lib/ops/binary.ts";
import { max, mean, sum, sumTo } from "../lib/ops/reduce.ts";
import { sumOfSquares } from "../lib/ops/sum_of_squares.ts";
import { type Tensor, tensor } from "../lib/tensor/tensor.ts";

import { forEachDevice, sharedDevice } from "./support/devices.ts";
import { assertClose, checkGradients } from "./support/gradient_check.ts";
import { floats } from "./support/matmul_reference.ts";

forEachDevice("reductions of nothing: a sum of 0, no mean, no maximum", async () => {
  const none = tensor([], { shape: [2, 0, 3] });
  assert.deepEqual(await sum(none, { axis: 1 }).toArray(), [[0, 0, 0], [0, 0, 0]]);
  assert.deepEqual(await sum(none).toArray(), 0);
  assert.deepEqual(await mean(none, { axis: [0, 1] }).toArray(), [NaN, NaN, NaN]);
  for (const f of [sum, mean, max]) assert.deepEqual(f(none, { axis: 0 }).shape, [0, 3]);
  assert.throws(() => max(none, { axis: 1 }), /^RangeError: max: expected at least one element/);
  const bias = tensor([1, 2, 3]);
  const { value, gradients } = valueAndGrad((b) => sum(mul(none, b)), [bias]);
  assert.equal(await value.item(), 0);
  assert.deepEqual(await gradients[0].toArray(), [0, 0, 0]);
});

/** Folds the elements that share a place after `axes` are gone, in row order. */
function reference<T>(
  values: ArrayLike<number>,
  shape: readonly number[],
  axes: readonly number[],
  initial: T,
  fold: (value: T, element: number, count: number) => T,
): T[] {
  const kept = shape.map((length, i) => axes.includes(i) ? 1 : length);
  const results: T[] = new Array(kept.reduce((a, b) => a * b, 1)).fill(initial);
  const counts = results.map(() => 0);
  for (let i = 0; i < values.length; i++) {
    let rest = i, at = 0, stride = 1;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const index = rest % shape[axis];
      rest = Math.floor(rest / shape[axis]);
      if (kept[axis] > 1) at += index * stride;
      stride *= kept[axis];
    }
    results[at] = fold(results[at], values[i], counts[at]++);
  }
  return results;
}

const CASES: { shape: number[]; axes?: number[] }[] = [
  { shape: [] },
  { shape: [1] },
  { shape: [7] },
  { shape: [100_003] },
  { shape: [3, 5] },
  { shape: [3, 5], axes: [0] },
  { shape: [3, 5], axes: [1] },
  { shape: [768, 384], axes: [0] },
  { shape: [2048, 2567], axes: [0] },
  { shape: [4000, 12], axes: [0] },
  { shape: [33_000, 3], axes: [0] },
  { shape: [2, 40_001], axes: [1] },
  { shape: [700, 129], axes: [1] },
  { shape: [3, 40, 21], axes: [1] },
  { shape: [300, 17, 6], axes: [1] },
  { shape: [4, 3, 5, 2], axes: [0, 2] },
  { shape: [4, 3, 5, 2], axes: [1, -1] },
  { shape: [4, 1, 5, 2], axes: [0, 1, 3] },
  { shape: [2, 1, 3], axes: [1] },
  { shape: [6, 9], axes: [] },
];

for (const { shape, axes } of CASES) {
  const name = `[${shape}] over ${axes ? `[${axes}]` : "all axes"}`;
  forEachDevice(`sum, mean and max of ${name}`, async () => {
    const size = shape.reduce((a, b) => a * b, 1);
    const values = floats(size, 11);
    const x = tensor(values, { shape });
    const all = (axes ?? shape.map((_, i) => i)).map((axis) =>
      axis < 0 ? axis + shape.length : axis
    );
    const expected = reference(values, shape, all, 0, (total, v) => total + v);
    const magnitude = reference(values, shape, all, 0, (total, v) => total + Math.abs(v));
    const largest = reference(values, shape, all, -Infinity, (a, b) => Math.max(a, b));
    const count = size / expected.length;
    const actual = await sum(x, { axis: axes }).data();
    actual.forEach((value, i) => {
      const error = Math.abs(value - expected[i]);
      assert.ok(
        error <= 2e-7 * magnitude[i] + 1e-30,
        `sum ${i}: ${value}, expected ${expected[i]}`,
      );
    });
    const averages = await mean(x, { axis: axes }).data();
    assertClose(averages, Array.from(actual, (value) => value / count), 1e-6, "mean");
    assert.deepEqual(Array.from(await max(x, { axis: axes }).data()), largest);
    const kept = shape.filter((_, i) => !all.includes(i));
    assert.deepEqual(sum(x, { axis: axes }).shape, kept);
    assert.deepEqual(
      max(x, { axis: axes, keepDimensions: true }).shape,
      shape.map((length, i) => all.includes(i) ? 1 : length),
    );
  });
}

forEachDevice("sumTo undoes broadcasting", async () => {
  const x = tensor(floats(24, 3), { shape: [2, 3, 4] });
  const values = await x.data();
  for (const shape of [[2, 3, 4], [3, 4], [4], [1, 4], [2, 1, 1], [1, 1, 1], [], [2, 1, 4]]) {
    const padded = [...new Array(3 - shape.length).fill(1), ...shape];
    const axes = padded.flatMap((length, i) => length === 1 ? [i] : []);
    const result = sumTo(x, shape);
    assert.deepEqual(result.shape, shape);
    assertClose(await result.data(), reference(values, [2, 3, 4], axes, 0, (a, b) => a + b), 1e-6);
  }
  assert.equal(sumTo(x, [2, 3, 4]), x, "free when the shapes agree");
  assert.throws(() => sumTo(x, [2, 4]), /\[2,4\] does not broadcast to f32 \[2,3,4\]/);
});

forEachDevice("argmax finds the first of the largest", async () => {
  for (const [shape, axis] of [[[5, 37], 1], [[5, 37], 0], [[3, 300, 7], 1], [[2, 70_000], -1]]) {
    const lengths = shape as number[];
    const at = (axis as number) < 0 ? lengths.length + (axis as number) : axis as number;
    // Few different values, so that there are ties.
    const values = floats(lengths.reduce((a, b) => a * b), 5).map((v) => Math.round(3 * v));
    const expected = reference(values, lengths, [at], { value: -Infinity, place: 0 }, (
      best,
      value,
      place,
    ) => value > best.value ? { value, place } : best).map(({ place }) => place);
    const index = argmax(tensor(values, { shape: lengths }), { axis: axis as number });
    assert.equal(index.dtype, "i32");
    assert.deepEqual(Array.from(await index.data()), expected);
  }
  const flat = tensor([[0, 1, 9], [9, 2, 3]]);
  assert.equal(await argmax(flat).item(), 2);
  assert.deepEqual(argmax(flat, { axis: 0, keepDimensions: true }).shape, [1, 3]);
  const infinite = tensor([-Infinity, -Infinity]);
  assert.equal(await argmax(infinite).item(), 0);
  assert.equal(await max(infinite).item(), -Infinity);
});

forEachDevice("gradients of sum, mean, max and sumTo", async () => {
  const values = Array.from(floats(24, 8));
  for (const axes of [undefined, [0], [1], [2], [0, 2], [1, 2]]) {
    await checkGradients((x) => sum(x, { axis: axes }), [{ values, shape: [2, 3, 4] }]);
    await checkGradients((x) => mean(x, { axis: axes }), [{ values, shape: [2, 3, 4] }]);
    await checkGradients((x) => max(x, { axis: axes }), [{ values, shape: [2, 3, 4] }], {
      step: 1e-3,
    });
  }
  await checkGradients((x) => sumTo(x, [3, 1]), [{ values, shape: [2, 3, 4] }]);
});

forEachDevice("the gradient of max goes to the first of equals", async () => {
  const x = tensor([[1, 7, 7, 2], [7, 0, 7, 7]]);
  const gradientOf = async (f: () => Tensor) => {
    const { gradients: [dx] } = valueAndGrad(f, [x]);
    return Array.from(await dx.data());
  };
  assert.deepEqual(await gradientOf(() => max(x)), [0, 1, 0, 0, 0, 0, 0, 0]);
  assert.deepEqual(await gradientOf(() => sum(max(x, { axis: 1 }))), [0, 1, 0, 0, 1, 0, 0, 0]);
  assert.deepEqual(await gradientOf(() => sum(max(x, { axis: 0 }))), [0, 1, 1, 0, 1, 0, 0, 1]);
});

forEachDevice("sumOfSquares and its gradient", async () => {
  for (const size of [1, 5, 30_001, 823_457]) {
    const values = floats(size, 2);
    const expected = values.reduce((total, v) => total + v * v, 0);
    const result = sumOfSquares(tensor(values));
    assert.deepEqual(result.shape, [1]);
    assertClose(await result.data(), [expected], 1e-6);
  }
  await checkGradients(sumOfSquares, [{ values: [1, -2, 0.5], shape: [3] }]);
});

forEachDevice("reductions say what is wrong", () => {
  const x = tensor([[1, 2], [3, 4]]);
  assert.throws(() => sum(x, { axis: 2 }), /axis 2 does not exist in a tensor of rank 2/);
  assert.throws(() => argmax(x, { axis: -3 }), RangeError);
  assert.throws(() => mean(tensor(Int32Array.of(1))), /mean: expected f32 values, got i32 \[1\]/);
  assert.throws(() => argmax(tensor([], { shape: [0] })), RangeError);
});

Deno.test({
  name: "reductions give the same bits for any number of threads",
  sanitizeOps: false,
  sanitizeResources: false,
  fn: async () => {
    const values = floats(1_000_000, 1);
    const results = await Promise.all((["cpu-1", "cpu-2"] as const).map(async (name) => {
      const device = await sharedDevice(name);
      const x = tensor(values, { shape: [1000, 1000], device });
      const reduced = [sum(x), sum(x, { axis: 0 }), sum(x, { axis: 1 }), sumOfSquares(x)];
      return Promise.all(reduced.map((y) => y.data()));
    }));
    assert.deepEqual(results[0], results[1]);
  },
});

forEachDevice("an axis is a number or a list of numbers", async () => {
  const x = tensor([[1, 2, 3], [4, 5, 6]]);
  assert.deepEqual(await sum(x, { axis: 0 }).toArray(), [5, 7, 9]);
  assert.deepEqual(await sum(x, { axis: [0] }).toArray(), [5, 7, 9]);
  assert.deepEqual(await mean(x, { axis: -1, keepDimensions: true }).toArray(), [[2], [5]]);
  assert.deepEqual(await max(x, { axis: [0, 1] }).toArray(), 6);
  assert.deepEqual(await max(x, { axis: 1 }).toArray(), [3, 6]);
});
