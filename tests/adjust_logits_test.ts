/** The rules before sampling against float64, written plainly. */
import assert from "node:assert/strict";
import { Random } from "../lib/random.ts";
import { adjustLogits } from "../lib/ops/adjust_logits.ts";
import { tensor } from "../lib/tensor/tensor.ts";
import { forEachDevice } from "./support/devices.ts";

interface Rules {
  penalty: number;
  run: number;
  least: number;
  sampled: number;
  ends: number[];
}

function expected(logits: number[], history: number[], rules: Rules): number[] {
  const { penalty, run, least, sampled, ends } = rules;
  const adjusted = logits.map((x, id) =>
    !history.includes(id) ? x : x < 0 ? x * penalty : x / penalty
  );
  for (let i = 0; run > 0 && i + run <= history.length; i++) {
    const known = history.slice(history.length - run + 1).join() + (run > 1 ? "," : "");
    const here = history.slice(i, i + run - 1).join() + (run > 1 ? "," : "");
    if (run === 1 || known === here) adjusted[history[i + run - 1]] = -Infinity;
  }
  if (sampled < least) { for (const id of ends) adjusted[id] = -Infinity; }
  return adjusted;
}

const CASES: Rules[] = [
  { penalty: 1, run: 0, least: 0, sampled: 0, ends: [] },
  { penalty: 1.3, run: 0, least: 0, sampled: 2, ends: [1] },
  { penalty: 0.5, run: 0, least: 3, sampled: 2, ends: [1, 4] },
  { penalty: 1, run: 1, least: 0, sampled: 2, ends: [1] },
  { penalty: 1, run: 2, least: 3, sampled: 3, ends: [1] },
  { penalty: 2, run: 3, least: 9, sampled: 8, ends: [0] },
  { penalty: 1, run: 40, least: 0, sampled: 8, ends: [0] },
];

for (const [rows, width] of [[1, 7], [5, 9], [3, 1030]]) {
  forEachDevice(`logits of ${rows} × ${width} adjusted by every rule`, async () => {
    const random = new Random(rows);
    const logits = Array.from({ length: rows * width }, () => Math.fround(random.normal()));
    const histories = Array.from(
      { length: rows },
      (_, row) => Array.from({ length: 3 + 9 * row }, () => Math.floor(random.uniform() * 6)),
    );
    const capacity = 60;
    const history = new Int32Array(rows * capacity);
    histories.forEach((ids, row) => history.set(ids, row * capacity));
    for (const rules of CASES) {
      const { penalty, run, least, sampled, ends } = rules;
      const adjusted = await adjustLogits(tensor(logits, { shape: [rows, width] }), {
        history: tensor(history, { shape: [rows, capacity] }),
        lengths: tensor(Int32Array.from(histories, (ids) => ids.length)),
        penalty: tensor([penalty]),
        rules: tensor(Int32Array.of(run, least)),
        state: tensor(Int32Array.of(7, sampled)),
        ends: tensor(Int32Array.from(ends.length ? ends : [0])),
      }).data();
      histories.forEach((ids, row) => {
        const own = logits.slice(row * width, (row + 1) * width);
        expected(own, ids, rules).forEach((x, id) => {
          const y = adjusted[row * width + id];
          const near = x === y || Math.abs(y - x) <= 2e-7 * Math.abs(x);
          assert.ok(near, `${JSON.stringify(rules)} row ${row}, token ${id}: ${y}, not ${x}`);
        });
      });
    }
  });
}

forEachDevice("adjustLogits refuses a history of other rows", () => {
  const integers = (n: number) => tensor(new Int32Array(n));
  const by = { lengths: integers(2), penalty: tensor([1]), rules: integers(2), state: integers(2) };
  const history = tensor(new Int32Array(3), { shape: [1, 3] });
  assert.throws(
    () => adjustLogits(tensor([[1, 2]]), { ...by, history, ends: integers(1) }),
    /lengths \[B\]/,
  );
});
