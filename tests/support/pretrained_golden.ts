/**
 * The small models of tests/golden: weights computed from their names as in
 * golden/pretrained_reference.py, and what PyTorch computed with them.
 *
 * @module
 */
import { encodeSafetensors } from "../../lib/hub/safetensors.ts";
import type { SafetensorsArray, SafetensorsDtype } from "../../lib/hub/safetensors_dtype.ts";
import { size } from "../../lib/shape.ts";
import albert from "../golden/encoders/albert.json" with { type: "json" };
import albertMasked from "../golden/encoders/albert_masked.json" with { type: "json" };
import bertMasked from "../golden/encoders/bert_masked.json" with { type: "json" };
import distilbertMasked from "../golden/encoders/distilbert_masked.json" with { type: "json" };
import modernbertMasked from "../golden/encoders/modernbert_masked.json" with { type: "json" };
import robertaMasked from "../golden/encoders/roberta_masked.json" with { type: "json" };
import bart from "../golden/encoders/bart.json" with { type: "json" };
import flanT5 from "../golden/encoders/flan_t5.json" with { type: "json" };
import t5 from "../golden/encoders/t5.json" with { type: "json" };
import modernbert from "../golden/encoders/modernbert.json" with { type: "json" };
import mpnet from "../golden/encoders/mpnet.json" with { type: "json" };
import roberta from "../golden/encoders/roberta.json" with { type: "json" };
import xlmRoberta from "../golden/encoders/xlm_roberta.json" with { type: "json" };
import bert from "../golden/bert.json" with { type: "json" };
import distilbert from "../golden/distilbert.json" with { type: "json" };
import gpt2 from "../golden/gpt2.json" with { type: "json" };
import gptNeo from "../golden/gpt_neo.json" with { type: "json" };
import llama from "../golden/llama.json" with { type: "json" };
import llamaTied from "../golden/llama_tied.json" with { type: "json" };

/** A model's files, and a batch with its expected results. */
export interface Golden {
  readonly config: Record<string, unknown>;
  readonly shapes: Record<string, number[]>;
  readonly inputs: number[][];
  /** f32 in base64, as are all such strings here. */
  readonly logits: string;
  readonly loss: number;
  /** For each tensor's gradient: its norm, and its product with the values of "direction". */
  readonly gradients: Record<string, number[]>;
}

/** A language model. */
export interface DecoderGolden extends Golden {
  readonly targets: number[][];
  /** The 64 greedily chosen tokens after the first 8 of the first input. */
  readonly greedy: number[];
}

/** A classifier. */
export interface EncoderGolden extends Golden {
  readonly types: number[][];
  readonly lengths: number[];
  readonly labels: number[];
  readonly hidden: string;
}

/** A masked language model. */
export interface MaskedGolden extends Golden {
  readonly lengths: number[];
  /** The tokens behind the masks, −100 elsewhere. */
  readonly targets: number[][];
}

/** An encoder–decoder. */
export interface EncoderDecoderGolden extends Golden {
  readonly lengths: number[];
  readonly target: number[][];
  /** The tokens after the target's, −100 for those that count nothing. */
  readonly next: number[][];
  /** The encoder's value. */
  readonly encoded: string;
  /** The 64 greedily chosen tokens for each of the inputs. */
  readonly greedy: number[][];
}

export const DECODERS: Readonly<Record<string, DecoderGolden>> = {
  gpt2: asDecoder(gpt2),
  gpt_neo: asDecoder(gptNeo),
  llama: asDecoder(llama),
  llama_tied: asDecoder(llamaTied),
};

export const ENCODERS: Readonly<Record<string, EncoderGolden>> = {
  bert: asEncoder(bert),
  distilbert: asEncoder(distilbert),
  roberta: asEncoder(roberta),
  xlm_roberta: asEncoder(xlmRoberta),
  mpnet: asEncoder(mpnet),
  albert: asEncoder(albert),
  modernbert: asEncoder(modernbert),
};

export const MASKED: Readonly<Record<string, MaskedGolden>> = {
  bert: bertMasked,
  roberta: robertaMasked,
  distilbert: distilbertMasked,
  albert: albertMasked,
  modernbert: modernbertMasked,
} as unknown as Record<string, MaskedGolden>;

export const ENCODER_DECODERS: Readonly<Record<string, EncoderDecoderGolden>> = {
  t5: asEncoderDecoder(t5),
  flan_t5: asEncoderDecoder(flanT5),
  bart: asEncoderDecoder(bart),
};

function asDecoder(json: unknown): DecoderGolden {
  return json as DecoderGolden;
}

function asEncoder(json: unknown): EncoderGolden {
  return json as EncoderGolden;
}

function asEncoderDecoder(json: unknown): EncoderDecoderGolden {
  return json as EncoderDecoderGolden;
}

/** The numbers of a base64 string. */
export function floats(base64: string): Float32Array<ArrayBuffer> {
  return new Float32Array(Uint8Array.fromBase64(base64).buffer);
}

/** The i-th of a name's numbers: a multiple of 2⁻⁸ in [−0.5, 0.5). */
export function uniform(name: string, count: number): Float32Array<ArrayBuffer> {
  let hash = 2166136261;
  for (const byte of new TextEncoder().encode(name)) hash = Math.imul(hash ^ byte, 16777619);
  return Float32Array.from({ length: count }, (_, i) => {
    let x = Math.imul(i, 2654435761) + hash | 0;
    x = Math.imul(x ^ x >>> 16, 0x85EBCA6B);
    x = Math.imul(x ^ x >>> 13, 0xC2B2AE35);
    return ((x ^ x >>> 16) >>> 24) / 256 - 0.5;
  });
}

/** A tensor of the model. */
export function weight(name: string, count: number): Float32Array<ArrayBuffer> {
  const values = uniform(name, count);
  const isGain = name.endsWith("weight") && (name.includes("ln_") || /norm/i.test(name));
  return isGain ? values.map((value) => 1 + Math.floor(64 * value) / 64) : values;
}

/**
 * The model's `model.safetensors`, or the part of it that holds `names`, in a type in which its
 * numbers are exact.
 */
export async function weightFile(
  { shapes }: Golden,
  { dtype = "F32", names = Object.keys(shapes) }: {
    dtype?: "F32" | "F16" | "BF16";
    names?: readonly string[];
  } = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const entries = names.map((name) => {
    const shape = shapes[name];
    const data = stored(weight(name, size(shape)), dtype);
    return [name, { shape, data, dtype: dtype as SafetensorsDtype }] as const;
  });
  return await new Blob([...encodeSafetensors(entries, { format: "pt" })]).bytes();
}

/** Files by their names. */
export type ModelFiles = Record<string, Uint8Array<ArrayBuffer> | string>;

/** A model's files with its weights in three, whose order is not that of the model. */
export async function shardsOf(golden: DecoderGolden): Promise<ModelFiles> {
  const files: ModelFiles = { "config.json": JSON.stringify(golden.config) };
  const weightMap: Record<string, string> = {};
  const names = Object.keys(golden.shapes).reverse();
  for (let shard = 0; shard < 3; shard++) {
    const file = `model-0000${shard + 1}-of-00003.safetensors`;
    const own = names.filter((_, i) => i % 3 === shard);
    for (const name of own) weightMap[name] = file;
    files[file] = await weightFile(golden, { names: own });
  }
  const index = { metadata: { total_size: 1 }, weight_map: weightMap };
  files["model.safetensors.index.json"] = JSON.stringify(index);
  return files;
}

function stored(values: Float32Array<ArrayBuffer>, dtype: string): SafetensorsArray {
  if (dtype === "F32") return values;
  if (dtype === "F16") return new Uint16Array(new Float16Array(values).buffer);
  return Uint16Array.from(new Uint32Array(values.buffer), (word) => word >>> 16);
}
