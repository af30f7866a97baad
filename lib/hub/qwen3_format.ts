/**
 * Qwen3's files: a Llama with norms of queries and keys, a free head size and, in later layers, a
 * window if the file says so.
 *
 * Source: `Qwen3Config` of github.com/huggingface/transformers, whose defaults are used here.
 *
 * @module
 */
import type { Format } from "./format.ts";
import { oneWindow, readLayerTypes, writeLayerTypes } from "./layer_types.ts";
import { llamaSource, readBiases, readLlama, writeLlama } from "./llama_format.ts";

const DEFAULTS = { vocabSize: 151936, contextLength: 32768, headSize: 128, hidden: 22016 };

/** `"model_type": "qwen3"`. */
export const qwen3: Format = {
  read(fields) {
    const input = readLlama(fields, DEFAULTS);
    const slides = fields.boolean("use_sliding_window", false);
    const window = slides ? fields.wholeNumber("sliding_window", 4096) : undefined;
    const first = fields.wholeNumber("max_window_layers", 28, 0);
    const isSliding = (layer: number) => slides && layer >= first;
    return {
      ...input,
      ...readBiases(fields),
      queryKeyNorm: true,
      window: readLayerTypes(fields, input.layers, window, isSliding),
    };
  },
  write: (config) => ({
    architectures: ["Qwen3ForCausalLM"],
    model_type: "qwen3",
    ...writeLlama(config),
    attention_bias: config.queryKeyValueBias,
    use_sliding_window: config.window !== undefined,
    sliding_window: oneWindow(config.window) ?? null,
    layer_types: writeLayerTypes(config.layers, config.window),
  }),
  source: llamaSource,
};
