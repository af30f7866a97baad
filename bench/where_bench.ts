/**
 * `where` selects one of two tensors for each element: contiguous, and the scores of attention
 * under a causal mask.
 *
 * @module
 */
import assert from "node:assert/strict";
import { compile } from "../lib/tensor/compile.ts";
import { where } from "../lib/ops/where.ts";
import { causalMask } from "../lib/nn/masks.ts";
import { ones, tensor } from "../lib/tensor/tensor.ts";
import { benchEachDevice } from "./devices.ts";

const COUNT = 1 << 20;
await benchEachDevice("where [1048576]", { bytes: 16 * COUNT }, async () => {
  const condition = tensor(Float32Array.from({ length: COUNT }, (_, i) => i % 3 === 0 ? 1 : 0));
  const values = ones([COUNT]);
  const run = compile(() => where(condition, values, condition));
  (await run().data()).forEach((y, i) => assert.equal(y, i % 3 === 0 ? 1 : 0));
  return run;
});

const [BATCH, TIME] = [48, 64];
await benchEachDevice(
  "where [48,64,64] under a mask",
  { bytes: 8 * BATCH * TIME ** 2 },
  async () => {
    const [mask, scores] = [causalMask(TIME), ones([BATCH, TIME, TIME])];
    const run = compile(() => where(mask, scores, -Infinity));
    const values = await run().data();
    values.forEach((y, i) => {
      const [query, key] = [Math.floor(i / TIME) % TIME, i % TIME];
      assert.equal(y, key <= query ? 1 : -Infinity);
    });
    return run;
  },
);
