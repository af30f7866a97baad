/** Tensors: making, viewing, reading and showing them. */
import assert from "node:assert/strict";
import { inspect } from "node:util";
import { compile } from "../lib/tensor/compile.ts";
import { reshape } from "../lib/ops/reshape.ts";
import { valueAndGrad } from "../lib/tensor/autograd.ts";
import { sum } from "../lib/ops/reduce.ts";
import { mul } from "../lib/ops/binary.ts";
import { empty, full, ones, type Tensor, tensor, zeros } from "../lib/tensor/tensor.ts";
import { forEachDevice, sharedDevice } from "./support/devices.ts";
import { useDevice } from "../lib/device/current_device.ts";

/** A guess that TypeScript would refuse, as `deno run` lets it through. */
// deno-lint-ignore no-explicit-any
const any = (value: unknown): any => value;

const six = () => tensor([[1, 2, 3], [4, 5, 6]]);

forEachDevice("a view has the given shape, in which one −1 is inferred", async () => {
  const x = six();
  assert.deepEqual(x.view([6]).shape, [6]);
  assert.deepEqual(x.view([3, -1]).shape, [3, 2]);
  assert.deepEqual(x.view([-1]).shape, [6]);
  assert.deepEqual(x.view([1, -1, 6]).shape, [1, 1, 6]);
  assert.deepEqual(await x.view([3, -1]).toArray(), [[1, 2], [3, 4], [5, 6]]);
  assert.deepEqual(zeros([0, 3]).view([0]).shape, [0]);
});

forEachDevice("a view of another size is refused, by reshape alike", () => {
  const x = six();
  for (const [name, to] of Object.entries({ view: x.view.bind(x), reshape: any(reshape) })) {
    const view = (shape: unknown) => () => name === "view" ? to(any(shape)) : to(x, shape);
    assert.throws(view([100]), {
      name: "TypeError",
      message: `${name}: [2,3] has 6 elements, which do not fill [100]`,
    });
    assert.throws(view([4, -1]), /6 elements, which do not fill \[4,-1\]/);
    assert.throws(view([0, -1]), /do not fill \[0,-1\]/);
    assert.throws(view([-1, -1]), TypeError);
    assert.throws(view([-2, -3]), /whole numbers from 0, got \[-2,-3\]/);
    assert.throws(view([1.5, 4]), /whole numbers from 0/);
    assert.throws(view(6), { message: `${name}: expected a shape such as [2, 3], got 6` });
  }
  assert.throws(() => zeros([0, 3]).view([-1, 0]), TypeError);
});

forEachDevice("a gradient flows back through a view in the first shape", async () => {
  const x = six();
  const weights = tensor([[1, 2], [3, 4], [5, 6]]);
  for (const viewed of [() => reshape(x, [3, -1]), () => x.view([3, 2])]) {
    const { gradients } = valueAndGrad(() => sum(mul(viewed(), weights)), [x]);
    assert.deepEqual(await gradients[0].toArray(), [[1, 2, 3], [4, 5, 6]]);
  }
});

forEachDevice("values are returned nested by the shape", async () => {
  assert.deepEqual(await six().toArray(), [[1, 2, 3], [4, 5, 6]]);
  assert.equal(await tensor(7).toArray(), 7);
  assert.deepEqual(await tensor([1, 2]).toArray(), [1, 2]);
  assert.deepEqual(await tensor(new Int32Array(4), { shape: [2, 1, 2] }).toArray(), [
    [[0, 0]],
    [[0, 0]],
  ]);
  assert.deepEqual(await zeros([0, 2]).toArray(), []);
  assert.deepEqual(await zeros([2, 0]).toArray(), [[], []]);
});

forEachDevice("tensors have the requested dtype", async () => {
  for (const make of [empty, zeros, ones]) {
    assert.equal(make([2], { dtype: "i32" }).dtype, "i32");
    assert.equal(make([2]).dtype, "f32");
  }
  assert.deepEqual([...await full([2], 3, { dtype: "i32" }).data()], [3, 3]);
  assert.deepEqual([...await tensor([1, 2], { dtype: "i32" }).data()], [1, 2]);
  assert.equal(tensor(Int32Array.of(1)).dtype, "i32");
  assert.equal(tensor(Float32Array.of(1), { dtype: "i32" }).dtype, "i32");
});

const REFUSED: Record<string, [guess: () => unknown, message: string]> = {
  "a dtype of another library": [
    () => tensor([1], { dtype: any("int32") }),
    `tensor: expected the dtype 'f32' (floats) or 'i32' (integers), got "int32"`,
  ],
  "a dtype of another library for empty": [
    () => empty([1], { dtype: any("float32") }),
    `empty: expected the dtype 'f32' (floats) or 'i32' (integers), got "float32"`,
  ],
  "a dtype in place of the options": [
    () => tensor([1], any("i32")),
    `tensor: expected an object of options (shape, dtype, device), got "i32"`,
  ],
  "a dtype in place of the options of zeros": [
    () => zeros([1], any("i32")),
    `zeros: expected an object of options (dtype, device), got "i32"`,
  ],
  "an unknown option": [
    () => ones([1], any({ type: "i32" })),
    "ones: unknown option 'type'; did you mean 'dtype'?",
  ],
  "a number in place of a shape": [
    () => zeros(any(3)),
    "zeros: expected a shape such as [2, 3], got 3",
  ],
  "a negative length": [
    () => ones([2, -1]),
    "ones: expected a shape of whole numbers from 0, got [2,-1]",
  ],
  "no value to fill with": [
    () => full([2], any(undefined)),
    "full: expected a number to fill with, got undefined",
  ],
  "a promise in place of values": [
    () => tensor(any(Promise.resolve([1]))),
    "tensor: expected numbers in an array, got a promise; await it first",
  ],
  "a text in place of values": [
    () => tensor(any("to be")),
    `tensor: expected numbers in an array, got "to be"`,
  ],
  "texts among the numbers": [
    () => tensor(any([1, "2"])),
    `tensor: expected numbers, got "2" at index 1`,
  ],
  "ragged rows": [() => tensor([[1, 2], [3]]), "tensor: rows differ in length: 2, 1"],
  "too few values for the shape": [
    () => tensor([1, 2], { shape: [3] }),
    "tensor: the shape [3] holds 3 values, got 2",
  ],
  "a fraction for i32": [
    () => tensor([1, 1.5], { dtype: "i32" }),
    "tensor: expected 32-bit integers for i32, got 1.5 at index 1",
  ],
  "an integer that i32 cannot hold": [
    () => tensor([3e9], { dtype: "i32" }),
    "tensor: expected 32-bit integers for i32, got 3000000000 at index 0",
  ],
  "too many values to write": [
    () => tensor([1]).write([1, 2]),
    "write: expected 1 values for f32 [1], got 2",
  ],
  "a promise to write": [
    () => tensor([1]).write(any(Promise.resolve())),
    "write: expected 1 values for f32 [1], got a promise; await it first",
  ],
};

for (const [guess, [run, message]] of Object.entries(REFUSED)) {
  Deno.test(`refused in one line: ${guess}`, async () => {
    useDevice(await sharedDevice("cpu-1"));
    assert.throws(run, { message });
  });
}

forEachDevice("a part outside the tensor is refused", () => {
  for (const start of [-64, 64, NaN]) {
    assert.throws(() => tensor(new Float32Array(64)).part(start, [4]), RangeError);
  }
});

Deno.test("console.log shows dtype, shape, device and the first values on the CPU", async () => {
  useDevice(await sharedDevice("cpu-1"));
  assert.equal(inspect(six()), "f32 [2,3] on cpu: [[1, 2, 3], [4, 5, 6]]");
  assert.equal(inspect(tensor(0.1)), "f32 [] on cpu: 0.1");
  assert.equal(inspect({ x: tensor([1 / 3]) }), "{ x: f32 [1] on cpu: [0.333333] }");
  const many = tensor(Int32Array.from({ length: 30 }, (_, i) => i));
  assert.equal(inspect(many), "i32 [30] on cpu: 0, 1, 2, 3, 4, 5, 6, 7, …");
  assert.equal(inspect(many.view([5, 6])), "i32 [5,6] on cpu: 0, 1, 2, 3, 4, 5, 6, 7, …");
  many.dispose();
  assert.equal(inspect(many), "i32 [30] on cpu: its memory was freed");
  let inside = "";
  compile((x: Tensor) => {
    const y = mul(x, 2);
    inside = inspect(y);
    return y;
  })(six());
  assert.match(inside, /^f32 \[2,3\] on cpu: no values yet/);
});

forEachDevice("console.log never waits for a device", (device) => {
  if (device.kind === "cpu") return;
  assert.equal(inspect(six()), "f32 [2,3] on webgpu: read its values with await tensor.data()");
});
