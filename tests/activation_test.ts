/**
 * Activations by name: one row gives a function of tensors, an option of layers and a name in
 * files.
 *
 * @module
 */
import assert from "node:assert/strict";
import { kernelKey } from "../lib/device/kernel.ts";
import { unaryFunction } from "../kernels/elementwise.ts";
import { activationName, ACTIVATIONS } from "../lib/hub/format.ts";
import { activate, type Activation, ACTIVATION_NAMES, relu } from "../lib/ops/activation.ts";
import { linear } from "../lib/ops/matmul.ts";
import { sum } from "../lib/ops/reduce.ts";
import { mul } from "../lib/ops/binary.ts";
import { valueAndGrad } from "../lib/tensor/autograd.ts";
import { tensor } from "../lib/tensor/tensor.ts";
import { forEachDevice } from "./support/devices.ts";
import { assertClose, checkGradients } from "./support/gradient_check.ts";
import { activations } from "./support/matmul_reference.ts";

const VALUES = [-2.1, -1, -0.5, 0.4, 1, 1.7];

for (const name of ACTIVATION_NAMES) {
  forEachDevice(`${name}: the same by name and in a layer, with its gradient`, async () => {
    const x = tensor(VALUES, { shape: [3, 2] }), unit = tensor([[1, 0], [0, 1]]);
    const expected = VALUES.map(activations[name].value);
    assertClose(await activate(x, name).data(), expected, 1e-6, name);
    const layer = linear(x, unit, undefined, { activation: name });
    assertClose(await layer.data(), expected, 1e-6, name);
    await checkGradients((x) => activate(x, name), [{ values: VALUES, shape: [6] }]);
  });
}

forEachDevice(
  "relu's gradient is 0 for inputs below 0, even if the incoming one is infinite",
  async () => {
    const x = tensor([-1, 0, 2]), huge = tensor([Infinity, Infinity, 3]);
    const { gradients: [dx] } = valueAndGrad(() => sum(mul(relu(x), huge)), [x]);
    assert.deepEqual([...await dx.data()], [0, 0, 3]);
  },
);

forEachDevice("an activation that does not exist is an error with all names", () => {
  for (const name of ["tanh", "toString"] as unknown as Activation[]) {
    assert.throws(
      () => activate(tensor([1]), name),
      /^RangeError: activate: unknown activation '\w+'; expected one of gelu, gelu_tanh, relu, silu/,
    );
  }
});

Deno.test("every activation has a name in Hugging Face's files, which is read as the same", () => {
  for (const name of ACTIVATION_NAMES) assert.equal(ACTIVATIONS[activationName(name)!], name);
  assert.equal(activationName("gelu_tanh"), "gelu_new");
  assert.equal(ACTIVATIONS.gelu_python, "gelu");
});

Deno.test("builds of a kernel with different functions have different keys", () => {
  const kernel = { name: "unary", reads: { x: "f32" }, scalars: {} } as const;
  const key = (name: "exp" | "log") =>
    kernelKey({ ...kernel, functions: { apply: unaryFunction(name) } }, { A: 2, B: 1 });
  assert.equal(key("exp"), "unary,apply=exp(x),A=2,B=1");
  assert.notEqual(key("exp"), key("log"));
});
