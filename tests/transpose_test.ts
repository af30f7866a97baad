import assert from "node:assert/strict";
import { size, strides } from "../lib/shape.ts";
import { valueAndGrad } from "../lib/tensor/autograd.ts";
import { add, mul } from "../lib/ops/binary.ts";
import { compile } from "../lib/tensor/compile.ts";
import { sum } from "../lib/ops/reduce.ts";
import { tensor } from "../lib/tensor/tensor.ts";
import { transpose } from "../lib/ops/transpose.ts";
import { forEachDevice } from "./support/devices.ts";
import { assertClose } from "./support/gradient_check.ts";

/** Index in x of each element of the transposed tensor. */
function sources(shape: readonly number[], axes: readonly number[]): number[] {
  const steps = strides(shape);
  let places = [0];
  for (const axis of axes) {
    const along = [...Array(shape[axis]).keys()];
    places = places.flatMap((place) => along.map((i) => place + i * steps[axis]));
  }
  return places;
}

const CASES: [number[], number[]][] = [
  [[1], [0]],
  [[5, 3], [1, 0]],
  [[8, 8], [1, 0]],
  [[70, 35], [1, 0]],
  [[3, 2000], [1, 0]],
  [[1030, 37], [1, 0]],
  [[2, 5, 3, 16], [0, 2, 1, 3]],
  [[2, 33, 3, 40], [0, 2, 3, 1]],
  [[9, 10, 11], [2, 1, 0]],
  [[9, 10, 11], [1, 2, 0]],
  [[4, 1, 6], [1, 0, 2]],
  [[2, 3, 4, 5, 3, 2], [5, 3, 1, 4, 2, 0]],
  [[2, 3, 2, 3, 2, 3, 2], [1, 0, 3, 2, 4, 5, 6]],
];

for (const [shape, axes] of CASES) {
  forEachDevice(`transpose of [${shape}] to the order ${axes}, and back`, async () => {
    const values = Float32Array.from({ length: size(shape) }, (_, i) => i + 0.25);
    const weights = values.map((v) => Math.sin(v));
    const x = tensor(values, { shape });
    const from = sources(shape, axes);
    const y = transpose(x, axes);
    assert.deepEqual(y.shape, axes.map((axis) => shape[axis]));
    assertClose(await y.data(), from.map((i) => values[i]), 0);
    const ids = tensor(Int32Array.from(values, (_, i) => i - 7), { shape });
    assertClose(await transpose(ids, axes).data(), from.map((i) => i - 7), 0);
    const w = tensor(weights, { shape: y.shape });
    const { gradients } = compile(() => valueAndGrad(() => sum(mul(transpose(x, axes), w)), [x]))();
    const expected = new Float32Array(values.length);
    from.forEach((place, i) => expected[place] = weights[i]);
    assertClose(await gradients[0].data(), expected, 0, "gradient");
  });
}

forEachDevice(
  "a transpose that moves nothing copies nothing, and still has its gradient",
  async () => {
    const x = tensor([[[1, 2, 3]], [[4, 5, 6]]]);
    const y = transpose(x, [-2, 0, 2]);
    assert.deepEqual(y.shape, [1, 2, 3]);
    assert.equal(y.storage, x.storage);
    const loss = () => add(sum(mul(transpose(x, [1, 0, 2]), 3)), sum(x));
    const { gradients } = valueAndGrad(loss, [x]);
    assertClose(await gradients[0].data(), new Array(6).fill(4), 0);
    assert.deepEqual(gradients[0].shape, [2, 1, 3]);
  },
);

forEachDevice("transpose turns the axes round by default and refuses another list", () => {
  const x = tensor(new Float32Array(24), { shape: [2, 3, 4] });
  assert.deepEqual(transpose(x).shape, [4, 3, 2]);
  assert.throws(() => transpose(x, [0, 1]), /each of the 3 axes/);
  assert.throws(() => transpose(x, [0, 1, 1]), TypeError);
  assert.throws(() => transpose(x, [0, 1, 3]), RangeError);
});
