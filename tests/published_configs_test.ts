/**
 * config.json files of published models, as transformers 4 wrote them: the model that is read has
 * as many parameters as the published one, and what Folio cannot compute is refused by name.
 */
import assert from "node:assert/strict";
import { readModelConfig } from "../lib/hub/config.ts";
import { configText } from "../lib/hub/config_text.ts";
import type { ModelConfig } from "../lib/nn/config.ts";

const read = (json: unknown) => readModelConfig(JSON.stringify(json)).config;

/** The number of a model's parameters, from its configuration. */
function parametersOf(config: ModelConfig): number {
  const { vocabSize: V, width: C, heads: H, keyValueHeads = H, layers, hidden } = config;
  const { headSize: D = C / H, normPlacement, sharedNorm, gated, bias } = config;
  const norm = (size: number) => config.norm === "layer" ? 2 * size : size;
  const queryKeyValue = (H + 2 * keyValueHeads) * D;
  const attention = C * queryKeyValue + (config.queryKeyValueBias ? queryKeyValue : 0) +
    H * D * C + (config.attentionProjectionBias ? C : 0) +
    (config.queryKeyNorm ? 2 * norm(D) : 0);
  const ups = gated ? 2 : 1;
  const feedForward = (ups + 1) * C * hidden + (bias ? ups * hidden + C : 0);
  const norms = (normPlacement === "sandwich" ? 4 : sharedNorm ? 1 : 2) * norm(C);
  const tables = V * C * (config.tiedHead ? 1 : 2) + (config.headBias ? V : 0) +
    (config.positions === "learned" ? config.contextLength * C : 0) +
    (config.embeddingNorm ? norm(C) : 0);
  return tables + layers * (attention + feedForward + norms) + norm(C);
}

const GEMMA = { attention_bias: false, max_position_embeddings: 8192, rms_norm_eps: 1e-6 };

/** Files, shortened by fields that describe no part of the model, and the number of parameters. */
const PUBLISHED: Record<string, [parameters: number, json: Record<string, unknown>]> = {
  "Qwen/Qwen3-0.6B": [596_049_920, {
    model_type: "qwen3",
    attention_bias: false,
    head_dim: 128,
    hidden_act: "silu",
    hidden_size: 1024,
    intermediate_size: 3072,
    max_position_embeddings: 40960,
    max_window_layers: 28,
    num_attention_heads: 16,
    num_hidden_layers: 28,
    num_key_value_heads: 8,
    rms_norm_eps: 1e-6,
    rope_scaling: null,
    rope_theta: 1000000,
    sliding_window: null,
    tie_word_embeddings: true,
    use_sliding_window: false,
    vocab_size: 151936,
  }],
  "HuggingFaceTB/SmolLM2-135M": [134_515_008, {
    model_type: "llama",
    hidden_size: 576,
    intermediate_size: 1536,
    is_llama_config: true,
    max_position_embeddings: 8192,
    num_attention_heads: 9,
    num_hidden_layers: 30,
    num_key_value_heads: 3,
    rms_norm_eps: 1e-5,
    rope_interleaved: false,
    rope_theta: 100000,
    tie_word_embeddings: true,
    vocab_size: 49152,
  }],
  "HuggingFaceTB/SmolLM3-3B": [3_075_098_624, {
    model_type: "smollm3",
    hidden_size: 2048,
    intermediate_size: 11008,
    max_position_embeddings: 65536,
    no_rope_layer_interval: 4,
    num_attention_heads: 16,
    num_hidden_layers: 36,
    num_key_value_heads: 4,
    rope_theta: 5000000.0,
    sliding_window: null,
    use_sliding_window: false,
    vocab_size: 128256,
  }],
  "google/gemma-2b": [2_506_172_416, {
    ...GEMMA,
    model_type: "gemma",
    head_dim: 256,
    hidden_act: "gelu",
    hidden_size: 2048,
    intermediate_size: 16384,
    num_attention_heads: 8,
    num_hidden_layers: 18,
    num_key_value_heads: 1,
    vocab_size: 256000,
  }],
  "google/gemma-2-2b": [2_614_341_888, {
    ...GEMMA,
    model_type: "gemma2",
    attn_logit_softcapping: 50.0,
    final_logit_softcapping: 30.0,
    head_dim: 256,
    hidden_act: "gelu_pytorch_tanh",
    hidden_activation: "gelu_pytorch_tanh",
    hidden_size: 2304,
    intermediate_size: 9216,
    num_attention_heads: 8,
    num_hidden_layers: 26,
    num_key_value_heads: 4,
    query_pre_attn_scalar: 256,
    sliding_window: 4096,
    vocab_size: 256000,
  }],
  "google/gemma-3-1b-pt": [999_885_952, {
    ...GEMMA,
    model_type: "gemma3_text",
    attn_logit_softcapping: null,
    final_logit_softcapping: null,
    head_dim: 256,
    hidden_activation: "gelu_pytorch_tanh",
    hidden_size: 1152,
    intermediate_size: 6912,
    max_position_embeddings: 32768,
    num_attention_heads: 4,
    num_hidden_layers: 26,
    num_key_value_heads: 1,
    query_pre_attn_scalar: 256,
    rope_local_base_freq: 10000,
    rope_scaling: null,
    rope_theta: 1000000,
    sliding_window: 512,
    sliding_window_pattern: 6,
    vocab_size: 262144,
  }],
  "microsoft/phi-2": [2_779_683_840, {
    model_type: "phi",
    hidden_act: "gelu_new",
    hidden_size: 2560,
    intermediate_size: 10240,
    layer_norm_eps: 1e-5,
    num_attention_heads: 32,
    num_hidden_layers: 32,
    num_key_value_heads: 32,
    partial_rotary_factor: 0.4,
    qk_layernorm: false,
    resid_pdrop: 0.1,
    vocab_size: 51200,
  }],
  "microsoft/Phi-3-mini-4k-instruct": [3_821_079_552, {
    model_type: "phi3",
    hidden_size: 3072,
    intermediate_size: 8192,
    max_position_embeddings: 4096,
    num_attention_heads: 32,
    num_hidden_layers: 32,
    num_key_value_heads: 32,
    original_max_position_embeddings: 4096,
    rope_scaling: null,
    sliding_window: 2047,
    vocab_size: 32064,
  }],
  "EleutherAI/pythia-70m": [70_426_624, {
    model_type: "gpt_neox",
    hidden_act: "gelu",
    hidden_size: 512,
    intermediate_size: 2048,
    max_position_embeddings: 2048,
    num_attention_heads: 8,
    num_hidden_layers: 6,
    rotary_emb_base: 10000,
    rotary_pct: 0.25,
    tie_word_embeddings: false,
    use_parallel_residual: true,
    vocab_size: 50304,
  }],
  "EleutherAI/gpt-j-6b": [6_050_882_784, {
    model_type: "gptj",
    activation_function: "gelu_new",
    n_embd: 4096,
    n_head: 16,
    n_inner: null,
    n_layer: 28,
    n_positions: 2048,
    rotary: true,
    rotary_dim: 64,
    scale_attn_weights: true,
    vocab_size: 50400,
  }],
  // Two rows of its position table are never read and not counted.
  "facebook/opt-125m": [125_239_296 - 2 * 768, {
    model_type: "opt",
    _remove_final_layer_norm: false,
    activation_function: "relu",
    do_layer_norm_before: true,
    ffn_dim: 3072,
    hidden_size: 768,
    layerdrop: 0.0,
    max_position_embeddings: 2048,
    num_attention_heads: 12,
    num_hidden_layers: 12,
    vocab_size: 50272,
    word_embed_proj_dim: 768,
  }],
  "bigscience/bloom-560m": [559_214_592, {
    model_type: "bloom",
    apply_residual_connection_post_layernorm: false,
    attention_softmax_in_fp32: true,
    hidden_size: 1024,
    masked_softmax_fusion: true,
    n_head: 16,
    n_layer: 24,
    offset_alibi: 100,
    seq_length: 2048,
    vocab_size: 250880,
  }],
};

for (const [name, [parameters, json]] of Object.entries(PUBLISHED)) {
  Deno.test(`${name} has its number of parameters`, () => {
    assert.equal(parametersOf(read(json)), parameters);
  });
}

Deno.test("fields that a count does not show", () => {
  const of = (name: string) => read(PUBLISHED[name][1]);
  const smollm3 = of("HuggingFaceTB/SmolLM3-3B");
  assert.deepEqual(smollm3.rotaryLayers?.slice(0, 5), [true, true, true, false, true]);
  assert.deepEqual([smollm3.rotaryBase, smollm3.window], [5e6, undefined]);
  const gemma = of("google/gemma-2b");
  assert.deepEqual([gemma.activation, gemma.embeddingScale], ["gelu_tanh", Math.sqrt(2048)]);
  const gemma2 = of("google/gemma-2-2b");
  assert.deepEqual([gemma2.attentionSoftCap, gemma2.logitSoftCap], [50, 30]);
  assert.deepEqual(gemma2.window?.slice(0, 3), [4096, undefined, 4096]);
  const gemma3 = of("google/gemma-3-1b-pt");
  assert.deepEqual([gemma3.rotaryBase, gemma3.windowRotaryBase], [1e6, 1e4]);
  assert.deepEqual(gemma3.window?.slice(4, 7), [512, undefined, 512]);
  assert.equal(of("microsoft/phi-2").rotaryDimensions, 32);
  assert.equal(of("microsoft/Phi-3-mini-4k-instruct").window?.[31], 2047);
  assert.equal(of("EleutherAI/pythia-70m").rotaryDimensions, 16);
});

const longrope = { type: "longrope", short_factor: [1], long_factor: [1] };
const nested = { full_attention: { rope_theta: 1e6 } };

const REFUSED: [name: string, json: Record<string, unknown>, message: RegExp][] = [
  [
    "OPT-350m's narrower embeddings",
    { model_type: "opt", hidden_size: 1024, word_embed_proj_dim: 512, do_layer_norm_before: false },
    /word_embed_proj_dim: expected 1024, got 512/,
  ],
  [
    "too few factors for Phi-3's long context",
    { model_type: "phi3", rope_scaling: longrope },
    /rotaryScaling needs two lists of 48 factors above 0/,
  ],
  [
    "rotation of a part",
    { model_type: "llama", partial_rotary_factor: 0.5 },
    /expected 1, got 0.5/,
  ],
  [
    "rotary positions by layer",
    { model_type: "qwen3", rope_parameters: nested },
    /rope_parameters.full_attention: expected the same positions in every layer/,
  ],
  [
    "Gemma 3's positions without layer types",
    { model_type: "gemma3_text", rope_parameters: { rope_theta: 1e6, rope_type: "default" } },
    /rope_parameters: expected full_attention/,
  ],
  [
    "attention to later tokens",
    { model_type: "gemma3_text", use_bidirectional_attention: true },
    /use_bidirectional_attention: expected false, got true/,
  ],
  [
    "a soft-cap of Gemma 3's scores",
    { model_type: "gemma3_text", attn_logit_softcapping: 50 },
    /attn_logit_softcapping: expected null, got 50/,
  ],
  [
    "GPT-Neo's two lists of windows, which differ",
    {
      model_type: "gpt_neo",
      num_layers: 2,
      attention_types: [[["global", "local"], 1]],
      attention_layers: ["local", "global"],
    },
    /attention_layers: expected \["global","local"\], as attention_types say, got/,
  ],
  [
    "chunked attention",
    { model_type: "qwen3", num_hidden_layers: 1, layer_types: ["chunked_attention"] },
    /layer_types: expected "full_attention" for each of 1 layers/,
  ],
  [
    "Gemma's two activations",
    { model_type: "gemma", hidden_act: "gelu", hidden_activation: "relu" },
    /hidden_activation: expected the activation of hidden_act, got "relu"/,
  ],
  [
    "BLOOM's other residual",
    { model_type: "bloom", apply_residual_connection_post_layernorm: true },
    /apply_residual_connection_post_layernorm: expected false, got true/,
  ],
  [
    "flags that are none",
    { model_type: "smollm3", no_rope_layers: [2] },
    /no_rope_layers: expected/,
  ],
  [
    "experts",
    { model_type: "qwen3_moe" },
    /one of gpt2, .*, got "qwen3_moe"; the nearest is qwen3$/,
  ],
  ["Gemma 3 with images", { model_type: "gemma3" }, /got "gemma3"; the nearest is gemma/],
];

for (const [name, json, message] of REFUSED) {
  Deno.test(`config.json is refused: ${name}`, () => {
    assert.throws(() => read(json), { name: "SyntaxError", message });
  });
}

Deno.test("soft-caps are written as floats, which transformers 5 requires", () => {
  const config = { attn_logit_softcapping: null, final_logit_softcapping: 30, sliding_window: 8 };
  const text = configText(config);
  assert.match(text, /"final_logit_softcapping": 30\.0,\n/);
  assert.match(text, /"sliding_window": 8\n/);
  assert.deepEqual(JSON.parse(text), config);
});
