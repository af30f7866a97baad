import assert from "node:assert/strict";
import { philox4x32, Random } from "../lib/random.ts";
import { randomNormal, randomUniform } from "../lib/ops/random.ts";
import { tensor } from "../lib/tensor/tensor.ts";
import { forEachDevice } from "./support/devices.ts";
import { assertClose } from "./support/gradient_check.ts";

const SEED = 0x9a3c5f17;

/** The uniform number at an index, by the mapping that lib/ops/random.ts documents. */
function uniformAt(index: number, step: number, stream: number): number {
  const words = philox4x32([index >>> 2, 0, step, 0], [SEED, stream]);
  return (words[index & 3] >>> 8) * 2 ** -24;
}

for (const count of [1, 2, 3, 15, 16, 17, 1000, 8192, 8197, 20003]) {
  forEachDevice(`random tensors of ${count} elements`, async () => {
    const [step, stream] = [12345, 0xfffffff1];
    const state = tensor(Int32Array.of(SEED, step));
    const indices = Array.from({ length: count }, (_, i) => i);
    const uniform = indices.map((i) => uniformAt(i, step, stream));
    const drawn = await randomUniform([count], state, stream).data();
    assert.deepEqual([...drawn], uniform);
    const normal = indices.map((i) => {
      const [u, v] = [uniformAt(2 * i, step, stream), uniformAt(2 * i + 1, step, stream)];
      return Math.sqrt(-2 * Math.log(1 - u)) * Math.cos(2 * Math.PI * v);
    });
    assertClose(await randomNormal([count], state, stream).data(), normal, 1e-6);
  });
}

forEachDevice("at step 0 a random tensor has the numbers of Random", async () => {
  const state = tensor(Int32Array.of(42, 0));
  const random = new Random(42, 7);
  const expected = Array.from({ length: 50 }, () => random.uniform());
  assert.deepEqual([...await randomUniform([5, 10], state, 7).data()], expected);
});

forEachDevice("normal numbers have mean 0, variance 1 and fourth moment 3", async () => {
  const count = 200_000;
  const state = tensor(Int32Array.of(3, 0));
  const values = Array.from(await randomNormal([count], state).data());
  const moment = (power: number) => values.reduce((sum, v) => sum + v ** power, 0) / count;
  assertClose([moment(1), moment(2), moment(3), moment(4)], [0, 1, 0, 3], 0.03);
});

forEachDevice("random tensors refuse another state", () => {
  assert.throws(() => randomUniform([2], tensor([1, 2])), /expected a state i32/);
  assert.throws(() => randomNormal([2], tensor(Int32Array.of(1))), /expected a state i32/);
  assert.throws(() => randomUniform([2], tensor(Int32Array.of(1, 2)), -1), /stream/);
});
