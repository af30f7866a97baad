/**
 * Qwen3's files: a Llama with norms of queries and keys, a free head size and, in later layers, a
 * window if the file says so.
 *
 * Source: `Qwen3Config` of github.com/huggingface/transformers, whose defaults are used here.
 *
 * @module
 */
import type { Format } from "./format.ts";
import { readLateWindows, writeWindows } from "./layer_types.ts";
import { llamaSource, readBiases, readLlama, writeLlama } from "./llama_format.ts";

const DEFAULTS = { vocabSize: 151936, contextLength: 32768, headSize: 128, hidden: 22016 };

/** `"model_type": "qwen3"`. */
export const qwen3: Format = {
  read(fields) {
    const input = readLlama(fields, DEFAULTS);
    return {
      ...input,
      ...readBiases(fields),
      queryKeyNorm: true,
      window: readLateWindows(fields, input.layers),
    };
  },
  write: (config) => ({
    architectures: ["Qwen3ForCausalLM"],
    model_type: "qwen3",
    ...writeLlama(config),
    attention_bias: config.queryKeyValueBias,
    ...writeWindows(config),
  }),
  source: llamaSource,
};
