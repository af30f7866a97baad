/**
 * Elementwise functions of two tensors on every device: broadcasting, edges, and gradients.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { BinaryName } from "../kernels/elementwise.ts";
import { valueAndGrad } from "../lib/tensor/autograd.ts";
import {
  add,
  div,
  equal,
  greater,
  maximum,
  minimum,
  mul,
  type Operand,
  sub,
} from "../lib/ops/binary.ts";
import { sum } from "../lib/ops/reduce.ts";
import { type Tensor, tensor } from "../lib/tensor/tensor.ts";
import { forEachDevice } from "./support/devices.ts";
import { assertClose, checkGradients } from "./support/gradient_check.ts";
import { floats } from "./support/matmul_reference.ts";

/** A case for every row of the table; the excluded ones are parts of derivatives. */
const CASES: Record<Exclude<BinaryName, "greaterEqual" | "gate">, {
  f: (a: Operand, b: Operand) => Tensor;
  exact: (a: number, b: number) => number;
}> = {
  add: { f: add, exact: (a, b) => a + b },
  sub: { f: sub, exact: (a, b) => a - b },
  mul: { f: mul, exact: (a, b) => a * b },
  div: { f: div, exact: (a, b) => a / b },
  maximum: { f: maximum, exact: Math.max },
  minimum: { f: minimum, exact: Math.min },
  greater: { f: greater, exact: (a, b) => a > b ? 1 : 0 },
  equal: { f: equal, exact: (a, b) => a === b ? 1 : 0 },
};

const SHAPES: [number[], number[]][] = [
  [[], []],
  [[3], [3]],
  [[70_001], [70_001]],
  [[3, 5], []],
  [[], [7]],
  [[3, 5], [5]],
  [[3, 5], [3, 1]],
  [[3, 1], [1, 5]],
  [[12, 64, 128], [128]],
  [[12, 64, 130], [64, 130]],
  [[12, 1, 130], [64, 1]],
  [[2, 3, 4, 5], [3, 1, 5]],
  [[2, 3, 4, 5], [2, 1, 4, 1]],
  [[2, 1, 4, 1], [3, 1, 5]],
  [[1, 3, 1, 5], [2, 1, 4, 1]],
  [[2, 3, 2, 3, 2], [2, 3, 1, 1, 2]],
  [[1, 1, 6], [1, 6]],
];

/** Element by element, by index arithmetic on every axis. */
function reference(
  a: { values: ArrayLike<number>; shape: number[] },
  b: { values: ArrayLike<number>; shape: number[] },
  f: (a: number, b: number) => number,
): { values: number[]; shape: number[] } {
  const rank = Math.max(a.shape.length, b.shape.length);
  const pad = (shape: number[]) => [...new Array(rank - shape.length).fill(1), ...shape];
  const [sa, sb] = [pad(a.shape), pad(b.shape)];
  const shape = sa.map((length, i) => Math.max(length, sb[i]));
  const size = shape.reduce((x, y) => x * y, 1);
  const at = (own: number[], index: number[]) =>
    own.reduce((place, length, i) => place * length + (length === 1 ? 0 : index[i]), 0);
  const values = Array.from({ length: size }, (_, i) => {
    const index = new Array(rank);
    for (let axis = rank - 1, rest = i; axis >= 0; axis--) {
      index[axis] = rest % shape[axis];
      rest = Math.floor(rest / shape[axis]);
    }
    return f(a.values[at(sa, index)], b.values[at(sb, index)]);
  });
  return { values, shape };
}

for (const [left, right] of SHAPES) {
  forEachDevice(`[${left}] with [${right}]`, async () => {
    // Multiples of 1/8, so that there are equal elements, and none that is 0.
    const make = (shape: number[], seed: number) => {
      const raw = floats(shape.reduce((x, y) => x * y, 1), seed);
      return { values: raw.map((v) => (Math.floor(v * 8) + 0.5) / 8), shape };
    };
    const [a, b] = [make(left, 1), make(right, 2)];
    const tensors = [a, b].map(({ values, shape }) => tensor(values, { shape }));
    for (const [name, { f, exact }] of Object.entries(CASES)) {
      const expected = reference(a, b, exact);
      const actual = f(tensors[0], tensors[1]);
      assert.deepEqual(actual.shape, expected.shape, name);
      assertClose(await actual.data(), expected.values, 1e-6, name);
    }
  });
}

forEachDevice("a number is used as a scalar", async () => {
  const x = tensor([1, 2, 4]);
  assertClose(await sub(1, x).data(), [0, -1, -3]);
  assertClose(await div(x, 2).data(), [0.5, 1, 2]);
  assertClose(await maximum(x, 2).data(), [2, 2, 4]);
});

for (const name of ["add", "sub", "mul", "div", "maximum", "minimum"] as const) {
  forEachDevice(`gradients of ${name}`, async () => {
    const { f } = CASES[name];
    const pairs = [[[2, 3], [2, 3]], [[2, 3], [3]], [[2, 1], [1, 3]], [[2, 1, 3, 1], [2, 1, 2]]];
    for (const [left, right] of [...pairs, [[], [3]]]) {
      const make = (shape: number[], shift: number) => ({
        values: Array.from(
          { length: shape.reduce((x, y) => x * y, 1) },
          (_, i) => Math.cos(2.3 * i + shift) + (shift > 1 ? 2.2 : 0),
        ),
        shape,
      });
      await checkGradients(f, [make(left, 0.2), make(right, 1.4)], { step: 1e-3 });
    }
  });
}

forEachDevice("at a tie the gradient goes to the first operand", async () => {
  const [a, b] = [tensor([1, 5]), tensor([1, 4])];
  for (const f of [maximum, minimum]) {
    const { gradients } = valueAndGrad(() => sum(f(a, b)), [a, b]);
    const toA = f === maximum ? [1, 1] : [1, 0];
    assertClose(await gradients[0].data(), toA);
    assertClose(await gradients[1].data(), toA.map((v) => 1 - v));
  }
});

forEachDevice(
  "an infinite gradient reaches the larger operand alone, and the other gets 0",
  async () => {
    const [a, b, huge] = [tensor([1, 5]), tensor([2, 4]), tensor([Infinity, -Infinity])];
    for (const f of [maximum, minimum]) {
      const { gradients } = valueAndGrad(() => sum(mul(f(a, b), huge)), [a, b]);
      const [toA, toB] = [[0, -Infinity], [Infinity, 0]];
      assert.deepEqual([...await gradients[0].data()], f === maximum ? toA : [Infinity, 0]);
      assert.deepEqual([...await gradients[1].data()], f === maximum ? toB : [0, -Infinity]);
    }
  },
);

forEachDevice("one tensor as both operands gets both gradients", async () => {
  const x = tensor([3, -2]);
  const { gradients: [dx] } = valueAndGrad(() => sum(mul(x, x)), [x]);
  assertClose(await dx.data(), [6, -4]);
});

forEachDevice("infinities", async () => {
  const a = tensor([Infinity, -Infinity, 1, 0]), b = tensor([1, 1, 0, 0]);
  assert.deepEqual(Array.from(await add(a, b).data()), [Infinity, -Infinity, 1, 0]);
  assert.deepEqual(Array.from(await div(a, b).data()), [Infinity, -Infinity, Infinity, NaN]);
  assert.deepEqual(Array.from(await sub(a, a).data()), [NaN, NaN, 0, 0]);
  assert.deepEqual(Array.from(await greater(a, b).data()), [1, 0, 1, 0]);
});

forEachDevice("functions of two tensors say what is wrong", () => {
  assert.throws(() => add(tensor([1, 2]), tensor([1, 2, 3])), /\[2\] and \[3\] do not broadcast/);
  assert.throws(() => mul(tensor(Int32Array.of(1)), 2), /mul: expected f32 values, got i32 \[1\]/);
  const zigzag = [
    tensor(floats(8, 1), { shape: [2, 1, 2, 1, 2, 1] }),
    tensor(floats(8, 1), {
      shape: [1, 2, 1, 2, 1, 2],
    }),
  ];
  assert.throws(() => add(zigzag[0], zigzag[1]), /need more than four axes to broadcast/);
});
