import assert from "node:assert/strict";
import { valueAndGrad } from "../lib/tensor/autograd.ts";
import { add, mul } from "../lib/ops/binary.ts";
import { compile } from "../lib/tensor/compile.ts";
import { embedding } from "../lib/ops/embedding.ts";
import { sum } from "../lib/ops/reduce.ts";
import { tensor } from "../lib/tensor/tensor.ts";
import { forEachDevice } from "./support/devices.ts";
import { assertClose } from "./support/gradient_check.ts";

const CASES = [
  [5, 3, 2, 4, 4],
  [65, 48, 3, 32, 40],
  [300, 130, 2, 7, 9],
  [65, 128, 5, 300, 300],
  [1500, 70, 5, 300, 301],
];

for (const [V, C, B, T, places] of CASES) {
  forEachDevice(`embedding of a table [${V},${C}] with positions, and its scatter`, async () => {
    const numbers = (length: number, f: number) =>
      Float32Array.from({ length }, (_, i) => Math.sin(i * f));
    const tableValues = numbers(V * C, 0.7), positionValues = numbers(places * C, 1.1);
    const weightValues = numbers(B * T * C, 0.3);
    const idValues = Int32Array.from({ length: B * T }, (_, i) => (i * i * 3) % V);
    const table = tensor(tableValues, { shape: [V, C] });
    const positions = tensor(positionValues, { shape: [places, C] });
    const ids = tensor(idValues, { shape: [B, T] });
    const weights = tensor(weightValues, { shape: [B, T, C] });
    const y = new Float32Array(B * T * C);
    const dTable = new Float64Array(V * C), dPositions = new Float64Array(places * C);
    for (let i = 0; i < B * T; i++) {
      for (let c = 0; c < C; c++) {
        const [from, place] = [idValues[i] * C + c, (i % T) * C + c];
        y[i * C + c] = tableValues[from] + positionValues[place];
        dTable[from] += weightValues[i * C + c];
        dPositions[place] += weightValues[i * C + c];
      }
    }
    assertClose(await embedding(table, ids, { positions }).data(), y, 0);
    const loss = () =>
      add(sum(mul(embedding(table, ids, { positions }), weights)), sum(mul(table, 2)));
    for (
      const run of [
        () => valueAndGrad(loss, [table, positions]),
        compile(() => valueAndGrad(loss, [table, positions])),
      ]
    ) {
      const { gradients } = run();
      assertClose(await gradients[0].data(), dTable.map((g) => g + 2), 1e-5, "table");
      assertClose(await gradients[1].data(), dPositions, 1e-5, "positions");
    }
  });
}

forEachDevice("embedding starts at an offset kept in a tensor", async () => {
  const table = tensor([[1, 1], [2, 2]]);
  const positions = tensor([[0, 10], [0, 20], [0, 30]]);
  const offset = tensor(new Int32Array([1]));
  const ids = tensor(new Int32Array([1, 0]), { shape: [1, 2] });
  assertClose(await embedding(table, ids, { positions, offset }).data(), [2, 22, 1, 31], 0);
});

forEachDevice("embedding refuses what does not fit", () => {
  const table = tensor([[1, 1], [2, 2]]);
  const ids = tensor(new Int32Array([1, 0, 1]), { shape: [1, 3] });
  assert.throws(() => embedding(table, tensor([1])), /expected i32/);
  assert.throws(() => embedding(table, ids, { positions: tensor([[1, 2]]) }), /3 tokens in a row/);
});

forEachDevice("positions and offsets of another dtype are refused, not read as bits", () => {
  const [table, ids] = [tensor([[1, 2]]), tensor(Int32Array.of(0))];
  const integers = tensor(Int32Array.of(7, 8), { shape: [1, 2] });
  assert.throws(
    () => embedding(table, ids, { positions: integers }),
    /^TypeError: embedding: positions: expected f32 values, got i32 \[1,2\]/,
  );
  assert.throws(
    () => embedding(table, ids, { positions: table, offset: tensor([1]) }),
    /^TypeError: embedding: offset: expected i32 values, got f32 \[1\]/,
  );
});
