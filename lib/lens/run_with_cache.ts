/**
 * The values at a model's hook points, kept from one pass.
 *
 * @module
 */
import { describe } from "../errors.ts";
import type { PointHook } from "../nn/points.ts";
import { checkOptions } from "../options.ts";
import { scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { expectPoint, pointRanks } from "./hook_points.ts";
import { type LensInput, type LensModel, partsOf, runModel } from "./model_parts.ts";
import { activate } from "./with_hooks.ts";

/** Which points: names, a pattern, or a predicate of names. */
export type PointNames = string | readonly string[] | RegExp | ((name: string) => boolean);

/** Options of `runWithCache`. */
export interface RunWithCacheOptions {
  /** What is kept; everything else is freed. Default: all points. */
  names?: PointNames;
}

/** The values at points of one pass. */
export class ActivationCache {
  readonly #values: ReadonlyMap<string, Tensor>;

  /** Holds values by the names of their points. */
  constructor(values: ReadonlyMap<string, Tensor>) {
    this.#values = values;
  }

  /** The points, in the order of the pass. */
  get names(): string[] {
    return [...this.#values.keys()];
  }

  /**
   * The value at a point.
   *
   * @throws {TypeError} if it was not kept, naming the nearest that was
   */
  get(name: string): Tensor {
    expectPoint("cache", name, this.#values.keys());
    return this.#values.get(name)!;
  }

  /** Frees the values. */
  dispose(): void {
    for (const value of this.#values.values()) value.dispose();
  }
}

/**
 * Runs a model on token ids, and keeps the values at its hook points (`hookPoints` lists them).
 *
 * The points inside attention, if they are kept, are computed step by step instead of by the fused
 * kernel, so that the logits are then equal to rounding only. Values inside a compiled function are
 * for that function; return their tensors from it.
 *
 * ```ts
 * import { GPT, openDevice, runWithCache } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const model = new GPT({ vocabSize: 8, contextLength: 16, layers: 2, heads: 2, width: 16 });
 * const { logits, cache } = runWithCache(model, [1, 2, 3], { names: /hook_(pattern|resid_post)$/ });
 * console.log(`${logits}`, cache.names.length); // f32 [1,3,8] 4
 * console.log(`${cache.get("blocks.1.attn.hook_pattern")}`); // f32 [1,2,3,3]
 * device.close();
 * ```
 *
 * @param model A model that Folio trained or loaded.
 * @param input Ids: a tensor i32 [B,T], or rows of one length; `{ source, target }` for an
 * encoder–decoder.
 * @returns `logits`, the model's value (the last vectors of an `Encoder`), and the cache.
 * @throws {TypeError} if there is no such point, naming the nearest, or the input does not fit
 */
export function runWithCache(
  model: LensModel,
  input: LensInput,
  options: RunWithCacheOptions = {},
): { logits: Tensor; cache: ActivationCache } {
  const { result, cache } = withCache(
    model,
    () => runModel("runWithCache", model, input),
    options,
  );
  return { logits: result, cache };
}

/**
 * Runs `body`, which makes a pass of the model, and keeps the values at its hook points: as
 * `runWithCache`, for losses, padded batches and contexts. Of several passes the last counts.
 *
 * ```ts
 * import { GPT, openDevice, tensor, withCache } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const model = new GPT({ vocabSize: 8, contextLength: 16, layers: 2, heads: 2, width: 16 });
 * const ids = tensor(Int32Array.of(1, 2, 3, 4), { shape: [2, 2] });
 * const { result, cache } = withCache(model, () => model.loss(ids, ids), { names: "hook_embed" });
 * console.log(`${result} ${cache.get("hook_embed")}`); // f32 [] f32 [2,2,16]
 * device.close();
 * ```
 *
 * @throws {TypeError} as `runWithCache`, or if `body` is asynchronous
 */
export function withCache<Result>(
  model: LensModel,
  body: () => Result,
  options: RunWithCacheOptions = {},
): { result: Result; cache: ActivationCache } {
  partsOf("withCache", model);
  checkOptions("withCache", options, { names: true });
  const wanted = chosenPoints("withCache", model, options.names);
  const values = new Map<string, Tensor>();
  const keeper: PointHook = {
    wants: (name) => wanted.has(name),
    visit(name, value) {
      values.set(name, value);
      return value;
    },
  };
  const end = activate("withCache", model, keeper);
  try {
    const { result } = scope(() => {
      const result = body();
      return { result, kept: Object.fromEntries(values) };
    });
    return { result, cache: new ActivationCache(values) };
  } finally {
    end();
  }
}

/**
 * The points of a model that are asked for.
 *
 * @throws {TypeError} if there is no such point, naming the nearest, or a pattern fits none
 */
export function chosenPoints(
  operation: string,
  model: LensModel,
  names: PointNames | undefined,
): ReadonlySet<string> {
  const all = [...pointRanks(model).keys()];
  if (names === undefined) return new Set(all);
  if (typeof names === "string") return chosenPoints(operation, model, [names]);
  if (Array.isArray(names)) {
    for (const name of names) expectPoint(operation, name, all);
    return new Set(names);
  }
  if (!(names instanceof RegExp) && typeof names !== "function") {
    throw new TypeError(
      `${operation}: expected names of points, a pattern or a predicate, got ${describe(names)}`,
    );
  }
  const fits = names instanceof RegExp
    ? (name: string) => name.search(names) >= 0
    : names as (name: string) => boolean;
  const chosen = all.filter(fits);
  if (chosen.length > 0) return new Set(chosen);
  const pattern = names instanceof RegExp ? `${names}` : "the predicate";
  throw new TypeError(`${operation}: ${pattern} fits no hook point; hookPoints(model) lists them`);
}
