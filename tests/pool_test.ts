/** Sequences as vectors: the first token's, and the mean of each sequence's own tokens. */
import assert from "node:assert/strict";
import { pool } from "../lib/nn/pool.ts";
import { tensor } from "../lib/tensor/tensor.ts";
import { forEachDevice } from "./support/devices.ts";
import { assertClose, checkGradients } from "./support/gradient_check.ts";

const LENGTHS = Int32Array.of(3, 1, 2);

for (const width of [1, 6, 130, 300]) {
  forEachDevice(`the mean of ${width} columns leaves padding out`, async () => {
    const values = Float32Array.from({ length: 3 * 3 * width }, (_, i) => Math.sin(i * 0.7));
    const x = tensor(values, { shape: [3, 3, width] });
    const expected = Array.from({ length: 3 * width }, (_, at) => {
      const [b, c] = [Math.floor(at / width), at % width];
      let sum = 0;
      for (let t = 0; t < LENGTHS[b]; t++) sum += values[(b * 3 + t) * width + c];
      return sum / LENGTHS[b];
    });
    const mean = pool(x, { pooling: "mean", lengths: tensor(LENGTHS) });
    assert.deepEqual(mean.shape, [3, width]);
    assertClose(await mean.data(), expected, 1e-6);
    const first = [0, 1, 2].flatMap((b) => [...values.subarray(b * 3 * width).subarray(0, width)]);
    assertClose(await pool(x).data(), first, 0);
  });
}

forEachDevice("gradients flow to the tokens that are pooled", async () => {
  const values = Array.from({ length: 2 * 3 * 2 }, (_, i) => Math.cos(i));
  const lengths = tensor(Int32Array.of(3, 2));
  for (const pooling of ["cls", "mean"] as const) {
    await checkGradients((x) => pool(x, { pooling, lengths }), [{ values, shape: [2, 3, 2] }]);
  }
});

forEachDevice("there is no other pooling", () => {
  const message = /pool: pooling must be one of cls, mean, got "max"/;
  assert.throws(() => pool(tensor([[[1]]]), { pooling: "max" as "cls" }), {
    name: "RangeError",
    message,
  });
});
