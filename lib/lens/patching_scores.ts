/**
 * Activation patching: which values of one pass make its answer, found by copying them into the
 * pass of another text.
 *
 * @module
 */
import { checkOptions, type OptionNames } from "../options.ts";
import { formatShape, sameShape } from "../shape.ts";
import { scope } from "../tensor/scope.ts";
import { eachPart, type Part } from "./each_part.ts";
import { expectPoint, pointShapes } from "./hook_points.ts";
import type { Metric } from "./metrics.ts";
import {
  inputOf,
  type LensInput,
  type LensModel,
  type ModelInput,
  runModel,
  tensorsOf,
} from "./model_parts.ts";
import { axesOf } from "./point_axes.ts";
import { runWithCache } from "./run_with_cache.ts";
import { cells, type GridAxis, type ScoreGrid } from "./score_grid.ts";
import { type Stack, stackOf, type StackOptions } from "./stack.ts";

/** Two texts of one length whose answers differ, and what is measured. */
export interface PatchingStudy {
  /**
   * The text whose values are copied: i32 [B,T], or rows of one length; `{ source, target }` for an
   * encoder–decoder.
   */
  clean: LensInput;
  /** The text whose pass they are copied into, of the same shape. */
  corrupted: LensInput;
  /** A number of the model's value, such as `logitDifference` of logits [B,T,V]. */
  metric: Metric;
}

/** Which values are copied, one group at a time. */
export interface PatchingOptions extends StackOptions {
  /** The point of each layer, such as `"hook_resid_pre"`, `"attn.hook_z"`, `"hook_mlp_out"`. */
  point?: string;
  /** What the groups are, besides layers: places, heads, or both. Default: `["place"]`. */
  by?: readonly ("head" | "place")[];
}

/** What patching finds. */
export interface PatchingScores extends ScoreGrid {
  /** The metric of the clean pass. */
  readonly clean: number;
  /** The metric of the corrupted pass. */
  readonly corrupted: number;
}

const STUDY: OptionNames<PatchingStudy> = { clean: true, corrupted: true, metric: true };
/** The options, and their defaults. */
export const PATCHING_OPTIONS: OptionNames<PatchingOptions> = {
  point: "hook_resid_pre",
  by: ["place"],
  side: true,
};

/**
 * For each layer and place, layer and head, or all three: (m − corrupted) / (clean − corrupted)
 * with m the metric of the corrupted pass into which the clean pass's values there are copied. 1
 * restores the clean answer, 0 does nothing.
 *
 * The passes run as rows of common batches. Source: Meng et al., arXiv 2202.05262 (causal tracing);
 * Wang et al., arXiv 2211.00593; Zhang & Nanda, arXiv 2309.16042 (choices of metric).
 *
 * ```ts
 * import { GPT, logitDifference, openDevice, patchingScores } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const model = new GPT({ vocabSize: 8, contextLength: 16, layers: 2, heads: 2, width: 16 });
 * const metric = logitDifference({ correct: 3, wrong: 4 });
 * const study = { clean: [1, 2, 3], corrupted: [1, 5, 3], metric };
 * const { shape } = await patchingScores(model, study); // the residual stream
 * const heads = await patchingScores(model, study, { point: "attn.hook_z", by: ["head"] });
 * console.log(shape, heads.shape); // [2, 3] [2, 2]
 * device.close();
 * ```
 *
 * @throws {TypeError} if an option or the point is unknown, or the texts differ in shape
 * @throws {RangeError} if the point has no heads, the model has no such side, or both texts have
 * the same metric
 */
export async function patchingScores(
  model: LensModel,
  study: PatchingStudy,
  options: PatchingOptions = {},
): Promise<PatchingScores> {
  checkOptions("patchingScores", options, PATCHING_OPTIONS);
  const { clean, corrupted, axes, shape, parts, names } = patchingPlan(
    "patchingScores",
    model,
    study,
    options,
  );
  const { cache } = runWithCache(model, clean, { names });
  const { metric } = study;
  const replacement = (name: string) => cache.get(name);
  const found = await eachPart(model, parts, { input: corrupted, replacement, metric });
  cache.dispose();
  const ends = { clean: await measure(model, clean, metric), corrupted: found.plain };
  return { axes, shape, ...ends, values: shares("patchingScores", found.values, ends) };
}

/** The texts of a study as tensors, and the groups of values that are copied. */
export interface PatchingPlan {
  /** The clean text. */
  readonly clean: ModelInput;
  /** The corrupted one, of the same shape. */
  readonly corrupted: ModelInput;
  /** The layers. */
  readonly stack: Stack;
  /** The axes of the grid, and their lengths. */
  readonly axes: readonly GridAxis[];
  readonly shape: readonly number[];
  /** A group of values for each cell of the grid. */
  readonly parts: readonly Part[];
  /** The point of each layer. */
  readonly names: readonly string[];
}

/** Checks a study, its point and its groups. */
export function patchingPlan(
  operation: string,
  model: LensModel,
  study: PatchingStudy,
  options: PatchingOptions,
): PatchingPlan {
  checkOptions(operation, study, STUDY);
  const { point = "hook_resid_pre", by = ["place"], side } = options;
  const stack = stackOf(operation, model, side);
  const { layers } = stack;
  const [clean, corrupted] = [study.clean, study.corrupted].map((text) =>
    inputOf(operation, model, text)
  );
  expectAlike(operation, clean, corrupted);
  const shapes = pointShapes(operation, model, clean);
  const names = Array.from({ length: layers }, (_, layer) => stack.point(layer, point));
  expectPoint(operation, names[0], shapes.keys());
  const lengths = shapes.get(names[0])!;
  const known = axesOf(names[0], lengths.length);
  const groups = (["head", "place"] as const).filter((axis) => by.includes(axis));
  const wrong = by.find((axis) => !known.includes(axis));
  if (wrong !== undefined) {
    throw new RangeError(
      `${operation}: ${point} has no ${wrong}; its axes are ${known.join(", ")}`,
    );
  }
  const axes: GridAxis[] = ["layer", ...groups];
  const shape = [layers, ...groups.map((axis) => lengths[known.indexOf(axis)])];
  const parts = cells(shape).map(([layer, ...indices]): Part => ({
    name: names[layer],
    selection: Object.fromEntries(groups.map((axis, i) => [axis, indices[i]])),
  }));
  return { clean, corrupted, stack, axes, shape, parts, names };
}

/** Throws unless two texts have one shape. */
function expectAlike(operation: string, clean: ModelInput, corrupted: ModelInput): void {
  const others = tensorsOf(corrupted);
  for (const [i, { shape }] of tensorsOf(clean).entries()) {
    if (sameShape(shape, others[i].shape)) continue;
    throw new TypeError(
      `${operation}: expected texts of one shape, got ${formatShape(shape)} and ` +
        formatShape(others[i].shape),
    );
  }
}

/** The metric of a plain pass. */
export async function measure(
  model: LensModel,
  input: ModelInput,
  metric: Metric,
): Promise<number> {
  const value = scope(() => metric(runModel("metric", model, input)));
  const number = (await value.data())[0];
  value.dispose();
  return number;
}

/** (m − corrupted) / (clean − corrupted) for each m. */
export function shares(
  operation: string,
  values: Float32Array,
  { clean, corrupted }: { clean: number; corrupted: number },
): Float32Array {
  if (clean === corrupted) {
    throw new RangeError(`${operation}: both texts have the metric ${clean}: nothing to restore`);
  }
  return values.map((m) => (m - corrupted) / (clean - corrupted));
}
