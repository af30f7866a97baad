/**
 * What a model computes on a text: logits, attention, each layer's expectation, and the tokens
 * whose vectors are alike.
 *
 * @module
 */
import { ForwardContext, type GPT, scope, type Tensor, tensor } from "../../../mod.ts";
import type { Inside, Scored } from "./protocol.ts";

/** Tokens that each layer's row of the logit lens shows. */
const LENS_TOKENS = 5;
/** Tokens in a list of neighbors. */
const NEIGHBORS = 12;

/** Reads `ids`, at most a context of them. */
export async function inspect(model: GPT, ids: readonly number[]): Promise<Inside> {
  const { layers, contextLength } = model.config;
  const read = ids.slice(-contextLength);
  const made = scope(() => {
    const row = tensor(Int32Array.from(read), { shape: [1, read.length] });
    const rows = Array.from(model.hiddenSteps(row, new ForwardContext()));
    const hidden = model.hidden(row);
    const early = rows.map((x) => model.logits(model.finalNorm?.forward(x) ?? x));
    return { attention: model.attentionWeights(row), logits: model.logits(hidden), early };
  });
  const { attention, logits, early } = made;
  const lens = [];
  for (const layer of [...early, logits]) lens.push(await likeliest(layer, read.length));
  const result = {
    attention: Uint8Array.from(await attention.data(), (weight) => Math.round(255 * weight)),
    logits: await logits.data() as Float32Array,
    lens,
  };
  for (const each of [attention, logits, ...early]) each.dispose();
  if (lens.length !== layers + 1) throw new Error("a layer is missing");
  return result;
}

/** The likeliest tokens of each row of logits [1, T, V]. */
async function likeliest(logits: Tensor, rows: number): Promise<Scored[][]> {
  const values = await logits.data() as Float32Array;
  const width = values.length / rows;
  return Array.from({ length: rows }, (_, row) => {
    const own = values.subarray(row * width, (row + 1) * width);
    const largest = own.reduce((most, logit) => Math.max(most, logit), -Infinity);
    const total = own.reduce((sum, logit) => sum + Math.exp(logit - largest), 0);
    return highest(own, LENS_TOKENS).map(({ id, value }) => ({
      id,
      value: Math.exp(value - largest) / total,
    }));
  });
}

/** The tokens whose vectors have the highest cosine with that of a token, itself left out. */
export async function neighbors(model: GPT, id: number): Promise<Scored[]> {
  const { width, vocabSize } = model.config;
  const table = await model.tokens.weight.data() as Float32Array;
  const vector = (row: number) => table.subarray(row * width, (row + 1) * width);
  const length = (row: number) => Math.hypot(...vector(row));
  const [own, ownLength] = [vector(id), length(id)];
  const cosines = Float32Array.from({ length: vocabSize }, (_, row) => {
    if (row === id) return -Infinity;
    return vector(row).reduce((sum, value, k) => sum + value * own[k], 0) /
      (ownLength * length(row) || 1);
  });
  return highest(cosines, NEIGHBORS);
}

/** The `count` largest values with their indices, the largest first. */
export function highest(values: Float32Array, count: number): Scored[] {
  const kept: Scored[] = [];
  values.forEach((value, id) => {
    if (kept.length === count && !(value > kept[count - 1].value) || value === -Infinity) return;
    const at = kept.findIndex((other) => value > other.value);
    kept.splice(at < 0 ? kept.length : at, 0, { id, value });
    kept.length = Math.min(kept.length, count);
  });
  return kept;
}
