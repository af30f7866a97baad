/** `where` on every device: selection, broadcasting, dtypes and gradients. */
import assert from "node:assert/strict";
import { compile } from "../lib/tensor/compile.ts";
import { valueAndGrad } from "../lib/tensor/autograd.ts";
import { greater, mul } from "../lib/ops/binary.ts";
import { sum } from "../lib/ops/reduce.ts";
import { log } from "../lib/ops/unary.ts";
import { where } from "../lib/ops/where.ts";
import { size } from "../lib/shape.ts";
import { type Tensor, tensor } from "../lib/tensor/tensor.ts";
import { forEachDevice } from "./support/devices.ts";
import { checkGradients } from "./support/gradient_check.ts";

forEachDevice(
  "where ignores the branch that is not selected, even NaN and infinities",
  async () => {
    const condition = tensor([1, 0]);
    assert.deepEqual(await where(condition, tensor([5, 6]), -Infinity).toArray(), [5, -Infinity]);
    assert.deepEqual(await where(condition, tensor([1, NaN]), 7).toArray(), [1, 7]);
    assert.deepEqual(await where(condition, 7, tensor([NaN, Infinity])).toArray(), [7, Infinity]);
    assert.deepEqual(await where(condition, 1, 2).toArray(), [1, 2]);
  },
);

forEachDevice("where treats every condition except 0 and −0 as true, NaN and −1 too", async () => {
  const condition = tensor([1, 0.5, -1, NaN, Infinity, 0, -0, 1e-45]);
  assert.deepEqual(await where(condition, 1, 0).toArray(), [1, 1, 1, 1, 1, 0, 0, 1]);
  const integers = tensor([1, 0, -1, -(2 ** 31)], { dtype: "i32" });
  assert.deepEqual(await where(integers, 1, 0).toArray(), [1, 0, 1, 1]);
});

forEachDevice("where keeps integers exact", async () => {
  const large = tensor([2 ** 31 - 1, 16777217, -5], { dtype: "i32" });
  const y = where(tensor([1, 1, 0]), large, 3);
  assert.equal(y.dtype, "i32");
  assert.deepEqual(await y.toArray(), [2 ** 31 - 1, 16777217, 3]);
});

const SHAPES: [condition: number[], a: number[], b: number[]][] = [
  [[], [], []],
  [[70_001], [70_001], [70_001]],
  [[3], [3], []],
  [[], [7], [3, 1]],
  [[3, 1], [5], [3, 5]],
  [[12, 1, 130], [64, 1], [12, 64, 130]],
  [[2, 3, 4, 5], [3, 1, 5], [4, 1]],
  [[1, 3, 1, 5], [2, 1, 4, 1], [1]],
  [[0, 3], [3], [1]],
];

for (const [conditionShape, aShape, bShape] of SHAPES) {
  const shapes = [conditionShape, aShape, bShape];
  forEachDevice(`where of ${shapes.map((shape) => `[${shape}]`).join(" ")}`, async () => {
    const make = (shape: number[], f: (i: number) => number) =>
      tensor(Float32Array.from({ length: size(shape) }, (_, i) => f(i)), { shape });
    const [condition, a, b] = [
      make(conditionShape, (i) => i * i % 3 - 1),
      make(aShape, (i) => i + 1),
      make(bShape, (i) => -i - 1),
    ];
    const y = where(condition, a, b);
    const [c, yes, no] = await Promise.all(
      [condition, a, b].map(async (x) => elements(await x.data(), x.shape, y.shape)),
    );
    assert.deepEqual([...await y.data()], c.map((value, i) => value !== 0 ? yes[i] : no[i]));
  });
}

/** The values of a tensor stretched to a shape, element by element. */
function elements(values: ArrayLike<number>, own: readonly number[], shape: readonly number[]) {
  const missing = shape.length - own.length;
  return Array.from({ length: size(shape) }, (_, i) => {
    let rest = i, step = 1, at = 0;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const index = rest % shape[axis];
      rest = Math.floor(rest / shape[axis]);
      const length = axis < missing ? 1 : own[axis - missing];
      if (length > 1) at += step * index;
      step *= length;
    }
    return values[at];
  });
}

forEachDevice(
  "each branch gets the gradient of the elements selected from it, summed over broadcast axes",
  async () => {
    const condition = tensor([[1, 0, 0], [1, 1, 0]]);
    const [a, b] = [tensor([[1], [2]]), tensor([10, 20, 30])];
    const loss = () => sum(mul(where(condition, a, b), tensor([[1, 2, 3], [4, 5, 6]])));
    for (
      const run of [
        () => valueAndGrad(loss, [a, b]),
        compile(() => valueAndGrad(loss, [a, b])),
      ]
    ) {
      const { gradients } = run();
      assert.deepEqual(await gradients[0].toArray(), [[1], [9]]);
      assert.deepEqual(await gradients[1].toArray(), [0, 2, 9]);
    }
    await checkGradients((x, y) => where(condition, x, y), [
      { values: [0.3, -1], shape: [2, 1] },
      { values: [0.5, 2, -0.7], shape: [3] },
    ]);
  },
);

forEachDevice("a gradient through where is finite if the other branch's is not", async () => {
  const x = tensor([0, 2]);
  const safe = (x: Tensor) => where(greater(x, 0), x, 1);
  const { gradients } = valueAndGrad(() => sum(where(greater(x, 0), log(safe(x)), 0)), [x]);
  assert.deepEqual(await gradients[0].toArray(), [0, 0.5]);
});

forEachDevice("where refuses branches and conditions that do not fit", () => {
  const x = tensor([1, 2]), ids = tensor([1, 2], { dtype: "i32" });
  // deno-lint-ignore no-explicit-any
  const guess = where as any;
  assert.throws(() => where(x, x, ids), {
    message: "where: expected branches of one dtype, got f32 [2] and i32 [2]",
  });
  assert.throws(() => where(x, ids, 0.5), /32-bit integers/);
  assert.throws(() => where(x, x, tensor([1, 2, 3])), /where: shapes \[2\] and \[3\] do not broad/);
  assert.throws(() => guess([1, 0], x, 0), {
    message: "where: condition: expected a tensor, got an array of 2; make one with tensor(values)",
  });
  assert.throws(() => guess(x, "1", 0), { message: 'where: expected a tensor, got "1"' });
});
