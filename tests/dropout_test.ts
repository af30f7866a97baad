import assert from "node:assert/strict";
import { valueAndGrad } from "../lib/tensor/autograd.ts";
import { mul } from "../lib/ops/binary.ts";
import { compile } from "../lib/tensor/compile.ts";
import { dropout } from "../lib/ops/dropout.ts";
import { randomUniform } from "../lib/ops/random.ts";
import { sum } from "../lib/ops/reduce.ts";
import { ones, type Tensor, tensor } from "../lib/tensor/tensor.ts";
import { forEachDevice } from "./support/devices.ts";
import { assertClose, checkGradients } from "./support/gradient_check.ts";

for (const [rate, count] of [[0.2, 100], [0.5, 8199], [0.9, 30]]) {
  forEachDevice(
    `dropout at ${rate} keeps the elements that the uniform numbers select`,
    async () => {
      const state = tensor(Int32Array.of(11, 4));
      const values = Float32Array.from({ length: count }, (_, i) => Math.sin(i) + 2);
      const uniform = await randomUniform([count], state, 9).data();
      const expected = values.map((x, i) =>
        uniform[i] < Math.fround(rate) ? 0 : x * Math.fround(1 / (1 - rate))
      );
      const kept = expected.filter((y) => y !== 0).length / count;
      assert.ok(Math.abs(kept - (1 - rate)) < 2 / Math.sqrt(count), `${kept} were kept`);
      const x = tensor(values);
      assertClose(await dropout(x, rate, state, 9).data(), expected, 0);
      const { gradients } = valueAndGrad(() => sum(dropout(x, rate, state, 9)), [x]);
      const derivative = expected.map((y, i) => y / values[i]);
      assertClose(await gradients[0].data(), derivative, 1e-6);
    },
  );
}

forEachDevice("dropout draws anew when the step changes, in a replayed program too", async () => {
  const state = tensor(Int32Array.of(5, 0));
  const f = (x: Tensor) => mul(dropout(x, 0.5, state, 1), 1);
  const compiled = compile(f);
  const x = ones([64]);
  const seen = new Set<string>();
  for (const step of [0, 1, 2, 1]) {
    state.write([5, step]);
    const values = await compiled(x).data();
    assertClose(values, await f(x).data(), 0);
    seen.add(values.join());
  }
  assert.equal(seen.size, 3);
});

forEachDevice(
  "two dropouts with different streams differ; a rate of 0 gives x itself",
  async () => {
    const state = tensor(Int32Array.of(5, 0));
    const x = ones([64]);
    const [a, b] = [await dropout(x, 0.5, state, 0).data(), await dropout(x, 0.5, state, 1).data()];
    assert.notDeepEqual(a, b);
    assert.equal(dropout(x, 0, state), x);
  },
);

forEachDevice("dropout against finite differences", async () => {
  const state = tensor(Int32Array.of(8, 2));
  const values = [0.3, -1, 2, 0.5, 0.1, -0.7, 1.5];
  await checkGradients((x) => dropout(x, 0.4, state), [{ values, shape: [7] }]);
});

forEachDevice("dropout refuses a rate outside [0, 1)", () => {
  const state = tensor(Int32Array.of(5, 0));
  for (const rate of [-0.1, 1, NaN]) {
    assert.throws(() => dropout(ones([2]), rate, state), RangeError);
  }
  assert.throws(() => dropout(ones([2]), 0.5, ones([2])), TypeError);
});
