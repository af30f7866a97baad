/**
 * Embedding with positions, and its gradient (a scatter): the batch of a small character model, and
 * 1,024 tokens of GPT-2's vocabulary.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Random } from "../lib/random.ts";
import { valueAndGrad } from "../lib/tensor/autograd.ts";
import { compile } from "../lib/tensor/compile.ts";
import { embedding } from "../lib/ops/embedding.ts";
import { sum } from "../lib/ops/reduce.ts";
import { tensor } from "../lib/tensor/tensor.ts";
import { benchEachDevice } from "./devices.ts";

const CASES = [
  { vocabulary: 65, width: 128, batch: 12, time: 64 },
  { vocabulary: 50257, width: 256, batch: 4, time: 256 },
];

for (const { vocabulary, width, batch, time } of CASES) {
  const random = new Random(1);
  const numbers = (length: number) => Float32Array.from({ length }, () => random.uniform());
  const [rows, places] = [numbers(vocabulary * width), numbers(time * width)];
  const picked = Int32Array.from({ length: batch * time }, () => random.integer(vocabulary));
  const make = () => ({
    table: tensor(rows, { shape: [vocabulary, width] }),
    positions: tensor(places, { shape: [time, width] }),
    ids: tensor(picked, { shape: [batch, time] }),
  });
  const [bytes, tableBytes] = [4 * batch * time * width, 4 * vocabulary * width];
  const name = `embedding of [${batch},${time}] in [${vocabulary},${width}]`;

  await benchEachDevice(name, { bytes: 3 * bytes }, async () => {
    const { table, positions, ids } = make();
    const run = compile(() => embedding(table, ids, { positions }));
    const y = await run().data();
    const expected = Float32Array.from(y, (_, i) => {
      const [token, column] = [Math.floor(i / width), i % width];
      return rows[picked[token] * width + column] + places[token % time * width + column];
    });
    assert.deepEqual(y, expected);
    return run;
  });

  // Forward, the sum, its broadcast gradient (read twice), and the gradients of both tables.
  const work = { bytes: 7 * bytes + tableBytes, software: vocabulary < 1000 };
  await benchEachDevice(`${name} and its gradient`, work, async () => {
    const { table, positions, ids } = make();
    const run = compile(() =>
      valueAndGrad(() => sum(embedding(table, ids, { positions })), [table, positions])
    );
    const { gradients } = run();
    const counts = new Float32Array(vocabulary);
    for (const id of picked) counts[id]++;
    const dTable = await gradients[0].data();
    counts.forEach((count, id) => assert.equal(dTable[id * width + width - 1], count));
    assert.ok((await gradients[1].data()).every((value) => value === batch));
    return run;
  });
}
