import assert from "node:assert/strict";
import { size } from "../lib/shape.ts";
import { valueAndGrad } from "../lib/tensor/autograd.ts";
import { add, mul } from "../lib/ops/binary.ts";
import { compile } from "../lib/tensor/compile.ts";
import { gather } from "../lib/ops/gather.ts";
import { sum } from "../lib/ops/reduce.ts";
import { tensor } from "../lib/tensor/tensor.ts";
import { forEachDevice } from "./support/devices.ts";
import { assertClose, checkGradients } from "./support/gradient_check.ts";

for (
  const [leading, width, picks] of [
    [[], 5, 3],
    [[4], 7, 1],
    [[2, 3], 4, 9],
    [[70], 1000, 300],
    [[1], 30000, 1000],
  ] as [number[], number, number][]
) {
  forEachDevice(`gather ${picks} of [${[...leading, width]}], and scatter back`, async () => {
    const rows = size(leading);
    const values = Float32Array.from({ length: rows * width }, (_, i) => Math.sin(i) + i);
    const picked = Int32Array.from(
      { length: rows * picks },
      (_, i) => (i * i * 7 + i) % (width + 2) - 1, // some of them just outside the row
    );
    const place = (i: number) =>
      Math.floor(i / picks) * width + Math.min(width - 1, Math.max(0, picked[i]));
    const expected = Array.from(picked, (_, i) => values[place(i)]);
    const x = tensor(values, { shape: [...leading, width] });
    const indices = tensor(picked, { shape: [...leading, picks] });
    const y = gather(x, indices);
    assert.deepEqual(y.shape, [...leading, picks]);
    assertClose(await y.data(), expected, 0);
    const integers = tensor(Int32Array.from(values), { shape: x.shape });
    assertClose(await gather(integers, indices).data(), expected.map(Math.trunc), 0);
    const weights = expected.map((_, i) => Math.cos(i));
    const w = tensor(weights, { shape: y.shape });
    const gradient = new Float64Array(values.length);
    weights.forEach((weight, i) => gradient[place(i)] += weight);
    const picksOnly = () => sum(mul(gather(x, indices), w));
    const alone = valueAndGrad(picksOnly, [x]).gradients[0];
    assertClose(await alone.data(), gradient, 2e-6, "gradient");
    const loss = () => add(picksOnly(), sum(mul(x, 2)));
    const both = compile(() => valueAndGrad(loss, [x]))().gradients[0];
    assertClose(await both.data(), gradient.map((g) => g + 2), 2e-6, "gradient, added");
  });
}

forEachDevice("gather: finite differences, and indices that repeat", async () => {
  const indices = tensor(new Int32Array([2, 0, 2, 1, 1, 1]), { shape: [2, 3] });
  await checkGradients((x) => gather(x, indices), [{
    values: [0.3, -1, 2, 0.5, 0.1, -0.7],
    shape: [2, 3],
  }]);
});

forEachDevice("gather refuses what does not fit", () => {
  const x = tensor([[1, 2], [3, 4]]);
  const ids = (...shape: number[]) => tensor(new Int32Array(size(shape)), { shape });
  assert.throws(() => gather(x, tensor([[1], [0]])), /expected i32/);
  assert.throws(() => gather(x, ids(3, 1)), /same leading axes/);
  assert.throws(() => gather(x, ids(2)), TypeError);
  assert.throws(() => gather(tensor(1), ids()), TypeError);
  assert.throws(() => gather(tensor(new Float32Array(0)), ids(1)), TypeError);
});
