import assert from "node:assert/strict";
import { rotary, type RotaryOptions } from "../lib/ops/rotary.ts";
import { tensor } from "../lib/tensor/tensor.ts";
import { forEachDevice } from "./support/devices.ts";
import { assertClose, checkGradients } from "./support/gradient_check.ts";

const [B, T, HEADS, D, REST] = [2, 5, 3, 10, 6];
const WIDTH = HEADS * D + REST;
const values = Array.from({ length: B * T * WIDTH }, (_, i) => Math.sin(i * 0.37));

function reference(first: number, base: number, R = D): number[] {
  const y = [...values];
  for (let row = 0; row < B * T; row++) {
    for (let pair = 0; pair < HEADS * R / 2; pair++) {
      const j = pair % (R / 2);
      const at = row * WIDTH + Math.floor(pair / (R / 2)) * D + j;
      const angle = (first + row % T) * base ** (-2 * j / R);
      const [u, v] = [values[at], values[at + R / 2]];
      y[at] = u * Math.cos(angle) - v * Math.sin(angle);
      y[at + R / 2] = v * Math.cos(angle) + u * Math.sin(angle);
    }
  }
  return y;
}

forEachDevice("rotary turns heads and copies the rest", async () => {
  const x = tensor(values, { shape: [B, T, WIDTH] });
  const plain = rotary(x, { heads: HEADS, headSize: D });
  assertClose(await plain.data(), reference(0, 10000), 1e-6);
  const position = tensor(new Int32Array([7]));
  const moved = rotary(x, { heads: HEADS, headSize: D, base: 500, position });
  assertClose(await moved.data(), reference(7, 500), 1e-6);
});

forEachDevice("rotary turns the first columns of each head and copies the others", async () => {
  const x = tensor(values, { shape: [B, T, WIDTH] });
  for (const dimensions of [2, 8]) {
    const y = rotary(x, { heads: HEADS, headSize: D, dimensions });
    assertClose(await y.data(), reference(0, 10000, dimensions), 1e-6);
  }
  const some = { values: values.slice(0, 42), shape: [1, 3, 14] };
  await checkGradients((x) => rotary(x, { heads: 2, headSize: 6, dimensions: 4 }), [some]);
});

forEachDevice("rotary's derivative turns back", async () => {
  const shape = [1, 3, 14];
  const some = values.slice(0, 42);
  await checkGradients((x) => rotary(x, { heads: 2, headSize: 6 }), [{ values: some, shape }]);
});

forEachDevice("rotary refuses an odd head size", () => {
  const x = tensor(values, { shape: [B, T, WIDTH] });
  assert.throws(() => rotary(x, { heads: 2, headSize: 5 }), TypeError);
  for (const dimensions of [0, 3, 12]) {
    assert.throws(() => rotary(x, { heads: 2, headSize: 10, dimensions }), /from 2 to 10; got/);
  }
});

forEachDevice("a position outside the table is the nearest one inside", async () => {
  const x = tensor([1, 0, 1, 0], { shape: [2, 1, 2] });
  const at = async (...places: number[]) => {
    const position = tensor(Int32Array.from(places));
    return await rotary(x, { heads: 1, headSize: 2, position, positions: 4 }).data();
  };
  assertClose(await at(4, 1e6), await at(3, 3), 0);
  assertClose(await at(-1, -2e9), await at(0, 0), 0);
});

forEachDevice("rotary refuses positions that do not fit", () => {
  const x = tensor(values, { shape: [B, T, WIDTH] });
  const options = { heads: HEADS, headSize: D };
  const refused = (other: Partial<RotaryOptions>, message: RegExp) =>
    assert.throws(() => rotary(x, { ...options, ...other }), message);
  refused({ positions: T - 1 }, /expected positions for the 5 rows of f32 .* got 4/);
  refused({ position: tensor(new Int32Array(3)) }, /one for each sequence of .* got i32 \[3\]/);
  refused({ position: tensor([1]) }, /rotary: position: expected i32 values, got f32 \[1\]/);
  for (const base of [NaN, Infinity, 0]) refused({ base }, /base must be a number above 0/);
  for (const heads of [-1, 0.5]) refused({ heads }, /expected an even head size/);
});

forEachDevice("YaRN's gain multiplies what is turned, and gradients follow", async () => {
  const x = tensor(values, { shape: [B, T, WIDTH] });
  const scaling = { type: "yarn", factor: 1, originalLength: 8, gain: 2 } as const;
  const expected = reference(0, 10000).map((value, i) => i % WIDTH < HEADS * D ? 2 * value : value);
  const y = rotary(x, { heads: HEADS, headSize: D, scaling });
  assertClose(await y.data(), expected, 2e-6);
  const some = { values: values.slice(0, 42), shape: [1, 3, 14] };
  await checkGradients((x) => rotary(x, { heads: 2, headSize: 6, scaling }), [some]);
  const wrong = { ...scaling, gain: NaN };
  assert.throws(() => rotary(x, { heads: HEADS, headSize: D, scaling: wrong }), /a gain above 0/);
});
