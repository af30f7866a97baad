/**
 * Attribution patching: an estimate of activation patching for all groups of values from two passes
 * and one derivative.
 *
 * @module
 */
import type { GPT } from "../nn/gpt.ts";
import { mul, sub } from "../ops/binary.ts";
import { sum } from "../ops/reduce.ts";
import { scope } from "../tensor/scope.ts";
import { concatenate } from "../ops/concatenate.ts";
import { transpose } from "../ops/transpose.ts";
import { gradientsAt } from "./gradients_at.ts";
import {
  measure,
  type PatchingOptions,
  patchingPlan,
  type PatchingScores,
  type PatchingStudy,
  shares,
} from "./patching_scores.ts";
import { axesOf } from "./point_axes.ts";
import { runWithCache } from "./run_with_cache.ts";

/**
 * The scores of `patchingScores`, to first order: Σ (clean − corrupted) · ∂metric/∂x over the
 * elements x of each group, at the corrupted pass.
 *
 * It takes the time of a few passes instead of one for each group. In a model with induction heads
 * it correlated by 0.97 with patching of heads and places, but by 0.27 with that of the whole
 * residual stream, which moves the model too far for a derivative. Source: Nanda 2023; Syed et al., arXiv
 * 2310.10348.
 *
 * ```ts
 * import { attributionPatching, GPT, logitDifference, openDevice } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const model = new GPT({ vocabSize: 8, contextLength: 16, layers: 2, heads: 2, width: 16 });
 * const metric = logitDifference({ correct: 3, wrong: 4 });
 * const study = { clean: [1, 2, 3], corrupted: [1, 5, 3], metric };
 * const { shape } = await attributionPatching(model, study, { by: ["place"] });
 * console.log(shape); // [2, 3]
 * device.close();
 * ```
 *
 * @throws {TypeError} as `patchingScores`, or if the model's weights are rounded
 * @throws {RangeError} as `patchingScores`
 */
export async function attributionPatching(
  model: GPT,
  study: PatchingStudy,
  options: PatchingOptions = {},
): Promise<PatchingScores> {
  const operation = "attributionPatching";
  const { clean, corrupted, axes, shape, names } = patchingPlan(operation, model, study, options);
  const { metric } = study;
  const estimates = scope(() => {
    const cleanCache = runWithCache(model, clean, { names }).cache;
    const { cache, gradients } = gradientsAt(model, () => metric(model.forward(corrupted)), names);
    const kept = axes.slice(1) as string[];
    return concatenate(names.map((name) => {
      const moved = sub(cleanCache.get(name), cache.get(name));
      const product = mul(moved, gradients.get(name));
      return grouped(name, product, kept);
    }));
  });
  const [values, cleanMetric, corruptedMetric] = [
    await estimates.data() as Float32Array,
    await measure(model, clean, metric),
    await measure(model, corrupted, metric),
  ];
  estimates.dispose();
  const ends = { clean: cleanMetric, corrupted: corruptedMetric };
  const metrics = values.map((change) => ends.corrupted + change);
  return { axes, shape, ...ends, values: shares(operation, metrics, ends) };
}

/** Sums over all axes but those kept, which come out as heads before places, flat. */
function grouped(name: string, x: Parameters<typeof sum>[0], kept: readonly string[]) {
  const axes = axesOf(name, x.shape.length) as readonly string[];
  const gone = axes.flatMap((axis, i) => kept.includes(axis) ? [] : [i]);
  const total = sum(x, { axis: gone });
  const left = axes.filter((axis) => kept.includes(axis));
  const ordered = left.join() === kept.join() ? total : transpose(total);
  return ordered.view([ordered.size]);
}
