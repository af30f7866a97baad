/** The weights of attention against float64. */
import assert from "node:assert/strict";
import { attentionWeights, selfAttentionWeights } from "../lib/ops/attention_weights.ts";
import { tensor } from "../lib/tensor/tensor.ts";
import {
  type AttentionCase,
  referenceAttention,
  testValues,
} from "./support/attention_reference.ts";
import { forEachDevice } from "./support/devices.ts";
import { assertClose } from "./support/gradient_check.ts";

const SIZES = { batch: 2, heads: 4, keyValueHeads: 2, queries: 9, keys: 70, headSize: 5 };
const CASES: Record<string, AttentionCase> = {
  "every key": { ...SIZES, causal: false },
  "causal": { ...SIZES, causal: true },
  "soft-cap": { ...SIZES, causal: true, softCap: 0.8 },
  "ALiBi and padding": { ...SIZES, causal: true, alibi: true, lengths: [65, 9] },
  "window and padding": { ...SIZES, causal: true, window: 7, lengths: [65, 0] },
};

for (const [name, c] of Object.entries(CASES)) {
  forEachDevice(`attentionWeights: ${name}`, async () => {
    const { batch, heads, keyValueHeads, queries, keys, headSize } = c;
    const shape = [batch, queries, heads * headSize];
    const keyShape = [batch, keys, keyValueHeads * headSize];
    const q = testValues(batch * queries * heads * headSize, 1, 2);
    const k = testValues(batch * keys * keyValueHeads * headSize, 2, 2);
    const keyLengths = c.lengths && tensor(Int32Array.from(c.lengths));
    const { causal, window, softCap, alibi } = c;
    const options = { heads, keyValueHeads, causal, window, softCap, alibi, keyLengths };
    const weights = attentionWeights(
      tensor(q, { shape }),
      tensor(k, { shape: keyShape }),
      options,
    );
    assert.deepEqual(weights.shape, [batch, heads, queries, keys]);
    const expected = referenceAttention(c, { q, k, v: k }).weights;
    assertClose(await weights.data(), expected, 1e-6, "weights");
  });
}

forEachDevice("selfAttentionWeights of packed rows", async () => {
  const qkv = tensor([1, 0, 5, 0, 1, 7], { shape: [1, 2, 3] });
  assertClose(await selfAttentionWeights(qkv, { heads: 1, causal: true }).data(), [1, 0, 0.5, 0.5]);
});
