/**
 * Index of the largest number (argmax): along rows of a character model's logits and of GPT-2's,
 * and down columns.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Random } from "../lib/random.ts";
import { argmax } from "../lib/ops/argmax.ts";
import { compile } from "../lib/tensor/compile.ts";
import { tensor } from "../lib/tensor/tensor.ts";
import { benchEachDevice } from "./devices.ts";

for (
  const { shape, axis } of [
    { shape: [768, 65], axis: 1 },
    { shape: [128, 50257], axis: 1 },
    { shape: [768, 512], axis: 0 },
  ]
) {
  const [rows, columns] = shape;
  const random = new Random(1);
  const values = Float32Array.from({ length: rows * columns }, () => random.uniform());
  const name = `argmax of [${shape}] along axis ${axis}`;
  await benchEachDevice(name, { bytes: 4 * values.length }, async () => {
    const x = tensor(values, { shape });
    const run = compile(() => argmax(x, { axis }));
    const [length, step, start] = axis === 1 ? [columns, 1, columns] : [rows, columns, 1];
    (await run().data()).forEach((place, i) => {
      let best = 0;
      for (let j = 1; j < length; j++) {
        if (values[i * start + j * step] > values[i * start + best * step]) best = j;
      }
      assert.equal(place, best);
    });
    return run;
  });
}
