/**
 * The logit lens: what a language model would predict if it stopped after each layer.
 *
 * @module
 */
import { onDevice } from "../device/current_device.ts";
import { expectWholeNumber } from "../nn/config_checks.ts";
import { expectModel } from "../nn/expect_model.ts";
import type { GPT } from "../nn/gpt.ts";
import { softmax } from "../ops/softmax.ts";
import { topK } from "../ops/top_k.ts";
import { checkOptions, type OptionNames } from "../options.ts";
import { scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { idsOf, type LensIds } from "./model_parts.ts";
import { runWithCache } from "./run_with_cache.ts";

/** Options of `logitLens`. */
export interface LogitLensOptions {
  /** Predictions of each place, the likeliest first. Default: 5. */
  k?: number;
  /**
   * Maps the residual stream before the final norm, of layer 0 … layers, to what the final layer
   * would have made of it, as `tunedLens` learns it. Default: left as it is.
   */
  translate?: (residual: Tensor, layer: number) => Tensor;
}

const OPTIONS: OptionNames<LogitLensOptions> = { k: 5, translate: true };

/** A token that the lens predicts. */
export interface LensToken {
  /** Its id. */
  readonly id: number;
  /** Its probability. */
  readonly probability: number;
}

/** What the lens predicts from the residual stream at one point. */
export interface LensLayer {
  /** `blocks.N.hook_resid_pre`, and `hook_resid_post` of the last layer. */
  readonly point: string;
  /** For each sequence and place the `k` likeliest next tokens. */
  readonly top: LensToken[][][];
  /**
   * For each sequence and place the probability of the token that follows in the text; the last
   * place has none.
   */
  readonly next: number[][];
}

/** The points that the lens reads: the residual stream before each layer, and after the last. */
export function residualPoints(layers: number): string[] {
  const before = Array.from({ length: layers }, (_, layer) => `blocks.${layer}.hook_resid_pre`);
  return [...before, `blocks.${layers - 1}.hook_resid_post`];
}

/**
 * softmax(head(norm(x))) of the residual stream x before each layer and after the last, whose
 * predictions are the model's own.
 *
 * Source: nostalgebraist 2020; tuned: Belrose et al., arXiv 2303.08112.
 *
 * ```ts
 * import { GPT, logitLens, openDevice } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const model = new GPT({ vocabSize: 8, contextLength: 16, layers: 2, heads: 2, width: 16 });
 * const layers = await logitLens(model, [1, 2, 3], { k: 2 });
 * for (const { point, top } of layers) console.log(point, top[0][2]); // [{ id, probability }, …]
 * device.close();
 * ```
 *
 * @throws {TypeError} if an option is unknown, or the ids do not fit
 * @throws {RangeError} if `k` is below 1
 */
export async function logitLens(
  model: GPT,
  ids: LensIds,
  options: LogitLensOptions = {},
): Promise<LensLayer[]> {
  expectModel("logitLens", model);
  checkOptions("logitLens", options, OPTIONS);
  const { k = 5, translate = (x) => x } = options;
  expectWholeNumber("k", k, "logitLens");
  const { layers, vocabSize, outputSize = vocabSize } = model.config;
  const tokens = onDevice(model.tokens.weight.device, () => idsOf("logitLens", ids));
  const rows = await tokens.toArray<number[][]>();
  const names = residualPoints(layers);
  const { logits, cache } = runWithCache(model, tokens, { names });
  logits.dispose();
  const found: LensLayer[] = [];
  for (const [layer, point] of names.entries()) {
    const { probabilities, top } = scope(() => {
      const x = translate(cache.get(point), layer);
      const probabilities = softmax(lensLogits(model, x));
      return { probabilities, top: topK(probabilities, Math.min(k, outputSize)) };
    });
    const [values, indices, all] = [
      await top.values.toArray<number[][][]>(),
      await top.indices.toArray<number[][][]>(),
      await probabilities.data(),
    ];
    for (const tensor of [probabilities, top.values, top.indices]) tensor.dispose();
    found.push({
      point,
      top: indices.map((row, b) =>
        row.map((ids, t) => ids.map((id, i) => ({ id, probability: values[b][t][i] })))
      ),
      next: rows.map((row, b) =>
        row.slice(1).map((id, t) => all[(b * row.length + t) * outputSize + id])
      ),
    });
  }
  cache.dispose();
  return found;
}

/** head(norm(x)): the residual stream [B,T,C] → logits. */
export function lensLogits(model: GPT, residual: Tensor): Tensor {
  return model.logits(model.finalNorm?.forward(residual) ?? residual);
}
