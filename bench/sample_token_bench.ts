/**
 * Drawing one token: from 65 characters, and from GPT-2's 50,257 tokens, greedily and with all
 * filters.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Random } from "../lib/random.ts";
import { compile } from "../lib/tensor/compile.ts";
import { sampleToken } from "../lib/ops/sample_token.ts";
import { tensor } from "../lib/tensor/tensor.ts";
import { benchEachDevice } from "./devices.ts";

const SETTINGS = {
  greedy: [0, 0, 1],
  "temperature 0.8": [0.8, 0, 1],
  "top-k 40 and top-p 0.95": [0.8, 40, 0.95],
};

for (const vocabulary of [65, 50257]) {
  const random = new Random(1);
  const values = Float32Array.from({ length: vocabulary }, () => 3 * random.normal());
  const ranked = [...values.keys()].sort((a, b) => values[b] - values[a]);
  for (const [name, [temperature, topK, topP]] of Object.entries(SETTINGS)) {
    await benchEachDevice(
      `a token of ${vocabulary}, ${name}`,
      { bytes: 4 * vocabulary },
      async () => {
        const logits = tensor(values, { shape: [1, vocabulary] });
        const settings = tensor([temperature, topK, topP]);
        const state = tensor(Int32Array.of(1337, 0));
        const run = compile(() => sampleToken(logits, settings, state));
        const allowed = temperature === 0 ? 1 : topK || vocabulary;
        for (let step = 0; step < 5; step++) {
          state.write([1337, step]);
          const token = await run().item();
          const rank = ranked.indexOf(token);
          assert.ok(rank >= 0 && rank < allowed, `token ${token} is number ${rank} by its logit`);
        }
        return run;
      },
    );
  }
}
