/**
 * One optimizer update of a small character model's 0.8 million parameters.
 *
 * @module
 */
import assert from "node:assert/strict";
import { AdamW } from "../lib/optim/adamw.ts";
import type { Optimizer } from "../lib/optim/optimizer.ts";
import { SGD } from "../lib/optim/sgd.ts";
import { compile } from "../lib/tensor/compile.ts";
import { full, type Tensor } from "../lib/tensor/tensor.ts";
import { benchEachDevice } from "./devices.ts";

const SHAPE = [6400, 128];
const RATE = 1e-3;

const COUNT = SHAPE[0] * SHAPE[1];

/**
 * The first step moves every parameter from 1 to `expected`, with a gradient of 0.5 before the
 * clip. `tensors` is the number of tensors of the parameters' size that are read or written.
 */
async function benchUpdate(
  name: string,
  tensors: number,
  make: (x: Tensor) => Optimizer,
  expected: number,
): Promise<void> {
  await benchEachDevice(
    `${name}, ${COUNT} parameters`,
    { bytes: 4 * tensors * COUNT },
    async () => {
      const [x, gradient] = [full(SHAPE, 1), full(SHAPE, 0.5)];
      const optimizer = make(x);
      const run = compile(() => optimizer.update([gradient]));
      optimizer.prepare(RATE);
      run();
      for (const value of await x.data()) assert.ok(Math.abs(value - expected) < 1e-6);
      return run;
    },
  );
}

// The gradient is read twice (for its norm and for the update); x and each moment are read and
// written.
const clipped = 1 / Math.sqrt(COUNT);
await benchUpdate("AdamW", 8, (x) => new AdamW([x], { clip: 1, weightDecay: 0 }), 1 - RATE);
// A scale of 256 divides the gradient, which is read and written once more.
await benchUpdate(
  "AdamW, loss scaled",
  10,
  (x) => new AdamW([x], { clip: 1, weightDecay: 0, lossScaling: true }),
  1 - RATE,
);
await benchUpdate("SGD", 6, (x) => new SGD([x], { clip: 1, momentum: 0.9 }), 1 - RATE * clipped);
