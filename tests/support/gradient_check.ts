/**
 * Checks gradients against central finite differences in float32, and arrays against references.
 *
 * @module
 */
import assert from "node:assert/strict";
import { valueAndGrad } from "../../lib/tensor/autograd.ts";
import { mul } from "../../lib/ops/binary.ts";
import { sum } from "../../lib/ops/reduce.ts";
import { type Tensor, tensor, type TensorData } from "../../lib/tensor/tensor.ts";

/**
 * Asserts |actual − expected| ≤ tolerance·(1 + |expected|), element by element; names the worst
 * one.
 */
export function assertClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance = 1e-5,
  what = "values",
): void {
  assert.equal(actual.length, expected.length, `${what}: lengths differ`);
  let worst = 0, at = 0;
  for (let i = 0; i < actual.length; i++) {
    const same = Object.is(actual[i], expected[i]) || actual[i] === expected[i];
    const error = same ? 0 : Math.abs(actual[i] - expected[i]) / (1 + Math.abs(expected[i]));
    if (!(error <= worst)) [worst, at] = [Number.isNaN(error) ? Infinity : error, i];
  }
  assert.ok(
    worst <= tolerance,
    `${what}: element ${at} is ${actual[at]}, expected ${
      expected[at]
    } (error ${worst}, allowed ${tolerance})`,
  );
}

/**
 * Compares the gradients of Σ w·f(inputs), w fixed weights, with central differences over every
 * element of every input. The inputs are Float32Arrays with shapes; `f` gets tensors of them. Keep
 * the inputs small: two evaluations an element.
 */
export async function checkGradients(
  f: (...inputs: Tensor[]) => Tensor,
  inputs: { values: number[]; shape: number[] }[],
  { tolerance = 2e-2, step = 1e-2 } = {},
): Promise<void> {
  const tensors = inputs.map(({ values, shape }) => tensor(values, { shape }));
  const size = f(...tensors).size;
  const shape = f(...tensors).shape;
  const weights = tensor(Array.from({ length: size }, (_, i) => Math.sin(i * 1.7 + 0.5)), {
    shape,
  });
  const loss = () => sum(mul(f(...tensors), weights));
  const { gradients } = valueAndGrad(loss, tensors);
  const analytic = await Promise.all(gradients.map((gradient) => gradient.data()));
  for (let n = 0; n < inputs.length; n++) {
    const { values } = inputs[n];
    const numeric: number[] = [];
    for (let i = 0; i < values.length; i++) {
      const at = async (delta: number) => {
        tensors[n].write(values.map((v, j) => j === i ? v + delta : v));
        return await loss().item();
      };
      numeric.push((await at(step) - await at(-step)) / (2 * step));
    }
    tensors[n].write(values);
    assertClose(analytic[n], numeric, tolerance, `gradient of input ${n}`);
  }
}

/** What `f` computes, and the gradients of Σ gradient·f with respect to `inputs`. */
export async function valueAndGradients(
  f: () => Tensor,
  gradient: Tensor,
  inputs: Tensor[],
): Promise<TensorData[]> {
  const { gradients } = valueAndGrad(() => sum(mul(f(), gradient)), inputs);
  return await Promise.all([f(), ...gradients].map((result) => result.data()));
}
