/**
 * Direct logit attribution: a logit as the sum of what each part adds to the residual stream.
 *
 * C width, F inner size of the feed-forward.
 *
 * @module
 */
import { onDevice } from "../device/current_device.ts";
import type { GPT } from "../nn/gpt.ts";
import { LayerNorm } from "../nn/layers.ts";
import { embedding } from "../ops/embedding.ts";
import { reshape } from "../ops/reshape.ts";
import { matmul } from "../ops/matmul.ts";
import { slice } from "../ops/slice.ts";
import { checkOptions, type OptionNames } from "../options.ts";
import { scope } from "../tensor/scope.ts";
import { type Tensor, tensor } from "../tensor/tensor.ts";
import { expectGpt, idsOf, type LensIds } from "./model_parts.ts";
import { indicesOf } from "./point_axes.ts";
import { type ActivationCache, runWithCache } from "./run_with_cache.ts";

/** Options of `directLogitAttribution`. */
export interface AttributionOptions {
  /** The id whose logit is explained. */
  correct: number;
  /** An id whose logit is subtracted. Default: none. */
  wrong?: number;
  /** The token that predicts it; −1 is the last. Default: −1. */
  place?: number;
  /** How finely: whole layers, heads, or neurons of the feed-forwards. Default: `"head"`. */
  by?: "layer" | "head" | "neuron";
}

const OPTIONS: OptionNames<AttributionOptions> = {
  correct: true,
  wrong: true,
  place: -1,
  by: "head",
};

/** What one part adds to the logit. */
export interface Contribution {
  /** `embed`, `pos_embed`, `0.attn`, `0.head3`, `0.attn_bias`, `0.mlp`, `0.neuron17`, … */
  readonly part: string;
  /** Its share of the logit, or of the difference. */
  readonly value: number;
}

/** A logit, or a difference of two, and its parts. */
export interface Attribution {
  /** What the parts sum to, to rounding: the model's own number. */
  readonly total: number;
  /** The parts in the order of the pass, with `constant` for the biases of norm and head. */
  readonly contributions: Contribution[];
}

/**
 * logit[correct] − logit[wrong] at one place as a sum over what embeddings, attention (by head) and
 * feed-forwards (by neuron) add to the residual stream.
 *
 * The final norm's scale is taken as it is: its value for the whole stream. Source: Elhage et al.
 * 2021; Nanda & Bloom, TransformerLens (`logit_attrs`).
 *
 * ```ts
 * import { directLogitAttribution, GPT, openDevice } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const model = new GPT({ vocabSize: 8, contextLength: 16, layers: 1, heads: 2, width: 16 });
 * const { total, contributions } = await directLogitAttribution(model, [1, 2], { correct: 3 });
 * console.log(total, contributions.map(({ part }) => part)); // embed, pos_embed, 0.head0, …
 * device.close();
 * ```
 *
 * @throws {TypeError} if the model is no GPT, an option is unknown, or there are several sequences
 * @throws {RangeError} if there is no such id or place
 * @throws {Error} if logits are no sum of such parts: norms after the residual sums (or, by heads,
 * on what attention adds), soft-capped logits, rounded weights
 */
export async function directLogitAttribution(
  model: GPT,
  ids: LensIds,
  options: AttributionOptions,
): Promise<Attribution> {
  const operation = "directLogitAttribution";
  expectGpt(operation, model, "whose logits are a sum of what its parts add");
  checkOptions(operation, options, OPTIONS);
  const { by = "head", place = -1 } = options;
  expectSum(model, by);
  const tokens = onDevice(model.tokens.weight.device, () => idsOf(operation, ids));
  if (tokens.shape[0] !== 1) throw new TypeError(`${operation}: expected one text, got ${tokens}`);
  const [at] = indicesOf(operation, "place", place, tokens.shape[1]);
  const { logits, cache } = runWithCache(model, tokens, { names: namesFor(model, by) });
  const { direction, constant } = await readout(model, cache, at, options);
  const contributions: Contribution[] = [];
  for (const { part, value } of partsOfStream(model, cache, by)) {
    const shares = await sharesOf(value, at, direction);
    shares.forEach((share, i) => contributions.push({ part: part(i), value: share }));
  }
  contributions.push({ part: "constant", value: constant });
  const all = await slice(logits, { axis: 1, start: at, end: at + 1 }).data();
  logits.dispose();
  cache.dispose();
  const { correct, wrong } = options;
  const total = all[correct] - (wrong === undefined ? 0 : all[wrong]);
  return { total, contributions };
}

/** Throws unless the logits are linear in what the parts add, but for the norm's scale. */
function expectSum(model: GPT, by: "layer" | "head" | "neuron"): void {
  const { normPlacement, logitSoftCap } = model.config;
  const fail = (what: string) => {
    throw new Error(`directLogitAttribution: not for ${what}`);
  };
  if (!["layer", "head", "neuron"].includes(by)) {
    throw new RangeError(`directLogitAttribution: expected by layer, head, neuron, got ${by}`);
  }
  if (normPlacement === "post") fail("norms after the residual sums (normPlacement post)");
  if (normPlacement === "sandwich" && by !== "layer") fail("sandwich norms, except by layer");
  if (logitSoftCap !== undefined) fail("soft-capped logits");
  if (model.quantizedHead || model.blocks.items[0].attention.queryKeyValue?.quantized) {
    fail("rounded weights");
  }
  if (model.virtualTokens) fail("virtual tokens");
}

function namesFor(model: GPT, by: string): RegExp {
  const { embeddingNorm } = model.config;
  const start = embeddingNorm ? "^blocks\\.0\\.hook_resid_pre" : "^hook_(pos_)?embed";
  const attention = by === "head" ? "attn\\.hook_result" : "hook_attn_out";
  const feed = by === "neuron" ? "mlp\\.hook_post" : "hook_mlp_out";
  return new RegExp(`(${start}|${attention}|${feed}|hook_resid_post)$`);
}

/** A value whose last axis is the stream's, or becomes it; its rows are parts. */
interface StreamPart {
  part(index: number): string;
  /** [1,T,C] or [1,T,parts,C], or [C]. */
  readonly value: Tensor | NeuronPart;
}

/** Neurons [1,T,F], and the matrix [F,C] that writes them to the stream. */
interface NeuronPart {
  readonly active: Tensor;
  readonly down: Tensor;
}

function partsOfStream(model: GPT, cache: ActivationCache, by: string): StreamPart[] {
  const has = new Set(cache.names);
  const parts: StreamPart[] = [];
  const add = (part: string | ((index: number) => string), value: Tensor | NeuronPart) =>
    parts.push({ part: typeof part === "string" ? () => part : part, value });
  for (const name of ["hook_embed", "hook_pos_embed"]) {
    const isAdded = name === "hook_embed" || model.config.positions !== "shortformer";
    if (has.has(name) && isAdded) add(name.slice("hook_".length), cache.get(name));
  }
  if (has.has("blocks.0.hook_resid_pre")) add("embed", cache.get("blocks.0.hook_resid_pre"));
  for (const [layer, block] of model.blocks.items.entries()) {
    const name = (point: string) => `blocks.${layer}.${point}`;
    const { attention: { projection }, feedForward } = block;
    if (by === "head") {
      add((head) => `${layer}.head${head}`, cache.get(name("attn.hook_result")));
      if (projection.bias) add(`${layer}.attn_bias`, projection.bias);
    } else add(`${layer}.attn`, cache.get(name("hook_attn_out")));
    if (!feedForward) continue;
    if (by === "neuron") {
      const { down } = feedForward;
      const active = cache.get(name("mlp.hook_post"));
      add((neuron) => `${layer}.neuron${neuron}`, { active, down: down.weight });
      if (down.bias) add(`${layer}.mlp_bias`, down.bias);
    } else add(`${layer}.mlp`, cache.get(name("hook_mlp_out")));
  }
  return parts;
}

/**
 * The direction u of the stream with Δlogit = u·stream + constant, the norm's scale taken as it is.
 */
async function readout(
  model: GPT,
  cache: ActivationCache,
  at: number,
  { correct, wrong }: AttributionOptions,
): Promise<{ direction: Float64Array; constant: number }> {
  const { vocabSize, outputSize = vocabSize, layers, width } = model.config;
  const weight = model.head?.weight ?? model.tokens.weight;
  const rows = wrong === undefined ? [correct] : [correct, wrong];
  const found = indicesOf("directLogitAttribution", "id", rows, outputSize);
  const index = tensor(Int32Array.from(found), { device: weight.device });
  const vectors = await embedding(weight, index).data();
  const bias = await model.head?.bias?.data();
  const difference = (at: (row: number) => number) => at(0) - (wrong === undefined ? 0 : at(1));
  const d = Float64Array.from(
    { length: width },
    (_, i) => difference((row) => vectors[row * width + i]),
  );
  let constant = bias ? difference((row) => bias[found[row]]) : 0;
  const { finalNorm } = model;
  if (!finalNorm) return { direction: d, constant };
  const stream = cache.get(`blocks.${layers - 1}.hook_resid_post`);
  const x = await slice(stream, { axis: 1, start: at, end: at + 1 }).data();
  const gain = await finalNorm.weight?.data();
  const shift = finalNorm instanceof LayerNorm ? await finalNorm.bias?.data() : undefined;
  if (shift) constant += d.reduce((sum, value, i) => sum + value * shift[i], 0);
  const gained = d.map((value, i) => value * (gain?.[i] ?? 1));
  const centers = finalNorm instanceof LayerNorm;
  const mean = (values: ArrayLike<number>) =>
    Array.from(values).reduce((sum, value) => sum + value, 0) / width;
  const center = centers ? mean(x) : 0;
  const square = mean(Array.from(x, (value) => (value - center) ** 2));
  const scale = 1 / Math.sqrt(square + finalNorm.epsilon);
  const shared = centers ? mean(gained) : 0;
  return { direction: gained.map((value) => (value - shared) * scale), constant };
}

/** u·row for each row of a part. */
async function sharesOf(
  value: Tensor | NeuronPart,
  at: number,
  direction: Float64Array,
): Promise<number[]> {
  const u = tensor(Float32Array.from(direction), {
    shape: [direction.length, 1],
    device: "active" in value ? value.down.device : value.device,
  });
  const shares = scope(() => {
    if ("active" in value) {
      const { active, down } = value;
      const own = slice(active, { axis: 1, start: at, end: at + 1 });
      return { weights: matmul(down, u), active: reshape(own, [own.size, 1]) };
    }
    const rows = value.shape.length === 1
      ? value
      : slice(value, { axis: 1, start: at, end: at + 1 });
    return { weights: matmul(reshape(rows, [rows.size / direction.length, direction.length]), u) };
  });
  const weights = await shares.weights.data();
  const active = "active" in shares ? await shares.active?.data() : undefined;
  return Array.from(weights, (weight, i) => active ? weight * active[i] : weight);
}
