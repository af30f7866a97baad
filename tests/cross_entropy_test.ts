import assert from "node:assert/strict";
import { valueAndGrad } from "../lib/tensor/autograd.ts";
import { mul } from "../lib/ops/binary.ts";
import { compile } from "../lib/tensor/compile.ts";
import { crossEntropy, tokenLosses } from "../lib/ops/cross_entropy.ts";
import { tensor } from "../lib/tensor/tensor.ts";
import { forEachDevice } from "./support/devices.ts";
import { assertClose, checkGradients } from "./support/gradient_check.ts";

function reference(logits: Float32Array, targets: ArrayLike<number>, width: number, ignore = -100) {
  const losses: number[] = [];
  const gradient = new Array(logits.length).fill(0);
  const counted = [...Array(targets.length).keys()].filter((i) => targets[i] !== ignore).length;
  for (let row = 0; row < targets.length; row++) {
    const values = [...logits.subarray(row * width, (row + 1) * width)];
    const most = Math.max(...values);
    const total = most + Math.log(values.reduce((sum, v) => sum + Math.exp(v - most), 0));
    const skip = targets[row] === ignore;
    losses.push(skip ? 0 : total - values[targets[row]]);
    values.forEach((v, j) => {
      const wanted = j === targets[row] ? 1 : 0;
      gradient[row * width + j] = skip ? 0 : (Math.exp(v - total) - wanted) / Math.max(1, counted);
    });
  }
  return { losses, gradient, mean: losses.reduce((a, b) => a + b, 0) / Math.max(1, counted) };
}

for (const [rows, width] of [[1, 1], [3, 5], [7, 65], [300, 33], [4, 5000]]) {
  forEachDevice(`cross-entropy of ${rows} × ${width}`, async () => {
    const values = Float32Array.from({ length: rows * width }, (_, i) => 6 * Math.sin(i * 1.3));
    const targets = Int32Array.from(
      { length: rows },
      (_, i) => i % 3 === 2 ? -100 : (i * 7) % width,
    );
    const expected = reference(values, targets, width);
    const logits = tensor(values, { shape: [rows, width] });
    const ids = tensor(targets);
    assertClose(await tokenLosses(logits, ids).data(), expected.losses, 2e-6);
    const step = compile(() => valueAndGrad(() => mul(crossEntropy(logits, ids), 3), [logits]));
    for (let i = 0; i < 2; i++) {
      const { value, gradients: [gradient] } = step();
      assertClose([await value.item()], [3 * expected.mean], 2e-6);
      assertClose(await gradient.data(), expected.gradient.map((g) => 3 * g), 2e-6);
    }
    assertClose(await logits.data(), values, 0, "logits that are parameters stay");
  });
}

forEachDevice("cross-entropy: finite differences, and rows all ignored", async () => {
  const targets = tensor(new Int32Array([1, 0]));
  const values = [0.3, -1, 2, 0.5, 0.1, -0.7];
  await checkGradients((x) => crossEntropy(x, targets), [{ values, shape: [2, 3] }]);
  const none = tensor(new Int32Array([7, 7]));
  const logits = tensor(values, { shape: [2, 3] });
  const { value, gradients } = valueAndGrad(() => crossEntropy(logits, none, { ignoreIndex: 7 }), [
    logits,
  ]);
  assert.equal(await value.item(), 0);
  assertClose(await gradients[0].data(), new Array(6).fill(0), 0);
});

forEachDevice("cross-entropy refuses shapes that do not fit", () => {
  assert.throws(() => crossEntropy(tensor([[1, 2]]), tensor(new Int32Array(2))), TypeError);
  assert.throws(() => crossEntropy(tensor([[1, 2]]), tensor([1])), /expected i32/);
  for (const ignoreIndex of [0.5, NaN]) { // not 0, which would ignore the first class
    const run = () => crossEntropy(tensor([[1, 2]]), tensor(Int32Array.of(0)), { ignoreIndex });
    assert.throws(run, /ignore must be a whole number, got (0.5|NaN)/);
  }
});
