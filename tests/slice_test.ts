import assert from "node:assert/strict";
import { size } from "../lib/shape.ts";
import { valueAndGrad } from "../lib/tensor/autograd.ts";
import { add, mul } from "../lib/ops/binary.ts";
import { compile } from "../lib/tensor/compile.ts";
import { sum } from "../lib/ops/reduce.ts";
import { slice } from "../lib/ops/slice.ts";
import { type Tensor, tensor } from "../lib/tensor/tensor.ts";
import { forEachDevice } from "./support/devices.ts";
import { assertClose } from "./support/gradient_check.ts";

/** The places in x that a slice takes. */
function sources(shape: readonly number[], axis: number, start: number, end: number): number[] {
  const inner = size(shape.slice(axis + 1));
  return [...Array(size(shape)).keys()].filter((i) => {
    const index = Math.floor(i / inner) % shape[axis];
    return index >= start && index < end;
  });
}

for (
  const [shape, axis, start, end] of [
    [[7], 0, 2, 5],
    [[5, 4], 1, 1, 3],
    [[6, 33, 5], 0, 3, 6],
    [[6, 33, 5], 1, 10, 33],
    [[64, 300], 1, 100, 200],
    [[90000], 0, 5, 80000],
    [[3, 50000], 1, 1, 2],
  ] as [number[], number, number, number][]
) {
  forEachDevice(`slice ${start} … ${end} of axis ${axis} of [${shape}]`, async () => {
    const values = Float32Array.from({ length: size(shape) }, (_, i) => i + 0.5);
    const x = tensor(values, { shape });
    const from = sources(shape, axis, start, end);
    const y = slice(x, { axis, start, end });
    assert.deepEqual(y.shape, shape.with(axis, end - start));
    assertClose(await y.data(), from.map((i) => values[i]), 0);
    const ids = tensor(Int32Array.from(values), { shape });
    assertClose(await slice(ids, { axis, start, end }).data(), from, 0);
    const weights = from.map((i) => Math.cos(i));
    const w = tensor(weights, { shape: y.shape });
    const { gradients } = valueAndGrad(() => sum(mul(slice(x, { axis, start, end }), w)), [x]);
    const expected = new Float64Array(values.length);
    from.forEach((place, i) => expected[place] = weights[i]);
    assertClose(await gradients[0].data(), expected, 1e-7, "gradient");
  });
}

forEachDevice("gradients of overlapping slices and of the whole are summed", async () => {
  const x = tensor([[1, 2, 3, 4], [5, 6, 7, 8]]);
  const weighted = (y: Tensor, weight: number) => sum(mul(y, weight));
  const loss = () => {
    const head = weighted(slice(x, { axis: 1, end: 3 }), 1);
    const tail = weighted(slice(x, { axis: -1, start: -2 }), 10);
    return add(
      add(weighted(x, 100), head),
      add(tail, weighted(slice(x, { axis: 0, end: -1 }), 1000)),
    );
  };
  const expected = [1101, 1101, 1111, 1110, 101, 101, 111, 110];
  for (const run of [() => valueAndGrad(loss, [x]), compile(() => valueAndGrad(loss, [x]))]) {
    assertClose(await run().gradients[0].data(), expected, 0);
  }
});

forEachDevice(
  "slice gives a whole axis as it is, an empty one, and refuses what is outside",
  () => {
    const x = tensor([[1, 2], [3, 4]]);
    assert.equal(slice(x, { axis: 1 }), x);
    assert.deepEqual(slice(x, { axis: 0, start: 1, end: 1 }).shape, [0, 2]);
    assert.throws(() => slice(x, { axis: 0, start: 1, end: 3 }), /inside 0 … 2 on axis 0/);
    assert.throws(() => slice(x, { axis: 0, start: 2, end: 1 }), RangeError);
    assert.throws(() => slice(x, { axis: 0, start: -3 }), RangeError);
    assert.throws(() => slice(x, { axis: 0, start: 0.5 }), RangeError);
    assert.throws(() => slice(x, { axis: 2 }), RangeError);
  },
);
