/**
 * Steering vectors: the direction between two kinds of texts in the residual stream.
 *
 * @module
 */
import { onDevice } from "../device/current_device.ts";
import { sub } from "../ops/binary.ts";
import { concatenate } from "../ops/concatenate.ts";
import { mean } from "../ops/reduce.ts";
import { slice } from "../ops/slice.ts";
import { checkOptions, type OptionNames } from "../options.ts";
import { scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { deviceOfModel, type LensInput, type LensModel, partsOf } from "./model_parts.ts";
import { indicesOf } from "./point_axes.ts";
import { runWithCache } from "./run_with_cache.ts";

/** Options of `steeringVector`. */
export interface SteeringOptions {
  /** Texts of the one kind, as ids; `{ source, target }` of an encoder–decoder. */
  towards: readonly LensInput[];
  /** Texts of the other kind. */
  from: readonly LensInput[];
  /** The point, of shape [B,T,C]. */
  point: string;
  /** The token of each text whose vector counts; `"all"` is their mean. Default: −1, the last. */
  place?: number | "all";
}

const OPTIONS: OptionNames<SteeringOptions> = {
  towards: true,
  from: true,
  point: true,
  place: -1,
};

/**
 * mean(x of `towards`) − mean(x of `from`) at a point: [C], to be added there, as
 * `withHooks(model, { [point]: { add: vector, scale: 4 } }, …)`.
 *
 * Source: Turner et al., arXiv 2308.10248; Rimsky et al., arXiv 2312.06681 (mean of many pairs).
 *
 * ```ts
 * import { generate, GPT, openDevice, steeringVector, withHooks } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const model = new GPT({ vocabSize: 8, contextLength: 16, layers: 2, heads: 2, width: 16 });
 * const point = "blocks.1.hook_resid_pre";
 * const add = steeringVector(model, { towards: [[1, 2], [1, 3]], from: [[4, 5]], point });
 * const options = { maxNewTokens: 3 };
 * const steered = await withHooks(model, { [point]: { add, scale: 4 } }, () =>
 *   generate(model, [1], options));
 * console.log(`${add}`, steered.tokens.length); // f32 [16] 4
 * device.close();
 * ```
 *
 * @throws {TypeError} if an option or the point is unknown, or a kind has no text
 * @throws {RangeError} if a text has no such place
 */
export function steeringVector(model: LensModel, options: SteeringOptions): Tensor {
  partsOf("steeringVector", model);
  checkOptions("steeringVector", options, OPTIONS);
  const { towards, from } = options;
  return onDevice(
    deviceOfModel(model),
    () => scope(() => sub(meanOf(model, towards, options), meanOf(model, from, options))),
  );
}

function meanOf(
  model: LensModel,
  texts: readonly LensInput[],
  { point, place = -1 }: SteeringOptions,
): Tensor {
  if (!Array.isArray(texts) || texts.length === 0) {
    throw new TypeError("steeringVector: expected texts of both kinds, rows of ids");
  }
  const vectors = texts.map((text) => {
    const { cache } = runWithCache(model, text, { names: point });
    const value = cache.get(point);
    const [, time, width] = value.shape;
    if (value.shape.length !== 3) {
      throw new TypeError(`steeringVector: expected a point [B,T,C], got ${point}: ${value}`);
    }
    if (place === "all") return mean(value, { axis: 1 });
    const [at] = indicesOf("steeringVector", "place", place, time);
    return slice(value, { axis: 1, start: at, end: at + 1 }).view([1, width]);
  });
  return mean(concatenate(vectors), { axis: 0 });
}
