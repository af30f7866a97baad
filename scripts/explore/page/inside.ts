/**
 * What a model computes on a text: logits, attention, each layer's expectation, and the tokens
 * whose vectors are alike.
 *
 * @module
 */
import { type GPT, runWithCache, scope, type Tensor } from "../../../mod.ts";
import type { Inside, Scored } from "./protocol.ts";

/** Tokens that each layer's row of the logit lens shows. */
const LENS_TOKENS = 5;
/** Tokens in a list of neighbors. */
const NEIGHBORS = 12;

/** What each layer passes on, and the weights of its heads. */
const POINTS = /hook_(resid_pre|pattern)$/;

/** Reads `ids`, at most a context of them. */
export async function inspect(model: GPT, ids: readonly number[]): Promise<Inside> {
  const { layers, heads, contextLength } = model.config;
  const read = ids.slice(-contextLength);
  const { logits, cache } = runWithCache(model, [...read], { names: POINTS });
  const lens = [];
  const attention = new Uint8Array(layers * heads * read.length ** 2);
  for (let layer = 0; layer < layers; layer++) {
    const early = sayNow(model, cache.get(`blocks.${layer}.hook_resid_pre`));
    lens.push(await likeliest(early, read));
    early.dispose();
    const weights = await cache.get(`blocks.${layer}.attn.hook_pattern`).data();
    attention.set(
      Uint8Array.from(weights, (weight) => Math.round(255 * weight)),
      layer * weights.length,
    );
  }
  lens.push(await likeliest(logits, read));
  const values = await logits.data() as Float32Array;
  for (const made of [logits, cache]) made.dispose();
  return { attention, logits: values, lens };
}

/** The logits if the model stopped at a value of its residual stream. */
function sayNow(model: GPT, residual: Tensor): Tensor {
  return scope(() => model.logits(model.finalNorm?.forward(residual) ?? residual));
}

/** The likeliest tokens after each of `read`, by logits [1, T, V]. */
async function likeliest(logits: Tensor, read: readonly number[]): Promise<Scored[][]> {
  const values = await logits.data() as Float32Array;
  const width = values.length / read.length;
  return read.map((_, row) => {
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
