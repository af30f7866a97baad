/**
 * What a newcomer writes first, from the habits of PyTorch, NumPy and JAX: `deno run` checks no
 * types, so each guess is right or is refused in one line that says what to write.
 */
import assert from "node:assert/strict";
import * as folio from "../mod.ts";
import { sharedDevice } from "./support/devices.ts";

// deno-lint-ignore no-explicit-any
type Anything = any;
const guess: Anything = folio;
const { tensor, useDevice } = folio;

/** Registers a test for each guess: its message, after the name of the error's class. */
function refused(guesses: Record<string, [run: () => unknown, message: string]>): void {
  for (const [name, [run, message]] of Object.entries(guesses)) {
    Deno.test(`refused: ${name}`, async () => {
      useDevice(await sharedDevice("cpu-1"));
      await assert.rejects(async () => await run(), (error: Error) => {
        assert.equal(`${error.name}: ${error.message}`, message);
        return true;
      });
    });
  }
}

const x = () => tensor([[1, 2, 3], [4, 5, 6]]);
const ids = () => tensor(Int32Array.of(1, 0));

refused({
  "sum(x, 0)": [
    () => guess.sum(x(), 0),
    "TypeError: sum: expected an object of options (axis, keepDimensions), got 0",
  ],
  "sum(x, { dim })": [
    () => guess.sum(x(), { dim: 0 }),
    "TypeError: sum: unknown option 'dim'; did you mean 'axis'?",
  ],
  "sum(x, { axes })": [
    () => guess.sum(x(), { axes: [0] }),
    "TypeError: sum: unknown option 'axes'; did you mean 'axis'?",
  ],
  "mean(x, { keepdim })": [
    () => guess.mean(x(), { axis: 0, keepdim: true }),
    "TypeError: mean: unknown option 'keepdim'; did you mean 'keepDimensions'?",
  ],
  "max(x, { axis: 2 })": [
    () => folio.max(x(), { axis: 2 }),
    "RangeError: max: axis 2 does not exist in a tensor of rank 2: expected -2 to 1",
  ],
  "sum of an array": [
    () => guess.sum([1, 2, 3]),
    "TypeError: sum: expected a tensor, got an array of 3; make one with tensor(values)",
  ],
  "sum of a promise": [
    () => guess.sum(x().data()),
    "TypeError: sum: expected a tensor, got a promise; await it first",
  ],
  "argmax(x, 1)": [
    () => guess.argmax(x(), 1),
    "TypeError: argmax: expected an object of options (axis, keepDimensions), got 1",
  ],
  "softmax(x, -1)": [
    () => guess.softmax(x(), -1),
    "TypeError: softmax: expected an object of options (axis), got -1",
  ],
  "softmax(x, { dim })": [
    () => guess.softmax(x(), { dim: -1 }),
    "TypeError: softmax: unknown option 'dim'; did you mean 'axis'?",
  ],
  "topK(x, 2, { axis: 0 })": [
    () => folio.topK(x(), 2, { axis: 0 }),
    "RangeError: topK: expected the last axis of f32 [2,3], got 0; transpose it first",
  ],
  "topK(x, { k })": [
    () => guess.topK(x(), { k: 2 }),
    "RangeError: topK: k must be from 1 to the row's length, got an object with k for f32 [2,3]",
  ],
  "concatenate(list, 1)": [
    () => guess.concatenate([x(), x()], 1),
    "TypeError: concatenate: expected an object of options (axis), got 1",
  ],
  "concatenate(a, b)": [
    () => guess.concatenate(x(), x()),
    "TypeError: concatenate: expected an object of options (axis), got a Tensor f32 [2,3]",
  ],
  "slice(x, 0, 1)": [
    () => guess.slice(x(), 0, 1),
    "TypeError: slice: expected an object of options (axis, start, end), got 0",
  ],
  "slice(x, { start })": [
    () => guess.slice(x(), { start: 1 }),
    "RangeError: slice: axis undefined does not exist in a tensor of rank 2: expected -2 to 1",
  ],
  "transpose(x, 0, 1)": [
    () => guess.transpose(x(), 0, 1),
    "TypeError: transpose: expected a list of all axes such as [1, 0], got 0",
  ],
  "transpose of an array": [
    () => guess.transpose([[1, 2]]),
    "TypeError: transpose: expected a tensor, got an array of 1; make one with tensor(values)",
  ],
  "embedding with an array of ids": [
    () => guess.embedding(x(), [1, 0]),
    "TypeError: embedding: expected a tensor, got an array of 2; make one with tensor(values)",
  ],
  "embedding with floats for ids": [
    () => folio.embedding(x(), tensor([1, 0])),
    'TypeError: embedding: expected i32 values, got f32 [2]; make it with the option dtype: "i32"',
  ],
  "crossEntropy(…, { ignore_index })": [
    () => guess.crossEntropy(x(), ids(), { ignore_index: 0 }),
    "TypeError: crossEntropy: unknown option 'ignore_index'; did you mean 'ignoreIndex'?",
  ],
  "sequenceLoss(…, { padding })": [
    () => guess.sequenceLoss(x(), Int32Array.of(1, 0), { padding: 0 }),
    "TypeError: sequenceLoss: unknown option 'padding'; name the padding's id by ignoreIndex",
  ],
  "selfAttention(qkv, { numHeads })": [
    () => guess.selfAttention(x(), { numHeads: 1 }),
    "TypeError: selfAttention: unknown option 'numHeads'; did you mean 'heads'?",
  ],
  "selfAttention(qkv, { heads, is_causal })": [
    () => guess.selfAttention(x(), { heads: 1, is_causal: true }),
    "TypeError: selfAttention: unknown option 'is_causal'; did you mean 'causal'?",
  ],
  "matmul(a, b, { transposed })": [
    () => guess.matmul(x(), x(), { transposed: true }),
    "TypeError: matmul: unknown option 'transposed'; did you mean 'transposeA'?",
  ],
  "randomNormal(shape)": [
    () => guess.randomNormal([2]),
    "TypeError: randomNormal: expected a state i32 [2] = [seed, step], got undefined; " +
    "make one with tensor(Int32Array.of(seed, 0))",
  ],
  "add on two devices": [
    async () => folio.add(x(), tensor([1], { device: await sharedDevice("cpu-2") })),
    "TypeError: add: its tensors are on different devices, cpu and cpu; " +
    "copy one over: tensor(await x.data(), { shape: x.shape, device })",
  ],
});
