import assert from "node:assert/strict";
import { valueAndGrad } from "../lib/tensor/autograd.ts";
import { add, mul, sub } from "../lib/ops/binary.ts";
import { compile } from "../lib/tensor/compile.ts";
import { WorkingMemory } from "../lib/device/working_memory.ts";
import { consume, copy, store } from "../lib/tensor/copy.ts";
import { sum } from "../lib/ops/reduce.ts";
import { empty, type Tensor, tensor, zeros } from "../lib/tensor/tensor.ts";
import { exp } from "../lib/ops/unary.ts";
import { scope } from "../lib/tensor/scope.ts";
import { GPT } from "../lib/nn/gpt.ts";
import { Transformer } from "../lib/nn/transformer.ts";
import { SGD } from "../lib/optim/sgd.ts";
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

forEachDevice("a compiled function leaves its arguments as they are", async () => {
  const f = compile((x: Tensor, y: Tensor) => sub(x, mul(y, 2)));
  const [a, b, c] = [tensor([1]), tensor([5]), tensor([3])];
  const results = [];
  for (const [x, y] of [[a, a], [b, c], [a, c], [a.view([1]), a]]) {
    results.push(await f(x, y).item());
  }
  assert.deepEqual(results, [-1, -1, -5, -1]);
  assert.deepEqual(await Promise.all([a, b, c].map((x) => x.item())), [1, 5, 3]);
  const same = compile((x: Tensor) => x);
  assert.equal(await same(a).item(), 1);
  assert.equal(await same(b).item(), 5);
  assert.equal(await a.item(), 1);
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

forEachDevice("programs that share their working memory give their own results", async () => {
  const memory = new WorkingMemory();
  const f = (x: Tensor) => add(mul(exp(x), x), exp(mul(x, x)));
  const inputs = [8, 1000, 300].map((length) =>
    tensor(Float32Array.from({ length }, (_, i) => Math.sin(i)))
  );
  const programs = inputs.map((x) => compile(() => f(x), { memory }));
  for (let round = 0; round < 2; round++) {
    for (const [i, program] of programs.entries()) {
      assertClose(await program().data(), await f(inputs[i]).data(), 0);
    }
  }
  assert.equal(memory.bytes, programs[1].report!.bytes); // the largest decides
  programs[1].dispose();
  assertClose(await programs[0]().data(), await f(inputs[0]).data(), 0);
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
  assert.throws(
    () => compile(() => x.write([1, 2]))(),
    /write: f32 \[2\] cannot be written inside/,
  );
  assert.throws(() => compile(() => shape(x))(), /inside another/);
  assert.throws(() => compile((a: Tensor) => Promise.resolve(a))(x), /asynchronous/);
  assertClose(await copy(x).data(), [0, 0]);
});

forEachDevice("a program follows parameters that an optimizer moves", async () => {
  const w = tensor([1, 2]);
  const other = tensor([5]);
  const loss = compile((x: Tensor) => sum(mul(w, x)));
  const x = tensor([1, 10]);
  assert.equal(await loss(x).item(), 21);
  const optimizer = new SGD([other, w]);
  optimizer.step([tensor([0]), tensor([1, 0])], 0.5); // w is [0.5, 2]
  assert.equal(await loss(x).item(), 20.5);
  const later = new SGD([w]);
  later.step([tensor([0, 1])], 1); // w is [0.5, 1]
  assert.equal(await loss(tensor([2, 20])).item(), 21);
});

forEachDevice("a part of a moved tensor moves with it", async () => {
  const w = tensor(new Float32Array(128).fill(1));
  const half = w.part(64, [64]);
  const total = compile(() => sum(half));
  assert.equal(await total().item(), 64);
  new SGD([tensor([1]), w]);
  w.write(new Float32Array(128).fill(2));
  assert.equal((await half.data())[0], 2);
  assert.equal(await total().item(), 128);
});

forEachDevice("memory is compared only after a captured storage has changed", () => {
  let recorded = 0;
  const w = tensor([1, 2]);
  const f = compile((x: Tensor) => {
    recorded++;
    return mul(w, x);
  });
  const x = tensor([1, 10]);
  const first = f(x);
  scope(() => add(x, 1));
  assert.equal(f(x), first, "the same result");
  assert.equal(recorded, 1);
  new SGD([w]);
  const second = f(x);
  assert.equal(f(x), second);
  assert.equal(recorded, 2);
  assert.throws(() => add(first, 1), /its memory was freed/);
});

forEachDevice("a program never reads or writes memory that was freed", async () => {
  const [w, x] = [tensor([1, 2]), tensor([1, 10])];
  const f = compile((x: Tensor) => mul(w, x));
  f(x);
  x.dispose();
  const taken = tensor([7, 7]); // may get the memory of x
  assertClose(await f(tensor([2, 3])).data(), [2, 6], 0);
  assertClose(await f(tensor([4, 5])).data(), [4, 10], 0);
  assertClose(await taken.data(), [7, 7], 0);
  w.dispose();
  assert.throws(() => f(tensor([4, 5])), /its memory was freed/);
  assert.throws(() => f(tensor([4, 5])), /its memory was freed/);
});

forEachDevice("a program recorded in a scope outlives it", async () => {
  const x = tensor([1, 2]);
  const f = compile(() => add(x, tensor([10, 20])));
  scope(() => void f());
  zeros([2]);
  assertClose(await f().data(), [11, 22], 0);
});

forEachDevice("scopes and dispose in a function leave its memory to the plan", async () => {
  const f = compile((x: Tensor) =>
    scope(() => {
      const y = scope(() => add(mul(x, tensor([2, 3])), 1));
      const z = exp(y);
      const result = mul(y, z);
      y.dispose();
      z.dispose();
      return result;
    })
  );
  for (const x of [[0, 0], [1, -1], [0, 0]]) {
    const y = [2 * x[0] + 1, 3 * x[1] + 1];
    assertClose(await f(tensor(x)).data(), y.map((y) => y * Math.exp(y)), 1e-5);
  }
  assert.throws(() => compile(() => scope(async () => {}))(), /return tensors, not a promise/);
});

forEachDevice("attention's weights in a compiled function", async () => {
  const sizes = { contextLength: 8, layers: 2, heads: 2, width: 8 };
  const [gpt, both] = [
    new GPT({ vocabSize: 9, ...sizes }),
    new Transformer({ sourceVocabSize: 9, targetVocabSize: 9, ...sizes }),
  ];
  const of = (ids: Tensor) => [
    gpt.attentionWeights(ids),
    ...Object.values(both.attentionWeights(ids, ids)),
  ];
  const f = compile(of);
  for (const row of [[1, 2, 3], [4, 5, 6]]) {
    const ids = tensor(Int32Array.from(row), { shape: [1, 3] });
    const expected = of(ids);
    for (const [i, weights] of f(ids).entries()) {
      assertClose(await weights.data(), await expected[i].data(), 1e-6, `weights ${i}`);
    }
  }
});

forEachDevice("a disposed program's results are freed", async () => {
  const f = compile((x: Tensor) => exp(x));
  const y = f(zeros([2]));
  f.dispose();
  await assert.rejects(() => y.data(), /its memory was freed/);
  assertClose(await f(zeros([2])).data(), [1, 1], 0);
});
