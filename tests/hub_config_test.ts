/**
 * config.json: published files are read, Folio's own round-trip, and everything else is refused.
 */
import assert from "node:assert/strict";
import { architectureOf, readModelConfig, writeModelConfig } from "../lib/hub/config.ts";
import { modelConfig, type ModelConfigInput } from "../lib/nn/config.ts";
import { rotaryFrequencies, type RotaryScaling } from "../lib/ops/rotary_scaling.ts";
import rotaryGolden from "./golden/rotary_scaling.json" with { type: "json" };
import { PRESETS } from "../lib/train/presets.ts";
import { golden } from "./support/golden.ts";

const baby = { vocabSize: 65, contextLength: 64, layers: 4, heads: 4, width: 128 };
const read = (json: unknown) => readModelConfig(JSON.stringify(json));

Deno.test("gpt2: fields are mapped, and those left out are GPT-2 small's", () => {
  const { architecture, config, endTokens } = read({
    model_type: "gpt2",
    vocab_size: 50257,
    n_ctx: 512,
    n_inner: null,
    layer_norm_epsilon: 1e-6,
    activation_function: "gelu",
    tie_word_embeddings: false,
    scale_attn_weights: false,
    resid_pdrop: 0.25,
    eos_token_id: 50256,
    reorder_and_upcast_attn: true,
    task_specific_params: { "text-generation": { do_sample: true } },
  });
  assert.equal(architecture, "gpt2");
  assert.deepEqual(endTokens, [50256]);
  assert.deepEqual(
    config,
    modelConfig({
      vocabSize: 50257,
      contextLength: 512,
      layers: 12,
      heads: 12,
      width: 768,
      normEpsilon: 1e-6,
      activation: "gelu",
      tiedHead: false,
      scaleAttention: false,
      dropout: 0.25,
      embeddingDropout: 0.1,
      attentionDropout: 0.1,
    }),
  );
  const { config: small } = read({ model_type: "gpt2" });
  assert.deepEqual([small.contextLength, small.hidden, small.dropout], [1024, 3072, 0.1]);
});

Deno.test("gpt_neo: unscaled attention, and a window in every second layer", () => {
  const { config } = read({
    model_type: "gpt_neo",
    hidden_size: 768,
    num_layers: 12,
    num_heads: 12,
    attention_types: [[["global", "local"], 6]],
    window_size: 256,
    attention_layers: Array(6).fill(["global", "local"]).flat(),
  });
  assert.deepEqual([config.contextLength, config.hidden, config.dropout], [2048, 3072, 0]);
  assert.equal(config.scaleAttention, false);
  assert.deepEqual(config.window, Array.from({ length: 12 }, (_, i) => i % 2 ? 256 : undefined));
  const { config: mixed } = read({
    model_type: "gpt_neo",
    num_layers: 3,
    attention_types: [[["local"], 2], [["global"], 1]],
  });
  assert.deepEqual(mixed.window, [256, 256, undefined]);
  assert.equal(read({ model_type: "gpt_neo" }).config.window?.length, 24);
});

Deno.test("llama: RMS norm, rotary positions, a gate, fewer key-value heads", () => {
  const small = { model_type: "llama", hidden_size: 64, intermediate_size: 172 };
  const { config, endTokens } = read({
    ...small,
    num_hidden_layers: 2,
    num_attention_heads: 8,
    num_key_value_heads: 2,
    head_dim: 8,
    rope_scaling: null,
    rope_theta: 500000,
    eos_token_id: [128001, 128009],
  });
  assert.deepEqual(endTokens, [128001, 128009]);
  assert.deepEqual(
    config,
    modelConfig({
      vocabSize: 32000,
      contextLength: 2048,
      layers: 2,
      heads: 8,
      keyValueHeads: 2,
      width: 64,
      hidden: 172,
      norm: "rms",
      normEpsilon: 1e-6,
      positions: "rotary",
      rotaryBase: 500000,
      activation: "silu",
      gated: true,
      bias: false,
      tiedHead: false,
    }),
  );
  const parameters = { rope_type: "default", rope_theta: 20000 };
  assert.equal(read({ ...small, rope_parameters: parameters }).config.rotaryBase, 20000);
});

const gpt2s: Partial<ModelConfigInput>[] = [
  {},
  { hidden: 300, activation: "relu", tiedHead: false, normEpsilon: 1e-6, dropout: 0.2 },
  { scaleAttention: false, activation: "gelu" },
  { dropout: 0.2, embeddingDropout: 0.1, attentionDropout: 0.3 },
];
const neo: Partial<ModelConfigInput> = { scaleAttention: false, queryKeyValueBias: false };
const gptNeos: Partial<ModelConfigInput>[] = [
  { ...neo, window: [undefined, 16, undefined, 16] },
  { ...neo, window: [16, 16, undefined, undefined], hidden: 300, dropout: 0.1 },
  { ...neo, embeddingDropout: 0.1, attentionDropout: 0.2 },
  { ...neo, tiedHead: false, window: Array(4).fill(undefined) },
];
const rms: Partial<ModelConfigInput> = {
  norm: "rms",
  positions: "rotary",
  gated: true,
  bias: false,
  activation: "silu",
  keyValueHeads: 2,
};
/** Choices that no published format here can express. */
const foreign: Partial<ModelConfigInput>[] = [
  { parallelResidual: true },
  { parallelResidual: true, sharedNorm: true },
  { queryKeyNorm: true },
  { headSize: 16 },
  { attentionProjectionBias: false },
  { normPlacement: "sandwich" },
  { attentionOutputDropout: 0.1 },
];
const scaling: RotaryScaling = {
  type: "llama3",
  factor: 8,
  lowFrequency: 1,
  highFrequency: 4,
  originalLength: 32,
};
const yarn: RotaryScaling = {
  type: "yarn",
  factor: 4,
  originalLength: 32,
  fastTurns: 32,
  slowTurns: 1,
  gain: 1.1,
  rounded: true,
};
const llamas: Partial<ModelConfigInput>[] = [
  rms,
  { ...rms, bias: true, tiedHead: false, dropout: 0.1 },
  { ...rms, rotaryBase: 500000, rotaryScaling: scaling },
  { ...rms, rotaryScaling: { type: "linear", factor: 2 } },
  { ...rms, rotaryScaling: yarn },
  { ...rms, headSize: 64, attentionDropout: 0.1 },
  { ...rms, queryKeyValueBias: true, attentionProjectionBias: true },
];
const mistrals: Partial<ModelConfigInput>[] = [{ ...rms, window: Array(4).fill(16) }];
const qwens: Partial<ModelConfigInput>[] = [{ ...rms, queryKeyValueBias: true }];
const folios: Partial<ModelConfigInput>[] = [
  { ...rms, gated: false, rotaryScaling: scaling },
  { ...neo, window: [8, 16, undefined, 16] },
  { normPlacement: "post", positions: "sinusoidal", tiedHead: false, headBias: true },
  { window: [undefined, 16, undefined, 16], scaleAttention: false },
  { bias: false, attentionProjectionBias: true },
  { ...rms, rotaryDimensions: 8, gated: false },
  ...foreign,
];
const qwen3s: Partial<ModelConfigInput>[] = [
  { ...rms, queryKeyNorm: true, headSize: 16 },
  { ...rms, queryKeyNorm: true, window: [undefined, undefined, 16, 16], attentionDropout: 0.1 },
];
const smollm3s: Partial<ModelConfigInput>[] = [
  { ...rms, rotaryLayers: [true, true, true, false] },
  { ...rms, rotaryLayers: [true, false, true, false], window: [undefined, 8, undefined, 8] },
];
const gemma: Partial<ModelConfigInput> = {
  ...rms,
  activation: "gelu_tanh",
  embeddingScale: Math.sqrt(128),
};
const gemmas: Partial<ModelConfigInput>[] = [gemma, { ...gemma, headSize: 256, tiedHead: false }];
const gemma2s: Partial<ModelConfigInput>[] = [
  {
    ...gemma,
    normPlacement: "sandwich",
    attentionScale: 1 / 12,
    window: [16, undefined, 16, undefined],
    attentionSoftCap: 50,
    logitSoftCap: 30,
  },
];
gemma2s.push({ ...gemma2s[0], attentionSoftCap: undefined, logitSoftCap: undefined });
const gemma3s: Partial<ModelConfigInput>[] = [
  {
    ...gemma,
    normPlacement: "sandwich",
    queryKeyNorm: true,
    attentionScale: 1 / 12,
    rotaryBase: 1e6,
    windowRotaryBase: 10000,
    window: [16, undefined, 16, undefined],
    logitSoftCap: 20,
  },
];
const parallel: Partial<ModelConfigInput> = {
  positions: "rotary",
  parallelResidual: true,
  tiedHead: false,
};
const phis: Partial<ModelConfigInput>[] = [
  { ...parallel, sharedNorm: true, headBias: true, rotaryDimensions: 16 },
  { ...parallel, sharedNorm: true, headBias: true, queryKeyNorm: true, keyValueHeads: 2 },
];
const phi3s: Partial<ModelConfigInput>[] = [
  { ...rms, rotaryDimensions: 8 },
  { ...rms, dropout: 0.1, embeddingDropout: 0, window: Array(4).fill(8) },
];
const gptNeoXs: Partial<ModelConfigInput>[] = [
  { ...parallel, rotaryDimensions: 8, activation: "gelu", rotaryBase: 5000, dropout: 0.1 },
  { ...parallel, parallelResidual: false },
];
const gptJs: Partial<ModelConfigInput>[] = [{
  ...parallel,
  sharedNorm: true,
  headBias: true,
  queryKeyValueBias: false,
  attentionProjectionBias: false,
  rotaryDimensions: 16,
}];
const blooms: Partial<ModelConfigInput>[] = [
  { positions: "alibi", embeddingNorm: true, dropout: 0.1, embeddingDropout: 0 },
];
const persimmons: Partial<ModelConfigInput>[] = [
  PRESETS.modern.model,
  {
    ...PRESETS.modern.model,
    activation: "gelu",
    rotaryBase: 5000,
    rotaryDimensions: 8,
    dropout: 0.1,
    embeddingDropout: 0,
    attentionOutputDropout: 0,
  },
];
const opts: Partial<ModelConfigInput>[] = [{ bias: false }];

/** transformers reads the soft-cap of Gemma 3's scores and computes without it. */
folios.push({ ...gemma3s[0], attentionSoftCap: 50 });

const kinds = {
  gpt2: gpt2s,
  gpt_neo: gptNeos,
  llama: llamas,
  mistral: mistrals,
  qwen2: qwens,
  qwen3: qwen3s,
  smollm3: smollm3s,
  gemma: gemmas,
  gemma2: gemma2s,
  gemma3_text: gemma3s,
  phi: phis,
  phi3: phi3s,
  gpt_neox: gptNeoXs,
  gptj: gptJs,
  opt: opts,
  persimmon: persimmons,
  bloom: blooms,
  folio: folios,
};
const cases = Object.entries(kinds).flatMap(([kind, changes]) =>
  changes.map((change) => [kind, change] as const)
);

for (const [kind, change] of cases) {
  Deno.test(`a model with ${JSON.stringify(change)} is written as ${kind} and comes back`, () => {
    const config = modelConfig({ ...baby, ...change });
    const written = writeModelConfig(config, { beginToken: 1, endTokens: [3] });
    assert.equal(written.model_type, kind);
    assert.equal(architectureOf(config), kind);
    const again = read(JSON.parse(JSON.stringify(written)));
    assert.deepEqual(again, { architecture: kind, config, beginToken: 1, endTokens: [3] });
    assert.deepEqual(read(writeModelConfig(config)).endTokens, []);
  });
}

Deno.test("as many key-value heads as heads, or windows of none, is still a GPT-2", () => {
  const config = modelConfig({ ...baby, keyValueHeads: 4, window: Array(4).fill(undefined) });
  assert.equal(architectureOf(config), "gpt2");
});

const malformed: [string, unknown, RegExp][] = [
  ["a list", [], /expected an object, got \[\]/],
  ["null", null, /expected an object, got null/],
  ["no kind", {}, /model_type: expected one of gpt2, gpt_neo, llama, .*, folio, got "\(none\)"/],
  ["an unknown kind", { model_type: "bert" }, /one of gpt2, .*, got "bert"/],
  ["a kind of the prototype", { model_type: "constructor" }, /got "constructor"/],
  [
    "text for a number",
    { model_type: "gpt2", n_head: "12" },
    /n_head: expected a whole .* got "12"/,
  ],
  ["a fraction", { model_type: "gpt2", n_layer: 1.5 }, /n_layer: expected a whole .* got 1.5/],
  ["zero", { model_type: "gpt2", n_embd: 0 }, /n_embd: expected a whole number from 1 .* got 0/],
  ["a negative number", { model_type: "gpt2", vocab_size: -1 }, /vocab_size: .* got -1/],
  ["a huge number", { model_type: "gpt2", vocab_size: 2 ** 31 }, /vocab_size: .* got 2147483648/],
  ["too many layers", { model_type: "gpt2", n_layer: 10001 }, /n_layer: expected at most 10000/],
  ["heads and width", { model_type: "gpt2", n_head: 7 }, /heads 7 does not divide width 768/],
  ["an activation", { model_type: "gpt2", activation_function: "tanh" }, /got "tanh"/],
  ["truth of a number", { model_type: "gpt2", tie_word_embeddings: 1 }, /true or false, got 1/],
  ["dropout over 1", { model_type: "gpt2", resid_pdrop: 2 }, /resid_pdrop: .* \[0, 1\), got 2/],
  ["epsilon of text", { model_type: "gpt2", layer_norm_epsilon: "a" }, /a number, got "a"/],
  [
    "layer scaling",
    { model_type: "gpt2", scale_attn_by_inverse_layer_idx: true },
    /expected false, got true/,
  ],
  [
    "cross attention",
    { model_type: "gpt2", add_cross_attention: true },
    /expected false, got true/,
  ],
  ["a token id", { model_type: "gpt2", eos_token_id: [1, "a"] }, /eos_token_id: .*got \[1,"a"\]/],
  [
    "types of text",
    { model_type: "gpt_neo", attention_types: "global" },
    /for 24 layers, got "global"/,
  ],
  ["too few types", { model_type: "gpt_neo", attention_types: [[["global"], 1]] }, /for 24 layers/],
  [
    "too many types",
    { model_type: "gpt_neo", attention_types: [[["global"], 1e9]] },
    /for 24 layers/,
  ],
  ["empty types", { model_type: "gpt_neo", attention_types: [[[], 1e9]] }, /for 24 layers/],
  ["an unknown type", { model_type: "gpt_neo", attention_types: [[["a"], 24]] }, /for 24 layers/],
  ["odd layers by default", { model_type: "gpt_neo", num_layers: 3 }, /for 3 layers/],
  [
    "stretched rotary",
    { model_type: "llama", rope_scaling: { type: "su", short_factor: [1] } },
    /type: expected "default", "linear", "dynamic", "llama3", "yarn" or "longrope", got "su"/,
  ],
  [
    "rotary factors",
    { model_type: "llama", rope_scaling: { type: "longrope", short_factor: [1, "2"] } },
    /short_factor: expected a list of numbers/,
  ],
  ["rotary of text", { model_type: "llama", rope_parameters: "x" }, /expected an object, got "x"/],
  [
    "another head size for the angles",
    { model_type: "gpt_neox", hidden_size: 32, num_attention_heads: 4, head_dim: 16 },
    /head_dim: expected 8, the head's size, got 16/,
  ],
  ["a head size", { model_type: "llama", head_dim: 0 }, /head_dim: expected a whole .* got 0/],
  [
    "key-value heads",
    { model_type: "llama", num_key_value_heads: 5 },
    /keyValueHeads 5 does not divide heads 32/,
  ],
  [
    "folio without sizes",
    { model_type: "folio" },
    /vocabSize must be a whole number from 1, got undefined/,
  ],
  [
    "folio with text",
    { model_type: "folio", ...baby, width: "128" },
    /width must be a whole number from 1, got "128"/,
  ],
  [
    "folio's window",
    { model_type: "folio", ...baby, window: "1234" },
    /window: expected a list, got "1234"/,
  ],
  [
    "folio's layers",
    { model_type: "folio", ...baby, layers: 1e6 },
    /layers: expected at most 10000/,
  ],
  ["folio's norm", { model_type: "folio", ...baby, norm: {} }, /norm must be one of layer, rms/],
  ["folio's dropout", { model_type: "folio", ...baby, dropout: "0" }, /dropout must be in/],
];

for (const [name, json, message] of malformed) {
  Deno.test(`config.json is refused: ${name}`, () => {
    assert.throws(() => read(json), { name: "SyntaxError", message: /^config\.json: / });
    assert.throws(() => read(json), { message });
  });
}

Deno.test("config.json is refused: not JSON", () => {
  const message = /^config\.json: not JSON: /;
  assert.throws(() => readModelConfig('{"model_type":'), { name: "SyntaxError", message });
});

Deno.test({
  name: "golden config.json files are read",
  ignore: golden === undefined,
  fn() {
    const config = (path: string) =>
      readModelConfig(Deno.readTextFileSync(`${golden}/${path}/config.json`)).config;
    assert.deepEqual(
      config("gpt2-tiny"),
      modelConfig({
        vocabSize: 65,
        contextLength: 32,
        layers: 2,
        heads: 3,
        width: 48,
        dropout: 0.1,
        attentionDropout: 0.1,
      }),
    );
    assert.equal(config("gpt-nano-sort").tiedHead, false);
    assert.equal(config("tokenizers/gpt2").vocabSize, 50257);
  },
});

/**
 * Made by transformers 5.18: `ROPE_INIT_FUNCTIONS[type](LlamaConfig(hidden_size=64,
 * num_attention_heads=4, max_position_embeddings=512, rope_parameters={"rope_theta": 10000.0,
 * …}))`, frequencies to 7 digits.
 */
interface RotaryGolden {
  readonly rope_scaling: Readonly<Record<string, unknown>>;
  readonly frequencies: readonly number[];
  readonly gain: number;
}

for (
  const [name, expected] of Object.entries(
    rotaryGolden as Record<string, RotaryGolden>,
  )
) {
  Deno.test(`rotary frequencies are transformers': ${name}`, () => {
    const { config } = read({
      model_type: "llama",
      hidden_size: 64,
      num_attention_heads: 4,
      max_position_embeddings: 512,
      rope_scaling: expected.rope_scaling,
    });
    const { frequencies, gain } = rotaryFrequencies(8, 10000, config.rotaryScaling);
    expected.frequencies.forEach((frequency, j) => {
      assert.ok(Math.abs(frequencies[j] / frequency - 1) < 1e-6, `${j}: ${frequencies[j]}`);
    });
    assert.ok(Math.abs(gain - expected.gain) < 1e-9, `${gain}`);
  });
}
