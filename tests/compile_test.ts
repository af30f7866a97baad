import assert from "node:assert/strict";
import { valueAndGrad } from "../lib/tensor/autograd.ts";
import { add, mul } from "../lib/ops/binary.ts";
import { compile } from "../lib/tensor/compile.ts";
import { consume, copy, store } from "../lib/tensor/copy.ts";
import { sum } from "../lib/ops/reduce.ts";
import { empty, type Tensor, tensor, zeros } from "../lib/tensor/tensor.ts";
import { exp } from "../lib/ops/unary.ts";
import { forEachDevice } from "./support/devices.ts";
import { assertClose } from "./support/gradient_check.ts";

forEachDevice("a compiled function gives what the plain one gives, again and again", async () => {
  const f = (x: Tensor) => mul(exp(x), add(x, 1));
  const compiled = compile(f);
  const x = tensor([0, 1, 2]);
  assertClose(await compiled(x).data(), await f(x).data(), 0);
  x.write([3, 4, 5]);
  assertClose(await compiled(x).data(), await f(x).data(), 0);
  const other = tensor([-1, -2, -3]);
  assertClose(await compiled(other).data(), await f(other).data(), 0);
  assert.equal(compiled.report?.launches, 3);
});

forEachDevice("intermediate results share memory", () => {
  const compiled = compile((x: Tensor) => {
    for (let i = 0; i < 10; i++) x = exp(x);
    return x;
  });
  compiled(zeros([1000]));
  const { bytes, bytesUnshared } = compiled.report!;
  assert.ok(bytes < bytesUnshared / 3, `${bytes} of ${bytesUnshared}`);
});

forEachDevice("launches whose results nobody needs are left out", () => {
  const compiled = compile((x: Tensor) => {
    exp(exp(x));
    return add(x, 1);
  });
  compiled(zeros([4]));
  assert.equal(compiled.report!.launches, 1);
});

forEachDevice("gradients and state that outlives the program", async () => {
  const w = tensor([1, 2, 3]);
  const gradient = zeros([64 * 3]);
  const part = gradient.part(64, [3]);
  const step = compile(() => {
    const { value, gradients } = valueAndGrad(() => sum(mul(mul(w, w), w)), [w]);
    store(gradients[0], part);
    return value;
  });
  assert.equal(await step().item(), 36);
  assertClose((await gradient.data()).slice(64, 67), [3, 12, 27], 1e-6);
  w.write([2, 2, 2]);
  assert.equal(await step().item(), 24);
  assertClose((await gradient.data()).slice(64, 67), [12, 12, 12], 1e-6);
  assert.deepEqual([...(await gradient.data()).slice(0, 64)], new Array(64).fill(0));
});

forEachDevice(
  "consume renames if the value is not read afterwards, and copies otherwise",
  async () => {
    const renamed = compile((x: Tensor) => consume(exp(x)));
    assertClose(await renamed(zeros([2])).data(), [1, 1]);
    assert.equal(renamed.report!.launches, 1);
    const copied = compile((x: Tensor) => {
      const y = exp(x);
      return [consume(y), y];
    });
    assertClose(await copied(zeros([2]))[0].data(), [1, 1]);
    assert.equal(copied.report!.launches, 2);
  },
);

forEachDevice("mistakes in a compiled function are named", async () => {
  const x = zeros([2]);
  const shape = compile((a: Tensor) => add(a, 1));
  shape(x);
  assert.throws(() => shape(zeros([3])), /input 0 was f32 \[2\].*f32 \[3\]/);
  let leaked: Tensor = empty([1]);
  compile((a: Tensor) => add(leaked = exp(a), 1))(x);
  let dead: Tensor = leaked;
  compile((a: Tensor) => {
    dead = exp(a);
    return add(a, 1);
  })(x);
  await assert.rejects(async () => await dead.data(), /program/);
  await assert.rejects(
    async () => {
      let reading: Promise<unknown> | undefined;
      compile((a: Tensor) => {
        reading = a.data();
        return add(a, 1);
      })(x);
      await reading;
    },
    /cannot be read inside a compiled function/,
  );
  assert.throws(() => compile(() => shape(x))(), /inside another/);
  assert.throws(() => compile((a: Tensor) => Promise.resolve(a))(x), /asynchronous/);
  assertClose(await copy(x).data(), [0, 0]);
});
