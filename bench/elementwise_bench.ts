/**
 * Elementwise functions in the shapes of a small model's step: the feed-forward's activation,
 * residual sums, broadcasting.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Random } from "../lib/random.ts";
import { add, mul } from "../lib/ops/binary.ts";
import { activationBackward } from "../lib/tensor/elementwise.ts";
import { compile } from "../lib/tensor/compile.ts";
import { type Tensor, tensor } from "../lib/tensor/tensor.ts";
import { geluTanh, silu } from "../lib/ops/activation.ts";
import { exp, log, tanh } from "../lib/ops/unary.ts";
import {
  geluTanh as exactGelu,
  geluTanhDerivative,
  silu as exactSilu,
} from "../tests/support/exact_math.ts";
import { benchEachDevice } from "./devices.ts";

const [ROWS, WIDTH] = [768, 512];
const random = new Random(1);
const draw = (count: number) => Float32Array.from({ length: count }, () => 4 * random.uniform());
const [left, right, line] = [ROWS * WIDTH, ROWS * WIDTH, WIDTH].map(draw);

interface Case {
  f: (x: Tensor, y: Tensor, row: Tensor) => Tensor;
  exact: (x: number, y: number, row: number) => number;
  /** Number of tensors of the full shape that are read or written. */
  tensors: number;
}

const CASES: Record<string, Case> = {
  add: { f: (x, y) => add(x, y), exact: (x, y) => x + y, tensors: 3 },
  "add a row": { f: (x, _, row) => add(x, row), exact: (x, _, row) => x + row, tensors: 2 },
  "mul by a number": { f: (x) => mul(x, 3), exact: (x) => x * 3, tensors: 2 },
  exp: { f: exp, exact: Math.exp, tensors: 2 },
  log: { f: log, exact: Math.log, tensors: 2 },
  tanh: { f: tanh, exact: Math.tanh, tensors: 2 },
  silu: { f: silu, exact: exactSilu, tensors: 2 },
  geluTanh: { f: geluTanh, exact: exactGelu, tensors: 2 },
  "geluTanh's gradient": {
    f: (x, y) => activationBackward("gelu_tanh", y, x),
    exact: (x, y) => y * geluTanhDerivative(x),
    tensors: 3,
  },
};

for (const [name, { f, exact, tensors }] of Object.entries(CASES)) {
  await benchEachDevice(
    `${name} [${ROWS},${WIDTH}]`,
    { bytes: 4 * tensors * ROWS * WIDTH },
    async () => {
      const [x, y] = [left, right].map((values) => tensor(values, { shape: [ROWS, WIDTH] }));
      const row = tensor(line);
      const run = compile(() => f(x, y, row));
      const actual = await run().data();
      for (let i = 0; i < actual.length; i += 97) {
        const expected = exact(left[i], right[i], line[i % WIDTH]);
        const error = Math.abs(actual[i] - expected) / (1 + Math.abs(expected));
        assert.ok(error < 2e-6, `${name}: ${actual[i]}, expected ${expected}`);
      }
      return run;
    },
  );
}
