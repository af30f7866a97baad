/**
 * The tensors of a GGUF file under the names and in the layouts of the family's own files, as
 * float32; read a range at a time, so that no more of the file is in memory.
 *
 * gguf_types.ts decodes the numbers, gguf_config.ts names the families.
 *
 * @module
 */
import { type Shape, size } from "../shape.ts";
import type { ByteSource } from "./byte_source.ts";
import type { GgufFamily } from "./gguf_config.ts";
import type { GgufHeader, GgufTensor } from "./gguf_header.ts";
import type { ElementRange } from "./safetensors.ts";
import type { Weights } from "./weights.ts";

/** Names of tensors in a block → the families'. */
const LLAMA: Readonly<Record<string, string>> = {
  attn_norm: "input_layernorm",
  attn_q: "self_attn.q_proj",
  attn_k: "self_attn.k_proj",
  attn_v: "self_attn.v_proj",
  attn_output: "self_attn.o_proj",
  attn_q_norm: "self_attn.q_norm",
  attn_k_norm: "self_attn.k_norm",
  ffn_norm: "post_attention_layernorm",
  ffn_gate: "mlp.gate_proj",
  ffn_up: "mlp.up_proj",
  ffn_down: "mlp.down_proj",
};
const BLOCKS: Readonly<Record<NonNullable<GgufFamily["names"]>, Readonly<Record<string, string>>>> =
  {
    phi3: { ...LLAMA, attn_qkv: "self_attn.qkv_proj", ffn_up: "mlp.gate_up_proj" },
    sandwich: {
      ...LLAMA,
      post_attention_norm: "post_attention_layernorm",
      ffn_norm: "pre_feedforward_layernorm",
      post_ffw_norm: "post_feedforward_layernorm",
    },
    gpt2: {
      attn_norm: "ln_1",
      attn_qkv: "attn.c_attn",
      attn_output: "attn.c_proj",
      ffn_norm: "ln_2",
      ffn_up: "mlp.c_fc",
      ffn_down: "mlp.c_proj",
    },
  };
const OUTSIDE: Readonly<Record<string, string>> = {
  token_embd: "model.embed_tokens",
  output_norm: "model.norm",
  output: "lm_head",
};
const OUTSIDE_GPT2: Readonly<Record<string, string>> = {
  token_embd: "transformer.wte",
  position_embd: "transformer.wpe",
  output_norm: "transformer.ln_f",
  output: "lm_head",
};

/** Tensors that gguf_config.ts reads, or that llama.cpp itself ignores. */
const NOT_WEIGHTS = /^rope_(?:freqs|factors_short|factors_long)\.weight$|\.attn_rot_embd$/;

/** A tensor as the family's own files hold it. */
interface Turned {
  readonly tensor: GgufTensor;
  readonly shape: Shape;
  /** Rows of a head whose pairs are neighbors; undefined if rows are as they are. */
  readonly headRows?: number;
  /** Whether the file has rows for columns. */
  readonly transposed: boolean;
  /** Added to each number. */
  readonly added: number;
}

/** The family's name of a tensor; its own if it has none. */
function nameOf(name: string, { names }: GgufFamily): string {
  const [, block, module, kind] = /^(?:blk\.(\d+)\.)?([\w]+)\.(weight|bias)$/.exec(name) ?? [];
  const isGpt2 = names === "gpt2";
  const table = block === undefined
    ? isGpt2 ? OUTSIDE_GPT2 : OUTSIDE
    : names
    ? BLOCKS[names]
    : LLAMA;
  if (module === undefined || !Object.hasOwn(table, module)) return name;
  const before = block === undefined
    ? ""
    : isGpt2
    ? `transformer.h.${block}.`
    : `model.layers.${block}.`;
  return `${before}${table[module]}.${kind}`;
}

/** The weights of an open file. */
export class GgufWeights implements Weights {
  readonly tensors: ReadonlyMap<string, { readonly shape: Shape }>;
  readonly #tensors: ReadonlyMap<string, Turned>;
  readonly #source: ByteSource;

  /** `headSize` is that of queries and keys. */
  constructor(
    source: ByteSource,
    header: GgufHeader,
    { family, headSize }: { readonly family: GgufFamily; readonly headSize: number },
  ) {
    this.#source = source;
    const tensors = [...header.tensors].filter(([name]) => !NOT_WEIGHTS.test(name));
    this.#tensors = new Map(tensors.map(([name, tensor]) => {
      const transposed = family.names === "gpt2" && /^blk\..*\.weight$/.test(name) &&
        tensor.shape.length === 2;
      const turnsPairs = family.turnsPairs && /^blk\.\d+\.attn_[qk]\.(?:weight|bias)$/.test(name);
      return [nameOf(name, family), {
        tensor,
        shape: transposed ? tensor.shape.toReversed() : tensor.shape,
        headRows: turnsPairs && tensor.shape[0] % headSize === 0 ? headSize : undefined,
        transposed,
        added: family.addsOne && /norm\.weight$/.test(name) ? -1 : 0,
      }];
    }));
    this.tensors = this.#tensors;
  }

  get name(): string {
    return this.#source.name;
  }

  async float32(name: string, range?: ElementRange): Promise<Float32Array<ArrayBuffer>> {
    const turned = this.#tensors.get(name);
    if (!turned) throw new RangeError(`${this.name}: no tensor ${JSON.stringify(name)}`);
    const { shape, tensor, headRows, transposed, added } = turned;
    const { first, count } = range ?? { first: 0, count: size(shape) };
    if (first < 0 || count < 0 || first + count > size(shape)) {
      throw new RangeError(`${this.name}: ${name} has no ${count} elements from ${first} on`);
    }
    const values = transposed
      ? turnedOver(await readGguf(this.#source, tensor), tensor.shape).subarray(
        first,
        first + count,
      )
      : headRows === undefined
      ? await readGguf(this.#source, tensor, { first, count })
      : await this.#heads(tensor, headRows, { first, count });
    if (added !== 0) { for (let i = 0; i < values.length; i++) values[i] += added; }
    return values;
  }

  /** A range of a tensor whose heads have row 2j for row j, and row 2j + 1 for row j + half. */
  async #heads(tensor: GgufTensor, headRows: number, { first, count }: ElementRange) {
    const columns = size(tensor.shape.slice(1));
    const head = headRows * columns;
    const start = Math.floor(first / head) * head;
    const end = Math.min(size(tensor.shape), Math.ceil((first + count) / head) * head);
    const stored = await readGguf(this.#source, tensor, { first: start, count: end - start });
    const values = new Float32Array(stored.length), half = headRows / 2;
    for (let row = 0; row < values.length / columns; row++) {
      const j = row % headRows;
      const from = row - j + (j < half ? 2 * j : 2 * (j - half) + 1);
      values.set(stored.subarray(from * columns, (from + 1) * columns), row * columns);
    }
    return values.subarray(first - start, first - start + count);
  }

  async verify(): Promise<void> {
    await this.#source.verify?.();
  }

  close(): void {
    this.#source.close();
  }
}

/** A tensor, or a range of its elements, as float32. */
export async function readGguf(
  source: ByteSource,
  { type, shape, begin }: GgufTensor,
  { first, count }: ElementRange = { first: 0, count: size(shape) },
): Promise<Float32Array<ArrayBuffer>> {
  const start = Math.floor(first / type.block), end = Math.ceil((first + count) / type.block);
  const bytes = await source.read(begin + start * type.bytes, (end - start) * type.bytes);
  const skipped = first - start * type.block;
  return type.decode(bytes).subarray(skipped, skipped + count);
}

/** The transpose of a matrix. */
function turnedOver(
  values: Float32Array<ArrayBuffer>,
  [rows, columns]: Shape,
): Float32Array<ArrayBuffer> {
  const turned = new Float32Array(values.length);
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) turned[c * rows + r] = values[r * columns + c];
  }
  return turned;
}
