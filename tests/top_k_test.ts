/** The k largest against sorting. */
import assert from "node:assert/strict";
import { Random } from "../lib/random.ts";
import { tensor } from "../lib/tensor/tensor.ts";
import { topK } from "../lib/ops/top_k.ts";
import { forEachDevice } from "./support/devices.ts";

for (const [rows, width, k] of [[1, 1, 1], [3, 7, 7], [9, 130, 5], [2, 5000, 16]]) {
  forEachDevice(`the ${k} largest of ${rows} × ${width} are those of sorting`, async () => {
    const random = new Random(width);
    // Half steps make many equal elements.
    const values = Float32Array.from(
      { length: rows * width },
      () => Math.round(4 * random.normal()) / 2,
    );
    values[0] = -Infinity;
    if (width > 5) values[5] = -0;
    const top = topK(tensor(values, { shape: [rows, width] }), k);
    const [largest, places] = [await top.values.data(), await top.indices.data()];
    for (let row = 0; row < rows; row++) {
      const own = values.subarray(row * width, (row + 1) * width);
      const order = [...own.keys()].sort((a, b) => own[b] - own[a] || a - b).slice(0, k);
      if (own[order[k - 1]] > -Infinity) {
        assert.deepEqual([...places.subarray(row * k, (row + 1) * k)], order);
      }
      const found = [...largest.subarray(row * k, (row + 1) * k)];
      assert.deepEqual(found.map((x) => x + 0), order.map((i) => own[i] + 0));
    }
  });
}

forEachDevice("topK refuses a k that does not fit", () => {
  for (const k of [0, 3, 1.5, NaN]) assert.throws(() => topK(tensor([[1, 2]]), k), /from 1 to/);
});
