/** Shape arithmetic: sizes, strides, broadcasting and axes, with their errors. */
import assert from "node:assert/strict";
import {
  broadcastShapes,
  formatShape,
  normalizeAxis,
  sameShape,
  size,
  strides,
} from "../lib/shape.ts";

Deno.test("size is the product of the axes, 1 for a scalar, 0 with an empty axis", () => {
  assert.deepEqual([[], [5], [2, 3, 4], [2, 0, 4]].map(size), [1, 5, 24, 0]);
});

Deno.test("strides are row-major", () => {
  assert.deepEqual(strides([2, 3, 4]), [12, 4, 1]);
  assert.deepEqual(strides([]), []);
});

Deno.test("formatShape and sameShape", () => {
  assert.equal(formatShape([2, 3]), "[2,3]");
  assert.equal(formatShape([]), "[]");
  assert.ok(sameShape([2, 3], [2, 3]));
  assert.ok(!sameShape([2, 3], [2]) && !sameShape([2], [2, 3]) && !sameShape([2, 3], [3, 2]));
});

Deno.test("broadcastShapes aligns at the last axis and stretches ones", () => {
  assert.deepEqual(broadcastShapes("add", [4, 1, 3], [5, 1]), [4, 5, 3]);
  assert.deepEqual(broadcastShapes("add", [], [2, 2]), [2, 2]);
  assert.deepEqual(broadcastShapes("add", [7], [7]), [7]);
  assert.deepEqual(broadcastShapes("add", [1], [0]), [0]);
});

Deno.test("broadcastShapes names both shapes and the axis that differs", () => {
  const message =
    "add: shapes [2,3] and [4,3,3] do not broadcast: sizes 2 and 3 on axis -2 differ and neither is 1";
  assert.throws(() => broadcastShapes("add", [2, 3], [4, 3, 3]), { name: "TypeError", message });
});

Deno.test("normalizeAxis counts from the end and refuses what is not there", () => {
  assert.deepEqual([-3, -1, 0, 2].map((axis) => normalizeAxis("sum", axis, 3)), [0, 2, 0, 2]);
  const refused = (axis: number, rank: number, message: RegExp) =>
    assert.throws(() => normalizeAxis("sum", axis, rank), { name: "RangeError", message });
  refused(3, 3, /axis 3 .* rank 3: expected -3 to 2/);
  refused(-4, 3, /axis -4/);
  refused(0.5, 3, /axis 0.5/);
  refused(0, 0, /scalar has no axes/);
});
