/** Scopes: what is freed at their end, and what is not. */
import assert from "node:assert/strict";
import type { Device } from "../lib/device/device.ts";
import { exp, mul } from "../mod.ts";
import { compile } from "../lib/tensor/compile.ts";
import { keep, scope } from "../lib/tensor/scope.ts";
import { tensor, zeros } from "../lib/tensor/tensor.ts";
import { forEachDevice } from "./support/devices.ts";

/** The bytes that `body` leaves in use, its kernels not counted. */
function left(device: Device, body: () => unknown): number {
  body();
  const before = device.memory().used;
  body();
  return device.memory().used - before;
}

forEachDevice("a view of a tensor from outside leaves that tensor as it is", async (device) => {
  const x = tensor([[1, 2], [3, 4]]);
  const large = zeros([2, 64]);
  assert.equal(left(device, () => scope(() => void exp(mul(x.view([4]), 2)))), 0);
  scope(() => void large.part(64, [64]));
  assert.equal(scope(() => x.view([4])).storage, x.storage);
  assert.equal(scope(() => scope(() => x.view([2, 2]))).shape.length, 2);
  assert.deepEqual(await x.toArray(), [[1, 2], [3, 4]]);
  assert.equal((await large.data()).length, 128);
});

forEachDevice("results live on as views, parts and kept ones", async () => {
  const x = tensor([1, 2, 3, 4]);
  const viewed = scope(() => mul(x, 2).view([2, 2]));
  assert.deepEqual(await viewed.toArray(), [[2, 4], [6, 8]]);
  const part = scope(() => tensor(Float32Array.from({ length: 128 }, (_, i) => i)).part(64, [2]));
  zeros([128]); // would take memory that was freed
  assert.deepEqual(await part.toArray(), [64, 65]);
  let kept = x;
  scope(() => void (kept = keep(mul(x, 3).view([2, 2]))));
  zeros([4]);
  assert.deepEqual(await kept.toArray(), [[3, 6], [9, 12]]);
  const inner = scope(() => {
    const result = scope(() => mul(x, 4));
    return mul(result, result);
  });
  assert.deepEqual(await inner.toArray(), [16, 64, 144, 256]);
});

forEachDevice("an error frees what was made before it", async (device) => {
  const x = tensor([1, 2, 3, 4]);
  const fail = () =>
    scope(() => {
      exp(mul(x, x));
      throw new Error("meant");
    });
  assert.equal(left(device, () => assert.throws(fail, /meant/)), 0);
  assert.deepEqual(await x.toArray(), [1, 2, 3, 4]);
});

forEachDevice("a program that is recorded in a scope outlives it", async () => {
  const x = tensor([1, 2]);
  const f = compile(() => mul(exp(x), tensor([2, 3])));
  scope(() => void f());
  const [one, two] = [zeros([2]), zeros([2])]; // would take memory that was freed
  const values = await f().data();
  for (const [i, value] of [2 * Math.E, 3 * Math.exp(2)].entries()) {
    assert.ok(Math.abs(values[i] - value) < 1e-4, `${values}`);
  }
  for (const made of [one, two]) made.dispose();
  f.dispose();
});
