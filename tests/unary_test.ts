/**
 * Elementwise functions of one tensor on every device against float64, their edges, and their
 * gradients.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { UnaryName } from "../kernels/elementwise.ts";
import { valueAndGrad } from "../lib/tensor/autograd.ts";
import { activationBackward } from "../lib/tensor/elementwise.ts";
import { sum } from "../lib/ops/reduce.ts";
import { ones, type Tensor, tensor } from "../lib/tensor/tensor.ts";
import { abs, exp, log, negate, rsqrt, sigmoid, sqrt, square, tanh } from "../lib/ops/unary.ts";
import { gelu, geluTanh, relu, reluSquared, silu } from "../lib/ops/activation.ts";
import { forEachDevice } from "./support/devices.ts";
import * as exact from "./support/exact_math.ts";
import { assertClose, checkGradients } from "./support/gradient_check.ts";

interface Case {
  f: (x: Tensor) => Tensor;
  exact: (x: number) => number;
  range: [number, number];
}

/** A case for every row of the table; `reciprocal` is part of derivatives only. */
const CASES: Record<Exclude<UnaryName, "reciprocal">, Case> = {
  negate: { f: negate, exact: (x) => -x, range: [-10, 10] },
  exp: { f: exp, exact: Math.exp, range: [-20, 5] },
  log: { f: log, exact: Math.log, range: [1e-6, 100] },
  tanh: { f: tanh, exact: Math.tanh, range: [-10, 10] },
  sqrt: { f: sqrt, exact: Math.sqrt, range: [0, 100] },
  rsqrt: { f: rsqrt, exact: (x) => 1 / Math.sqrt(x), range: [0.01, 100] },
  gelu: { f: gelu, exact: exact.gelu, range: [-12, 12] },
  gelu_tanh: { f: geluTanh, exact: exact.geluTanh, range: [-12, 12] },
  relu: { f: relu, exact: (x) => Math.max(x, 0), range: [-10, 10] },
  relu_squared: { f: reluSquared, exact: (x) => Math.max(x, 0) ** 2, range: [-10, 10] },
  silu: { f: silu, exact: exact.silu, range: [-20, 20] },
  sigmoid: { f: sigmoid, exact: exact.sigmoid, range: [-20, 20] },
  abs: { f: abs, exact: Math.abs, range: [-10, 10] },
  square: { f: square, exact: (x) => x * x, range: [-10, 10] },
};

for (const [name, { f, exact, range: [low, high] }] of Object.entries(CASES)) {
  forEachDevice(`${name} of few and of many elements`, async () => {
    for (const size of [1, 3, 8, 70_001]) {
      const x = Float32Array.from({ length: size }, (_, i) => low + (high - low) * i / size);
      const y = f(tensor(x));
      assert.deepEqual(y.shape, [size]);
      assertClose(await y.data(), Array.from(x, exact), 1e-6, name);
    }
  });

  forEachDevice(`the gradient of ${name}`, async () => {
    // Away from 0, because abs and relu have a corner there, and roots are steep near it.
    const values = low < 0 ? [-2.1, -1, -0.5, 0.4, 1, 1.7] : [0.6, 0.9, 1, 1.5, 2, 3];
    await checkGradients(f, [{ values, shape: [2, 3] }], { tolerance: 2e-3 });
  });
}

forEachDevice("gradients at corners are 0", async () => {
  for (const f of [relu, abs]) {
    const x = tensor([0, 0]);
    const { gradients: [dx] } = valueAndGrad(() => sum(f(x)), [x]);
    assertClose(await dx.data(), [0, 0], 0);
  }
});

forEachDevice("special values", async () => {
  const x = tensor([0, Infinity, -Infinity, NaN, -1]);
  const values = async (f: (x: Tensor) => Tensor) => Array.from(await f(x).data());
  const plain = (numbers: number[]) => numbers.map((v) => v === 0 ? 0 : v);
  assert.deepEqual(plain((await values(negate)).slice(0, 4)), [0, -Infinity, Infinity, NaN]);
  assert.deepEqual((await values(exp)).slice(0, 4), [1, Infinity, 0, NaN]);
  assert.deepEqual(await values(log), [-Infinity, Infinity, NaN, NaN, NaN]);
  assert.deepEqual((await values(tanh)).slice(0, 4), [0, 1, -1, NaN]);
  assert.deepEqual(await values(sqrt), [0, Infinity, NaN, NaN, NaN]);
  assert.deepEqual(await values(rsqrt), [Infinity, 0, NaN, NaN, NaN]);
  assert.deepEqual(await values(relu), [0, Infinity, 0, NaN, 0]);
  assert.deepEqual(await values(reluSquared), [0, Infinity, 0, NaN, 0]);
  assert.deepEqual((await values(sigmoid)).slice(0, 4), [0.5, 1, 0, NaN]);
  assert.deepEqual(await values(abs), [0, Infinity, Infinity, NaN, 1]);
  assert.deepEqual(await values(square), [0, Infinity, Infinity, NaN, 1]);
  for (const f of [gelu, geluTanh, silu]) {
    const [zero, infinite, , none] = await values(f);
    assert.deepEqual([zero, infinite, none], [0, Infinity, NaN]);
  }
  assert.ok(Math.abs((await values(geluTanh))[2]) < 1e-30);
});

forEachDevice("GELU by tanh ends in 0 and in x, and its derivative in 0 and 1", async () => {
  const x = tensor([-1e30, -1e4, -20, 20, 1e4, 1e30]);
  const y = await geluTanh(x).data();
  assertClose(y.subarray(0, 3), [0, 0, 0], 1e-30);
  assert.deepEqual(y.slice(3), Float32Array.of(20, 1e4, 1e30));
  const dx = await activationBackward("gelu_tanh", ones([6]), x).data();
  assertClose(dx, [0, 0, 0, 1, 1, 1], 1e-30);
});

forEachDevice("functions of one tensor say what is wrong", () => {
  assert.throws(() => exp(tensor(Int32Array.of(1))), /exp: expected f32 values, got i32 \[1\]/);
});
