import assert from "node:assert/strict";
import { size } from "../lib/shape.ts";
import { valueAndGrad } from "../lib/tensor/autograd.ts";
import { mul } from "../lib/ops/binary.ts";
import { compile } from "../lib/tensor/compile.ts";
import { concatenate } from "../lib/ops/concatenate.ts";
import { sum } from "../lib/ops/reduce.ts";
import { tensor } from "../lib/tensor/tensor.ts";
import { forEachDevice } from "./support/devices.ts";
import { assertClose } from "./support/gradient_check.ts";

for (
  const [shape, axis, lengths] of [
    [[1], 0, [3, 4]],
    [[2, 1, 5], 1, [3, 1, 2]],
    [[30, 1], -1, [40, 1, 70]],
    [[1, 300], 0, [100, 7]],
    [[1], 0, [20000, 30000]],
  ] as [number[], number, number[]][]
) {
  forEachDevice(`concatenate ${lengths} along axis ${axis} of [${shape}], and back`, async () => {
    const at = axis < 0 ? axis + shape.length : axis;
    const [outer, inner] = [size(shape.slice(0, at)), size(shape.slice(at + 1))];
    const total = lengths.reduce((a, b) => a + b);
    const parts = lengths.map((length, n) =>
      Float32Array.from({ length: outer * length * inner }, (_, i) => i + n / 4)
    );
    const expected: number[] = [];
    for (let o = 0; o < outer; o++) {
      parts.forEach((part, n) => {
        const run = lengths[n] * inner;
        expected.push(...part.subarray(o * run, (o + 1) * run));
      });
    }
    const tensors = parts.map((part, n) => tensor(part, { shape: shape.with(at, lengths[n]) }));
    const y = concatenate(tensors, { axis });
    assert.deepEqual(y.shape, shape.with(at, total));
    assertClose(await y.data(), expected, 0);
    const ids = tensors.map((x) => tensor(new Int32Array(x.size).fill(x.size), { shape: x.shape }));
    assert.equal(concatenate(ids, { axis }).dtype, "i32");
    // With weights equal to the values, each part's gradient is the part itself.
    const w = tensor(expected, { shape: y.shape });
    const loss = () => sum(mul(concatenate(tensors, { axis }), w));
    const { gradients } = compile(() => valueAndGrad(loss, tensors))();
    for (const [n, gradient] of gradients.entries()) {
      assertClose(await gradient.data(), parts[n], 0, `gradient of part ${n}`);
    }
  });
}

forEachDevice("the same tensor twice gets both gradients; an empty part is nothing", async () => {
  const x = tensor([1, 2]);
  const empty = tensor(new Float32Array(0));
  const w = tensor([1, 2, 30, 40]);
  const { value, gradients } = valueAndGrad(() => sum(mul(concatenate([x, empty, x]), w)), [x]);
  assert.equal(await value.item(), 1 + 4 + 30 + 80);
  assertClose(await gradients[0].data(), [31, 42], 0);
});

forEachDevice("concatenate refuses what does not fit", () => {
  const x = tensor([[1, 2]]);
  assert.throws(() => concatenate([]), /at least one/);
  assert.throws(() => concatenate([x, tensor([[1, 2, 3]])]), TypeError);
  assert.throws(() => concatenate([x, tensor([1, 2])]), TypeError);
  assert.throws(() => concatenate([x, tensor([[1, 2]], { dtype: "i32" })]), TypeError);
  assert.throws(() => concatenate([x], { axis: 2 }), RangeError);
});
