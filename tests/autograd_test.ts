/** `valueAndGrad`: its two ways of naming parameters, and what it refuses. */
import assert from "node:assert/strict";
import { add, mul } from "../lib/ops/binary.ts";
import { sum } from "../lib/ops/reduce.ts";
import { valueAndGrad } from "../lib/tensor/autograd.ts";
import { compile } from "../lib/tensor/compile.ts";
import { type Tensor, tensor } from "../lib/tensor/tensor.ts";
import { forEachDevice } from "./support/devices.ts";

forEachDevice("the function receives the parameters, or closes over them", async () => {
  const [a, b] = [tensor([1, 2]), tensor([3, 4])];
  const closed = valueAndGrad(() => sum(mul(a, mul(b, b))), [a, b]);
  const passed = valueAndGrad((x, y) => sum(mul(x, mul(y, y))), [a, b]);
  for (const { value, gradients } of [closed, passed]) {
    assert.equal(await value.item(), 41);
    assert.deepEqual(await gradients[0].toArray(), [9, 16]);
    assert.deepEqual(await gradients[1].toArray(), [6, 16]);
  }
});

forEachDevice("a parameter that the result does not depend on gets zeros", async () => {
  const [a, b] = [tensor([1, 2]), tensor([[3, 4]])];
  const { gradients } = valueAndGrad((x) => sum(x), [a, b]);
  assert.deepEqual(await gradients[1].toArray(), [[0, 0]]);
});

forEachDevice("a function or parameters of another kind are refused in one line", () => {
  const x = tensor([1, 2]);
  // deno-lint-ignore no-explicit-any
  const guess = valueAndGrad as any;
  const refused = (run: () => unknown, message: string) => assert.throws(run, { message });
  refused(
    () => guess(() => sum(x), x),
    "valueAndGrad: expected a function of tensors and an array of them; got a function and a Tensor f32 [2]",
  );
  refused(() => guess(() => sum(x), [1]), "valueAndGrad: parameter 0: expected a tensor, got 1");
  refused(
    () => guess(() => add(x, 1), [x]),
    "valueAndGrad: expected a function that gives one number, got f32 [2]; take its sum or mean",
  );
  refused(
    () => guess(() => sum(x).item(), [x]),
    "valueAndGrad: the function's result: expected a tensor, got a promise; await it first",
  );
});

forEachDevice("what would lose a gradient is refused, not taken for a constant", async () => {
  const x = tensor([1, 2]);
  const compiled = compile((x: Tensor) => sum(mul(x, x)));
  const closed = compile(() => sum(mul(x, x)));
  const inner = () => valueAndGrad((y) => sum(mul(y, y)), [x]);
  const losing: [RegExp, () => Tensor][] = [
    [/^Error: valueAndGrad: called inside another valueAndGrad/, () => inner().value],
    [/^Error: valueAndGrad: called inside/, () => sum(inner().gradients[0])],
    [/^Error: compiled function: no gradient flows through it to f32 \[2\]/, () => compiled(x)],
    [/^Error: compiled function: no gradient/, () => compiled(mul(x, 2))],
    [/^Error: compiled function: no gradient/, closed],
    [/^Error: part: no gradient flows through a part of f32 \[2\]; use slice/, () => x.part(0, [])],
  ];
  for (const [message, f] of losing) {
    assert.throws(() => valueAndGrad(f, [x]), message);
  }
  // A constant may come from a compiled function, also one that is recorded then.
  const scale = compile((y: Tensor) => sum(y));
  const { gradients } = valueAndGrad((x) => sum(mul(x, scale(tensor([1, 2])))), [x]);
  assert.deepEqual(await gradients[0].toArray(), [3, 3]);
  assert.equal(await compiled(x).item(), 5);
});
