/**
 * Rules of generation on GPT-2's logits: a repetition penalty over 512 tokens, no repeated 3-gram,
 * no early end token.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Random } from "../lib/random.ts";
import { adjustLogits } from "../lib/ops/adjust_logits.ts";
import { compile } from "../lib/tensor/compile.ts";
import { tensor } from "../lib/tensor/tensor.ts";
import { benchEachDevice } from "./devices.ts";

const [VOCABULARY, LENGTH, END] = [50257, 512, 50256];
const random = new Random(1);
const values = Float32Array.from({ length: VOCABULARY }, () => 1 + random.uniform());
const history = Int32Array.from({ length: LENGTH }, () => random.integer(END));

await benchEachDevice(`rules on ${VOCABULARY} logits`, { bytes: 8 * VOCABULARY }, async () => {
  const logits = tensor(values, { shape: [1, VOCABULARY] });
  const rules = {
    history: tensor(history, { shape: [1, LENGTH] }),
    lengths: tensor(Int32Array.of(LENGTH)),
    penalty: tensor([2]),
    rules: tensor(Int32Array.of(3, 10)),
    state: tensor(Int32Array.of(0, 0)),
    ends: tensor(Int32Array.of(END)),
  };
  const run = compile(() => adjustLogits(logits, rules));
  const adjusted = await run().data();
  const seen = new Set(history);
  const unseen = values.findIndex((_, id) => !seen.has(id));
  assert.equal(adjusted[END], -Infinity);
  assert.equal(adjusted[history[0]], values[history[0]] / 2);
  assert.equal(adjusted[unseen], values[unseen]);
  return run;
});
