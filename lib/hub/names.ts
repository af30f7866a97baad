/**
 * Which tensors of a file make up each of Folio's parameters. Folio's names are those of a Hugging
 * Face GPT-2 (`transformer.h.0.attn.c_attn.weight`, weights [inputs, outputs]), so for GPT-2 a
 * parameter is the tensor of its own name; GPT-Neo and Llama have other names, keep weights as
 * [outputs, inputs], and query, key and value apart. Reading the data is parameters.ts's.
 *
 * @module
 */
import type { Architecture } from "./config.ts";

/** The tensors that make one parameter. */
export interface ParameterSource {
  /** Names in the file. Several are put side by side on the last axis, in this order; none is zeros. */
  readonly names: readonly string[];
  /** Whether each is stored [outputs, inputs] and the parameter is [inputs, outputs]. */
  readonly transposed: boolean;
}

/** Folio's module within a block → the file's; several are put side by side. */
type Table = Readonly<Record<string, readonly string[]>>;

const GPT_NEO_BLOCK: Table = {
  "attn.c_attn": ["attn.attention.q_proj", "attn.attention.k_proj", "attn.attention.v_proj"],
  "attn.c_proj": ["attn.attention.out_proj"],
  "mlp.c_fc": ["mlp.c_fc"],
  "mlp.c_proj": ["mlp.c_proj"],
};

const LLAMA_BLOCK: Table = {
  "ln_1": ["input_layernorm"],
  "attn.c_attn": ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"],
  "attn.c_proj": ["self_attn.o_proj"],
  "ln_2": ["post_attention_layernorm"],
  "mlp.c_fc": ["mlp.up_proj"],
  "mlp.c_gate": ["mlp.gate_proj"],
  "mlp.c_proj": ["mlp.down_proj"],
};

const LLAMA_OUTSIDE: Table = {
  "transformer.wte": ["model.embed_tokens"],
  "transformer.ln_f": ["model.norm"],
};

/** Tensors that a file may have and no parameter needs: masks and rotary frequencies. */
const BUFFERS = /\.attn\.(attention\.)?(bias|masked_bias)$|\.rotary_emb\.inv_freq$/;

/** The prefix that files of a model without its head leave out. */
const PREFIX = /^(transformer|model)\./;

/**
 * Where a parameter comes from in a file of the given architecture.
 *
 * @example
 * ```ts
 * console.log(parameterSource("transformer.h.3.mlp.c_gate.weight", "llama"));
 * // { names: [ "model.layers.3.mlp.gate_proj.weight" ], transposed: true }
 * ```
 */
export function parameterSource(name: string, architecture: Architecture): ParameterSource {
  if (architecture === "gpt2" || architecture === "folio") {
    return { names: [name], transposed: false };
  }
  const [module, kind] = splitLast(name);
  const block = /^transformer\.h\.(\d+)\.(.+)$/.exec(module);
  if (architecture === "gpt_neo") {
    const inside = block && GPT_NEO_BLOCK[block[2]];
    if (!inside) return { names: [name], transposed: false };
    if (kind === "bias" && inside.length > 1) return { names: [], transposed: false };
    return sources(inside.map((part) => `transformer.h.${block[1]}.${part}`), kind);
  }
  const inside = block && LLAMA_BLOCK[block[2]];
  if (!inside) {
    return { names: [`${LLAMA_OUTSIDE[module]?.[0] ?? module}.${kind}`], transposed: false };
  }
  const isNorm = block[2].startsWith("ln_");
  return sources(inside.map((part) => `model.layers.${block[1]}.${part}`), kind, !isNorm);
}

function sources(modules: string[], kind: string, isLinear = true): ParameterSource {
  return {
    names: modules.map((module) => `${module}.${kind}`),
    transposed: isLinear && kind === "weight",
  };
}

function splitLast(name: string): [string, string] {
  const dot = name.lastIndexOf(".");
  return [name.slice(0, dot), name.slice(dot + 1)];
}

/**
 * Finds every parameter's tensors among a file's names. Names without the prefix `transformer.` or
 * `model.` are accepted; masks, rotary frequencies, and the head's weight where the model's head is
 * tied are ignored.
 *
 * @param parameters Folio's names, as the model lists them
 * @param available the file's names
 * @throws {SyntaxError} naming tensors that are missing and tensors that no parameter takes
 */
export function matchParameters(
  parameters: Iterable<string>,
  available: Iterable<string>,
  architecture: Architecture,
): Map<string, ParameterSource> {
  const unused = new Set(available);
  const missing: string[] = [];
  const result = new Map<string, ParameterSource>();
  for (const parameter of parameters) {
    const { names, transposed } = parameterSource(parameter, architecture);
    const found = names.map((name) => {
      const bare = name.replace(PREFIX, "");
      const match = unused.has(name) ? name : unused.has(bare) ? bare : undefined;
      if (match === undefined) missing.push(name);
      else unused.delete(match);
      return match ?? name;
    });
    result.set(parameter, { names: found, transposed });
  }
  if (!result.has("lm_head.weight")) unused.delete("lm_head.weight");
  const unexpected = [...unused].filter((name) => !BUFFERS.test(name));
  if (missing.length > 0 || unexpected.length > 0) {
    throw new SyntaxError(
      `weights do not fit the configuration (${architecture}): ` +
        `${list("missing", missing)}; ${list("not expected", unexpected)}`,
    );
  }
  return result;
}

function list(what: string, names: string[]): string {
  const shown = names.slice(0, 5).map((name) => JSON.stringify(name)).join(", ");
  return `${what}: ${names.length === 0 ? "none" : shown}` +
    (names.length > 5 ? ` and ${names.length - 5} more` : "");
}
