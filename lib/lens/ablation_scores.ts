/**
 * Ablation: how much a metric falls if a part of the model says nothing.
 *
 * @module
 */
import { mean } from "../ops/reduce.ts";
import { checkOptions, type OptionNames } from "../options.ts";
import { scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { eachPart, type Part } from "./each_part.ts";
import { pointShapes } from "./hook_points.ts";
import type { Metric } from "./metrics.ts";
import { inputOf, type LensInput, type LensModel, type ModelInput } from "./model_parts.ts";
import { runWithCache } from "./run_with_cache.ts";
import { cells, type ScoreGrid } from "./score_grid.ts";
import { stackOf, type StackOptions } from "./stack.ts";

/** Options of `ablationScores`. */
export interface AblationOptions extends StackOptions {
  /**
   * What is ablated, one at a time: each head (`attn.hook_z`), or what attention or the
   * feed-forward of each layer adds. Default: `"head"`.
   */
  by?: "head" | "attention" | "feedForward";
  /** The value it gets: 0, or its mean over the batch and its places. Default: `"zero"`. */
  with?: "zero" | "mean";
}

const OPTIONS: OptionNames<AblationOptions> = { by: "head", with: "zero", side: true };

/** What an ablation sweep finds. */
export interface AblationScores extends ScoreGrid {
  /** The metric of the plain pass; a value below it is of a part that mattered. */
  readonly plain: number;
}

const POINTS = {
  head: "attn.hook_z",
  attention: "hook_attn_out",
  feedForward: "hook_mlp_out",
} as const;

/**
 * The metric of a pass for each head, or for each layer's attention or feed-forward, in which that
 * part alone is ablated: [layers, heads] or [layers].
 *
 * The passes run as rows of common batches. Mean ablation keeps what a part adds to every text
 * (Wang et al., arXiv 2211.00593, section 2.1).
 *
 * ```ts
 * import { ablationScores, GPT, logitDifference, openDevice } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const model = new GPT({ vocabSize: 8, contextLength: 16, layers: 2, heads: 2, width: 16 });
 * const metric = logitDifference({ correct: 3, wrong: 4 });
 * const { plain, values, shape } = await ablationScores(model, [1, 2, 3], metric);
 * console.log(plain, shape, values); // …, [2, 2], 4 numbers
 * device.close();
 * ```
 *
 * @param model A model that Folio trained or loaded.
 * @param input Tokens that the model reads: i32 [B,T], or rows of one length; `{ source, target }`
 * for an encoder–decoder.
 * @param metric A number of what the model makes of them: logits [B,T,V], those of labels [B,N], or
 * an `Encoder`'s vectors [B,T,C].
 * @throws {TypeError} if an option is unknown, or the input does not fit
 * @throws {RangeError} if the model has no such side
 */
export async function ablationScores(
  model: LensModel,
  input: LensInput,
  metric: Metric,
  options: AblationOptions = {},
): Promise<AblationScores> {
  checkOptions("ablationScores", options, OPTIONS);
  const { by = "head", with: value = "zero", side } = options;
  const stack = stackOf("ablationScores", model, side);
  const point = POINTS[by];
  if (!point || !["zero", "mean"].includes(value)) {
    throw new RangeError(
      `ablationScores: expected by ${Object.keys(POINTS).join(", ")} and with zero or mean, got ` +
        `${by} and ${value}`,
    );
  }
  const tokens = inputOf("ablationScores", model, input);
  const own = pointShapes("ablationScores", model, tokens).get(stack.point(0, point));
  if (!own) throw new RangeError(`ablationScores: the model has no ${by}`);
  const shape = by === "head" ? [stack.layers, own[2]] : [stack.layers];
  const parts = cells(shape).map(([layer, head]): Part => ({
    name: stack.point(layer, point),
    selection: by === "head" ? { head } : {},
  }));
  const means = value === "zero" ? undefined : meansOf(model, tokens, parts);
  const replacement = (name: string) => means?.[name] ?? 0;
  const { plain, values } = await eachPart(model, parts, { input: tokens, replacement, metric });
  for (const mean of Object.values(means ?? {})) mean.dispose();
  const axes = by === "head" ? ["layer", "head"] as const : ["layer"] as const;
  return { axes, shape, values, plain };
}

/** The means of the values at the parts' points over batch and places: [1,1,…]. */
function meansOf(
  model: LensModel,
  input: ModelInput,
  parts: readonly Part[],
): Record<string, Tensor> {
  const names = [...new Set(parts.map(({ name }) => name))];
  return scope(() => {
    const { cache } = runWithCache(model, input, { names });
    const entries = names.map((name) =>
      [name, mean(cache.get(name), { axis: [0, 1], keepDimensions: true })] as const
    );
    return Object.fromEntries(entries);
  });
}
