/**
 * `matmul`, `linear` and `feedForward`: values against float64, gradients against finite
 * differences.
 *
 * @module
 */
import assert from "node:assert/strict";
import { forEachDevice } from "./support/devices.ts";
import { checkGradients } from "./support/gradient_check.ts";
import {
  activations,
  assertProduct,
  floats,
  FORMS,
  reference,
} from "./support/matmul_reference.ts";
import type { Device } from "../lib/device/device.ts";
import { valueAndGrad } from "../lib/tensor/autograd.ts";
import { ACTIVATION_NAMES } from "../lib/ops/activation.ts";
import { add, mul } from "../lib/ops/binary.ts";
import { feedForward } from "../lib/ops/feed_forward.ts";
import { linear, matmul } from "../lib/ops/matmul.ts";
import { sum } from "../lib/ops/reduce.ts";
import { tensor } from "../lib/tensor/tensor.ts";

const NN = { transposeA: false, transposeB: false };
/**
 * Reading back is slow on WebGPU, and finite differences need many reads: there one activation is
 * tested for all.
 */
const someActivations = (device: Device) =>
  device.kind === "cpu" ? ACTIVATION_NAMES : ["gelu_tanh" as const];

/** Numbers away from 0, because relu has a corner there. */
const input = (seed: number, ...shape: number[]) => ({
  values: [...floats(shape.reduce((a, b) => a * b), seed)].map((x) => x + 0.3 * Math.sign(x)),
  shape,
});

for (const { name, ...form } of FORMS) {
  forEachDevice(`matmul: gradients of ${name}`, async (device) => {
    const a = form.transposeA ? [4, 3] : [3, 4], b = form.transposeB ? [5, 4] : [4, 5];
    const f = (x: Parameters<typeof matmul>[0], y: typeof x) => matmul(x, y, form);
    await checkGradients(f, [input(1, ...a), input(2, ...b)]);
    if (device.kind === "webgpu") return; // the batches' kernels are tested with the values
    await checkGradients(f, [input(1, 2, ...a), input(2, 2, ...b)]);
    await checkGradients(f, [input(1, 2, ...a), input(2, ...b)]);
    await checkGradients(f, [input(1, ...a), input(2, 2, ...b)]);
  });
}

forEachDevice("linear: values, in both layouts of the weight", async () => {
  const [m, n, k] = [30, 17, 12];
  const x = floats(m * k, 1), w = floats(k * n, 2), bias = floats(n, 3), r = floats(m * n, 4);
  for (const transposed of [false, true]) {
    const plain = reference(x, w, m, n, k, { ...NN, transposeB: transposed });
    for (const activation of [undefined, ...ACTIVATION_NAMES]) {
      const y = linear(
        tensor(x, { shape: [5, 6, k] }),
        tensor(w, { shape: transposed ? [n, k] : [k, n] }),
        tensor(bias),
        { activation, transposed, residual: tensor(r, { shape: [5, 6, n] }) },
      );
      assert.deepEqual(y.shape, [5, 6, n]);
      const expected = plain.map((v, i) =>
        activations[activation ?? "none"].value(v + bias[i % n]) + r[i]
      );
      assertProduct(await y.data(), expected, k, `${activation} ${transposed}`);
    }
  }
});

forEachDevice("linear: gradients", async (device) => {
  for (const activation of [undefined, ...someActivations(device)]) {
    for (const transposed of [false, true]) {
      await checkGradients(
        (x, w, bias, residual) => linear(x, w, bias, { activation, transposed, residual }),
        [
          input(1, 2, 3, 4),
          input(2, ...(transposed ? [5, 4] : [4, 5])),
          input(3, 5),
          input(4, 2, 3, 5),
        ],
        { step: activation === "relu" ? 1e-3 : 1e-2 }, // relu's corner is within the larger step
      );
    }
  }
});

forEachDevice("linear: gradients add up if a tensor is used twice", async () => {
  await checkGradients(
    (x, w) => linear(linear(x, w, undefined, { activation: "silu", residual: x }), w),
    [input(1, 3, 4), input(2, 4, 4)],
  );
  await checkGradients((x) => linear(x, x, undefined, { residual: x }), [input(1, 3, 3)]);
  await checkGradients((x, w) => add(linear(x, w), mul(x, x)), [input(1, 3, 4), input(2, 4, 4)]);
});

forEachDevice("feedForward: values and gradients", async (device) => {
  const [m, k, h] = [6, 5, 9];
  const x = floats(m * k, 1), w1 = floats(k * h, 2), b1 = floats(h, 3);
  const w2 = floats(h * k, 4), b2 = floats(k, 5);
  for (const activation of someActivations(device)) {
    const { value } = activations[activation];
    const inner = reference(x, w1, m, h, k, NN).map((v, i) => value(v + b1[i % h]));
    const expected = reference(new Float32Array(inner), w2, m, k, h, NN);
    const shape = [2, 3, k];
    const y = feedForward(
      ...[tensor(x, { shape }), tensor(w1, { shape: [k, h] }), tensor(b1)] as const,
      ...[tensor(w2, { shape: [h, k] }), tensor(b2)] as const,
      { activation, residual: tensor(x, { shape }) },
    );
    assertProduct(await y.data(), expected.map((v, i) => v + b2[i % k] + x[i]), h, activation);
    await checkGradients(
      (x, w1, b1, w2, b2) => feedForward(x, w1, b1, w2, b2, { activation, residual: x }),
      [input(1, 2, 3, 4), input(2, 4, 5), input(3, 5), input(4, 5, 4), input(5, 4)],
    );
  }
});

forEachDevice("linear and feedForward: gradients of some inputs only", async () => {
  const x = tensor(floats(12, 1), { shape: [3, 4] }), w = tensor(floats(20, 2), { shape: [4, 5] });
  const back = tensor(floats(20, 3), { shape: [5, 4] }), bias = tensor(floats(5, 4));
  const loss = () =>
    sum(feedForward(linear(x, tensor(floats(16, 5), { shape: [4, 4] })), w, bias, back, undefined));
  const { gradients: all } = valueAndGrad(loss, [x, w, bias, back]);
  for (const [i, parameter] of [x, w, bias, back].entries()) {
    const { gradients: [alone] } = valueAndGrad(loss, [parameter]);
    assert.deepEqual(await alone.data(), await all[i].data());
  }
});

forEachDevice("linear: errors name the shapes", () => {
  const make = (...shape: number[]) =>
    tensor(new Float32Array(shape.reduce((x, y) => x * y)), { shape });
  const cases: [() => void, RegExp][] = [
    [
      () => linear(make(2, 3), make(4, 5)),
      /^TypeError: linear: inner sizes differ: \[2,3\] · \[4,5\]/,
    ],
    [() => linear(make(2, 3), make(4, 5), undefined, { transposed: true }), /\[2,3\] · \[4,5\]ᵀ/],
    [() => linear(make(2, 3), make(3)), /a weight of rank 2/],
    [() => linear(make(2, 3), make(3, 4), make(3)), /expected bias f32 \[4\], got f32 \[3\]/],
    [
      () => linear(make(2, 3), make(3, 4), undefined, { residual: make(2, 3) }),
      /expected residual f32 \[2,4\], got f32 \[2,3\]/,
    ],
    [
      () => linear(make(2, 3), make(3, 4), undefined, { activation: "tanh" as "relu" }),
      /^RangeError: linear: unknown activation 'tanh'; expected one of gelu, gelu_tanh/,
    ],
    [
      () => feedForward(make(2, 3), make(3, 4), undefined, make(5, 3), undefined),
      /^TypeError: feedForward: inner sizes differ: \[2,4\] · \[5,3\]/,
    ],
  ];
  for (const [call, message] of cases) {
    assert.throws(call, (error: Error) => message.test(String(error)), String(message));
  }
});
