/**
 * Moves in a recorded program give what eager copies give, whatever reads or writes the memory in
 * between.
 *
 * @module
 */
import assert from "node:assert/strict";
import { add, mul } from "../lib/ops/binary.ts";
import { compile } from "../lib/tensor/compile.ts";
import { consume, store } from "../lib/tensor/copy.ts";
import { embedding } from "../lib/ops/embedding.ts";
import { sum } from "../lib/ops/reduce.ts";
import { valueAndGrad } from "../lib/tensor/autograd.ts";
import { tensor, zeros } from "../lib/tensor/tensor.ts";
import { forEachDevice } from "./support/devices.ts";
import { assertClose } from "./support/gradient_check.ts";

forEachDevice("a state consumed before it is stored keeps its old value", async () => {
  const [state, x] = [tensor([1, 2]), tensor([10, 20])];
  const step = compile(() => {
    const next = add(x, 1);
    const old = consume(state);
    store(next, state);
    return old;
  });
  assertClose(await step().data(), [1, 2], 0);
  assertClose(await state.data(), [11, 21], 0);
});

forEachDevice("of two stores to one place the later one stays", async () => {
  const [state, x] = [tensor([0, 0]), tensor([10, 20])];
  const step = compile(() => {
    const second = add(x, 1);
    store(mul(x, 2), state);
    store(second, state);
    return add(x, 5);
  });
  step();
  assertClose(await state.data(), [11, 21], 0);
});

forEachDevice("two states can be swapped", async () => {
  const [a, b] = [tensor([1, 2]), tensor([3, 4])];
  const step = compile(() => {
    const [fromA, fromB] = [add(a, 0), add(b, 0)];
    store(fromA, b);
    store(fromB, a);
    return add(a, b);
  });
  assertClose(await step().data(), [4, 6], 0);
  assertClose(await a.data(), [3, 4], 0);
  assertClose(await b.data(), [1, 2], 0);
});

forEachDevice("reads see the state from before or after the store, as written", async () => {
  const state = tensor([1, 2]);
  const step = compile(() => {
    const next = mul(state, 2);
    const before = add(state, 0);
    store(next, state);
    return [before, add(state, 0)];
  });
  const [before, after] = step();
  assertClose(await before.data(), [1, 2], 0);
  assertClose(await after.data(), [2, 4], 0);
});

forEachDevice("a gradient that accumulates in place is computed in its final storage", async () => {
  const table = tensor([[1, 2], [3, 4], [5, 6]]);
  const ids = tensor(Int32Array.of(2, 0, 2));
  const stored = zeros([3, 2]);
  const gradientOf = () => {
    const loss = () => add(sum(embedding(table, ids)), sum(mul(table, table)));
    return valueAndGrad(loss, [table]).gradients[0];
  };
  const returned = compile(gradientOf);
  const step = compile(() => store(gradientOf(), stored));
  returned();
  step();
  assertClose(await stored.data(), [3, 5, 6, 8, 12, 14], 1e-6);
  assertClose(await returned().data(), await stored.data(), 0);
  assert.equal(step.report!.launches, returned.report!.launches, "a store costs no launch");
});
