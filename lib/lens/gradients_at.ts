/**
 * Gradients of a number with respect to the values at hook points.
 *
 * @module
 */
import type { PointHook } from "../nn/points.ts";
import { add } from "../ops/binary.ts";
import { valueAndGrad } from "../tensor/autograd.ts";
import { scope } from "../tensor/scope.ts";
import { type Tensor, zeros } from "../tensor/tensor.ts";
import { withoutRunning } from "./hook_points.ts";
import { type LensModel, partsOf } from "./model_parts.ts";
import { ActivationCache, chosenPoints, type PointNames } from "./run_with_cache.ts";
import { activate } from "./with_hooks.ts";

/** What `gradientsAt` finds. */
export interface PointGradients {
  /** The function's number. */
  readonly value: Tensor;
  /** The values at the points. */
  readonly cache: ActivationCache;
  /** ∂value/∂x for the value x at each point, of its shape. */
  readonly gradients: ActivationCache;
}

/**
 * Runs `body`, which makes a pass of the model and returns one number, and differentiates it with
 * respect to the values at hook points.
 *
 * Nothing before the first of the points is differentiated, no weights either. Points before
 * others of the list get the whole gradient, through them.
 *
 * ```ts
 * import { GPT, gradientsAt, openDevice, tensor } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const model = new GPT({ vocabSize: 8, contextLength: 16, layers: 2, heads: 2, width: 16 });
 * const ids = tensor(Int32Array.of(1, 2, 3), { shape: [1, 3] });
 * const { gradients } = gradientsAt(model, () => model.loss(ids, ids), /hook_resid_pre$/);
 * console.log(`${gradients.get("blocks.1.hook_resid_pre")}`); // f32 [1,3,16]
 * device.close();
 * ```
 *
 * @throws {TypeError} if there is no such point, naming the nearest, or `body` gives no number
 */
export function gradientsAt(
  model: LensModel,
  body: () => Tensor,
  names: PointNames,
): PointGradients {
  partsOf("gradientsAt", model);
  const wanted = chosenPoints("gradientsAt", model, names);
  const shapes = new Map<string, Tensor>();
  const result = scope(() => {
    const reader = { wants: (name: string) => wanted.has(name), visit: noted(shapes) };
    withVisitor(model, reader, () => withoutRunning(model, body));
    const points = [...shapes.keys()];
    const offsets = points.map((name) =>
      zeros(shapes.get(name)!.shape, { device: shapes.get(name)!.device })
    );
    const values = new Map<string, Tensor>();
    const shifted: PointHook = {
      wants: (name) => shapes.has(name),
      visit: (name, value) => noted(values)(name, add(value, offsets[points.indexOf(name)])),
    };
    const { value, gradients } = withVisitor(model, shifted, () => valueAndGrad(body, offsets));
    return {
      value,
      values: Object.fromEntries(values),
      gradients: Object.fromEntries(points.map((name, i) => [name, gradients[i]])),
    };
  });
  return {
    value: result.value,
    cache: new ActivationCache(new Map(Object.entries(result.values))),
    gradients: new ActivationCache(new Map(Object.entries(result.gradients))),
  };
}

function noted(values: Map<string, Tensor>) {
  return (name: string, value: Tensor): Tensor => {
    values.set(name, value);
    return value;
  };
}

function withVisitor<Result>(model: LensModel, hook: PointHook, body: () => Result): Result {
  const end = activate("gradientsAt", model, hook);
  try {
    return body();
  } finally {
    end();
  }
}
