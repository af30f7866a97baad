/**
 * The gradients of a model of tests/golden against those that PyTorch computed, tensor by tensor of
 * its file.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { ParameterSource } from "../../lib/hub/format.ts";
import { intoStored } from "../../lib/hub/stored_layout.ts";
import { size } from "../../lib/shape.ts";
import type { Tensor } from "../../lib/tensor/tensor.ts";
import { type Golden, uniform } from "./pretrained_golden.ts";

/**
 * Asserts norm and direction of each tensor's gradient, put together from those of the parameters
 * in it, and that every tensor of the file has one.
 */
export async function assertGradients(
  golden: Golden,
  parameters: readonly (readonly [name: string, parameter: Tensor])[],
  gradients: readonly Tensor[],
  source: (parameter: string) => ParameterSource,
): Promise<void> {
  const stored = new Map<string, { data: Float32Array<ArrayBuffer>; transposed: boolean }>();
  for (const [i, [parameter, { shape }]] of parameters.entries()) {
    const from = source(parameter);
    const { names: [name], transposed } = from;
    if (!stored.has(name)) {
      stored.set(name, { data: new Float32Array(size(golden.shapes[name])), transposed });
    }
    const gradient = await gradients[i].data() as Float32Array<ArrayBuffer>;
    intoStored(gradient, shape, from, stored.get(name)!.data);
  }
  for (const [name, { data, transposed }] of stored) {
    const [norm, product] = golden.gradients[name];
    const direction = uniform("direction", data.length);
    // The direction is laid out as the file's tensor is.
    const [columns, rows] = golden.shapes[name];
    const at = (j: number) => transposed ? j % columns * rows + Math.floor(j / columns) : j;
    const along = data.reduce((sum, g, j) => sum + g * direction[at(j)], 0);
    const tolerance = 1e-4 * Math.max(norm, 0.1);
    const near = (actual: number, expected: number) => Math.abs(actual - expected) < tolerance;
    const got = [Math.hypot(...data), along];
    const message = `gradient of ${name}: norm and product are ${got}, expected ${norm},${product}`;
    assert.ok(near(got[0], norm) && near(got[1], product), message);
  }
  assert.deepEqual(new Set(stored.keys()), new Set(Object.keys(golden.shapes)));
}
