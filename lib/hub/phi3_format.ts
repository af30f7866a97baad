/**
 * The files of Phi-3 and Phi-4: a Llama whose queries, keys and values are one tensor, and whose
 * gate and up projection are another.
 *
 * The context of models with `longrope` is as long as their first training's. Source: `Phi3Config`
 * of github.com/huggingface/transformers, whose defaults are used here.
 *
 * @module
 */
import { type Format, readDropout, splitName } from "./format.ts";
import { llamaSource, readLlama, writeLlama } from "./llama_format.ts";

const DEFAULTS = {
  vocabSize: 32064,
  contextLength: 4096,
  width: 3072,
  hidden: 8192,
  normEpsilon: 1e-5,
  rotary: { share: 1 },
};

/** Folio's linear layers whose tensors are joined in the file. */
const JOINED: Readonly<Record<string, { name: string; part?: { index: number; count: number } }>> =
  {
    "attn.c_attn": { name: "self_attn.qkv_proj" },
    "mlp.c_gate": { name: "mlp.gate_up_proj", part: { index: 0, count: 2 } },
    "mlp.c_fc": { name: "mlp.gate_up_proj", part: { index: 1, count: 2 } },
  };

/** `"model_type": "phi3"`. */
export const phi3: Format = {
  read(fields) {
    const input = readLlama(fields, DEFAULTS);
    const window = fields.wholeNumber("sliding_window", undefined);
    return {
      ...input,
      dropout: readDropout(fields, "resid_pdrop", 0),
      embeddingDropout: 0, // transformers reads embd_pdrop and does not apply it
      window: window === undefined ? undefined : Array(input.layers).fill(window),
    };
  },
  write: (config) => ({
    architectures: ["Phi3ForCausalLM"],
    model_type: "phi3",
    ...writeLlama(config),
    resid_dropout: undefined,
    resid_pdrop: config.dropout,
    sliding_window: config.window?.[0] ?? null,
  }),
  source(name) {
    const { layer, module, kind } = splitName(name);
    const joined = layer === undefined ? undefined : JOINED[module];
    if (!joined) return llamaSource(name);
    return {
      names: [`model.layers.${layer}.${joined.name}.${kind}`],
      transposed: true,
      part: joined.part,
    };
  },
};
