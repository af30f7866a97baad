/** Model descriptions: defaults, and an error for every field that cannot be. */
import assert from "node:assert/strict";
import { headSizeOf } from "../lib/nn/block_config.ts";
import { modelConfig, type ModelConfigInput } from "../lib/nn/config.ts";

const baby = { vocabSize: 65, contextLength: 64, layers: 4, heads: 4, width: 128 };

Deno.test("modelConfig fills in GPT-2's defaults and keeps the given fields", () => {
  assert.deepEqual(modelConfig({ ...baby, hidden: undefined, bias: false }), {
    ...baby,
    hidden: 512,
    norm: "layer",
    normPlacement: "pre",
    normEpsilon: 1e-5,
    positions: "learned",
    queryKeyValueBias: false,
    activation: "gelu_tanh",
    gated: false,
    bias: false,
    tiedHead: true,
    headBias: false,
    dropout: 0,
    scaleAttention: true,
    queryKeyNorm: false,
    attentionProjectionBias: false,
    parallelResidual: false,
    sharedNorm: false,
    embeddingNorm: false,
    normGain: true,
    normBias: true,
  });
  assert.equal(modelConfig({ ...baby, positions: "rotary" }).rotaryBase, 10000);
  const window = [undefined, 32, undefined, 32];
  assert.deepEqual(modelConfig({ ...baby, window }).window, window);
});

Deno.test("heads that do not divide the width are named with it", () => {
  assert.throws(() => modelConfig({ ...baby, heads: 3 }), {
    name: "RangeError",
    message: "model: heads 3 does not divide width 128: 128 / 3 = 42.667, expected a whole number",
  });
});

const refused: [Record<string, unknown>, RegExp][] = [
  [{ vocabSize: 0 }, /vocabSize must be a whole number from 1, got 0/],
  [{ contextLength: -1 }, /contextLength .* got -1/],
  [{ layers: 1.5 }, /layers .* got 1.5/],
  [{ heads: NaN }, /heads .* got NaN/],
  [{ width: "128" }, /width .* got "128"/],
  [{ width: undefined }, /width .* got undefined/],
  [{ hidden: 0 }, /hidden .* got 0/],
  [{ keyValueHeads: 0 }, /keyValueHeads .* got 0/],
  [{ keyValueHeads: 3 }, /keyValueHeads 3 does not divide heads 4/],
  [{ norm: "batch" }, /norm must be one of layer, rms, none, got "batch"/],
  [{ normPlacement: "mid" }, /normPlacement must be one of pre, post, sandwich, got "mid"/],
  [{ positions: "absolute" }, /positions must be one of learned, .*none, got "absolute"/],
  [{ norm: "none", normPlacement: "post" }, /norm none needs normPlacement pre, got post/],
  [{ norm: "none", queryKeyNorm: true }, /queryKeyNorm needs a norm, not none, got .* true/],
  [{ norm: "none", sharedNorm: true, parallelResidual: true }, /sharedNorm needs a norm, not none/],
  [{ norm: "none", embeddingNorm: true }, /embeddingNorm needs a norm, got norm none/],
  [{ feedForward: 0 }, /feedForward must be true or false, got 0/],
  [{ feedForward: false, gated: true }, /gated needs a feed-forward, not feedForward false/],
  [{ feedForward: false, parallelResidual: true }, /parallelResidual needs a feed-forward/],
  [{ feedForward: false, activationDropout: 0.1 }, /activationDropout needs a feed-forward/],
  [{ outputSize: 3 }, /outputSize needs an untied head, got tiedHead true/],
  [{ outputSize: 1.5, tiedHead: false }, /outputSize must be a whole number from 1, got 1.5/],
  [{ embeddingScale: 2 }, /embeddingScale needs positions that are not added, got learned/],
  [{ embeddingNorm: 1 }, /embeddingNorm must be true or false, got 1/],
  [{ attentionSoftCap: 0 }, /attentionSoftCap must be a number above 0, got 0/],
  [{ positions: "alibi", attentionSoftCap: 9 }, /attentionSoftCap is not for positions alibi/],
  [{ logitSoftCap: 0 }, /logitSoftCap must be a number above 0, got 0/],
  [{ attentionScale: -1 }, /attentionScale must be a number above 0, got -1/],
  [{ attentionScale: 1, scaleAttention: false }, /attentionScale needs scaleAttention/],
  [{ rotaryLayers: [true] }, /rotaryLayers is for rotary positions, got positions learned/],
  [{ positions: "rotary", rotaryLayers: [true] }, /one entry for each of 4 layers, got 1/],
  [{ positions: "rotary", rotaryLayers: [1, 1, 1, 1] }, /rotaryLayers\[0\] must be true or false/],
  [{ valueEmbeddings: [true] }, /valueEmbeddings must have one entry for each of 4 layers, got 1/],
  [{ valueEmbeddings: [1, 1, 1, 1] }, /valueEmbeddings\[0\] must be true or false/],
  [{ positions: "rotary", windowRotaryBase: 9 }, /windowRotaryBase needs a layer with a window/],
  [
    { activation: "tanh" },
    /activation must be one of gelu, gelu_tanh, relu, silu, relu_squared, got "tanh"/,
  ],
  [{ headBias: true }, /headBias needs an untied head, got tiedHead true/],
  [{ bias: 1 }, /bias must be true or false, got 1/],
  [{ positions: "sinusoidal", width: 127, heads: 1 }, /2 does not divide width 127/],
  [{ positions: "rotary", width: 12 }, /2 does not divide head size 3/],
  [{ rotaryBase: 10000 }, /rotaryBase is for rotary positions, got positions learned/],
  [{ positions: "rotary", rotaryBase: 0 }, /rotaryBase must be a number above 1, got 0/],
  [{ normEpsilon: 0 }, /normEpsilon must be a number above 0, got 0/],
  [{ dropout: 1 }, /dropout must be in \[0, 1\), got 1/],
  [{ dropout: NaN }, /dropout .* got NaN/],
  [{ headSize: 0 }, /headSize must be a whole number from 1, got 0/],
  [{ headSize: 5, positions: "rotary" }, /2 does not divide head size 5/],
  [{ positions: "rotary", rotaryDimensions: 3 }, /from 2 to the head size 32, got 3/],
  [{ positions: "rotary", rotaryDimensions: 34 }, /from 2 to the head size 32, got 34/],
  [{ rotaryDimensions: 8 }, /rotaryDimensions is for rotary positions, got positions learned/],
  [{ parallelResidual: true, normPlacement: "post" }, /needs normPlacement pre, got post/],
  [{ sharedNorm: true }, /sharedNorm needs parallelResidual/],
  [{ queryKeyNorm: 1 }, /queryKeyNorm must be true or false, got 1/],
  [{ attentionDropout: 1 }, /attentionDropout must be in \[0, 1\), got 1/],
  [{ embeddingDropout: -1 }, /embeddingDropout must be in \[0, 1\), got -1/],
  [{ window: [1, 2] }, /one entry for each of 4 layers, got 2/],
  [{ window: 2 as unknown as number[] }, /window must have one entry for each of 4 layers, got 2/],
  [{ window: 0 as unknown as number[] }, /window must have one entry for each of 4 layers, got 0/],
  [{ window: [1, 2, 0, undefined] }, /window\[2\] must be a whole number from 1, got 0/],
];

for (const [change, message] of refused) {
  Deno.test(`modelConfig refuses ${JSON.stringify(change)}`, () => {
    const input = { ...baby, ...change } as ModelConfigInput;
    assert.throws(() => modelConfig(input), { name: "RangeError", message });
  });
}

Deno.test("modelConfig refuses unknown fields, naming the nearest", () => {
  const refused = (change: object, message: RegExp) =>
    assert.throws(() => modelConfig({ ...baby, ...change }), { name: "TypeError", message });
  refused({ nLayer: 3 }, /^model: unknown option 'nLayer'; did you mean 'layers'\?/);
  refused({ n_kv_heads: 2 }, /unknown option 'n_kv_heads'/);
  refused({ causal: true }, /unknown option 'causal'/);
});

Deno.test("modelConfig leaves out what equals its default, so that a change reaches it", () => {
  const given = { keyValueHeads: 4, headSize: 32, window: Array(4).fill(undefined) };
  const rates = { dropout: 0.2, embeddingDropout: 0.2, attentionOutputDropout: 0.2 };
  const own = { feedForward: true, outputSize: 65, tiedHead: false };
  assert.deepEqual(modelConfig({ ...baby, ...own }), modelConfig({ ...baby, tiedHead: false }));
  const config = modelConfig({ ...baby, ...given, ...rates, attentionDropout: 0 });
  assert.deepEqual(config, modelConfig({ ...baby, dropout: 0.2 }));
  const wide = modelConfig({ ...config, width: 256 });
  assert.equal(headSizeOf(wide), 64);
});

Deno.test("a head size frees heads from the width", () => {
  assert.equal(modelConfig({ ...baby, heads: 3, headSize: 20 }).headSize, 20);
});
