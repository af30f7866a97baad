/**
 * Hooks at the points of a model while a function runs: edits as data, functions of tensors, and
 * functions of gradients.
 *
 * @module
 */
import { describe } from "../errors.ts";
import { type PointHook, Points, pointsOf, setPoints } from "../nn/points.ts";
import { formatShape, sameShape } from "../shape.ts";
import { differentiable } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { applyEdit, type Edit, expectEdit } from "./edit.ts";
import { expectPoint, type HookPoint, pointRanks } from "./hook_points.ts";
import { type LensModel, partsOf } from "./model_parts.ts";

/**
 * Receives the value at a point, and returns the value to go on with, of the same shape, or nothing
 * to leave it as it is.
 */
export type PointFunction = (value: Tensor, point: HookPoint) => Tensor | void;

/** A hook on the gradient at a point, in `valueAndGrad`. */
export interface BackwardHook {
  /** Receives the gradient of the value, and returns the one to go on with, or nothing. */
  backward: PointFunction;
}

/** What happens at a point. */
export type Hook = Edit | PointFunction | BackwardHook;

/** Hooks by the names of their points; several at one point apply in their order. */
export type Hooks = Readonly<Record<string, Hook | readonly Hook[]>>;

/**
 * Runs `body` with hooks at points of the model, and returns its result; the hooks end with it, and
 * with its promise if it returns one.
 *
 * They apply to every pass of the model meanwhile, also in `generate` (which then reads the whole
 * text for each token, without a cache), in training steps, in compiled functions and in
 * `valueAndGrad`. A compiled function that was recorded with other hooks is recorded again. Hooks
 * inside another `withHooks` of the same model apply after those.
 *
 * ```ts
 * import { add, GPT, openDevice, tensor, type Tensor, withHooks } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const model = new GPT({ vocabSize: 8, contextLength: 16, layers: 2, heads: 2, width: 16 });
 * const ids = tensor(Int32Array.of(1, 2, 3), { shape: [1, 3] });
 * const hooks = { "blocks.1.attn.hook_z": { zero: true, head: 0 } } as const;
 * const [whole, ablated] = [model.forward(ids), withHooks(model, hooks, () => model.forward(ids))];
 * console.log((await whole.data())[0], (await ablated.data())[0]); // two numbers
 * const doubled = { "blocks.0.hook_mlp_out": (x: Tensor) => add(x, x) };
 * console.log(`${withHooks(model, doubled, () => model.forward(ids))}`); // f32 [1,3,8]
 * device.close();
 * ```
 *
 * @throws {TypeError} if `model` is none, it has no point of a name (the nearest is named), an edit
 * is impossible there, or a function returns something else than a tensor of the value's shape
 * @throws {RangeError} if a selected index does not exist, or an edit changes nothing: the mean or
 * a resampling of one sequence
 * @throws {Error} if `body` made no pass that reaches one of the points
 */
export function withHooks<Result>(model: LensModel, hooks: Hooks, body: () => Result): Result {
  const set = new HookSet(model, hooks);
  const end = activate("withHooks", model, set);
  let result: Result;
  try {
    result = body();
  } catch (error) {
    end();
    throw error;
  }
  if (result instanceof Promise) {
    return result.finally(end).then((value) => {
      set.expectVisited();
      return value;
    }) as Result;
  }
  end();
  set.expectVisited();
  return result;
}

/** Adds a hook to a model; returns the function that removes it. */
export function activate(operation: string, model: LensModel, hook: PointHook): () => void {
  const parts = partsOf(operation, model);
  for (const { module, prefix } of parts) {
    setPoints(module, new Points([...pointsOf(module)?.hooks ?? [], hook], prefix));
  }
  return () => {
    for (const { module, prefix } of parts) {
      const others = (pointsOf(module)?.hooks ?? []).filter((other) => other !== hook);
      setPoints(module, others.length === 0 ? undefined : new Points(others, prefix));
    }
  };
}

/** The hooks of one `withHooks`. */
class HookSet implements PointHook {
  readonly #hooks: ReadonlyMap<string, readonly Hook[]>;
  readonly #ranks: ReadonlyMap<string, number>;
  readonly #waiting: Set<string>;

  constructor(model: LensModel, hooks: Hooks) {
    partsOf("withHooks", model);
    if (typeof hooks !== "object" || hooks === null || Array.isArray(hooks)) {
      throw new TypeError(
        `withHooks: expected hooks by the names of points, got ${describe(hooks)}`,
      );
    }
    this.#ranks = pointRanks(model);
    const entries = Object.entries(hooks).map(([name, hook]) => {
      expectPoint("withHooks", name, this.#ranks.keys());
      const list: readonly Hook[] = Array.isArray(hook) ? hook : [hook as Hook];
      for (const each of list) expectHook(name, each);
      return [name, list] as const;
    });
    this.#hooks = new Map(entries);
    this.#waiting = new Set(this.#hooks.keys());
  }

  wants(name: string): boolean {
    return this.#hooks.has(name);
  }

  visit(name: string, value: Tensor): Tensor {
    this.#waiting.delete(name);
    expectRank(name, value, this.#ranks);
    return this.#hooks.get(name)!.reduce((value, hook) => applyHook(name, value, hook), value);
  }

  /** Throws unless every point was reached: an edit that did nothing is a mistake. */
  expectVisited(): void {
    if (this.#waiting.size === 0) return;
    const names = [...this.#waiting].join(", ");
    throw new Error(`withHooks: the function made no pass that reaches ${names}`);
  }
}

/** Throws unless the value at a point has the axes that it has in the model's own pass. */
function expectRank(
  name: string,
  value: Tensor,
  ranks: ReadonlyMap<string, number>,
): void {
  const { shape } = value;
  if (shape.length === ranks.get(name)) return;
  throw new TypeError(
    `${name}: expected a value of ${ranks.get(name)} axes, got ${
      formatShape(shape)
    }, because only ` +
      "some positions are computed here",
  );
}

function expectHook(name: string, hook: unknown): void {
  if (typeof hook === "function") return;
  if (isBackward(hook)) {
    if (typeof hook.backward === "function" && Object.keys(hook).length === 1) return;
    throw new TypeError(`${name}: expected { backward: function } alone, got ${describe(hook)}`);
  }
  expectEdit(name, hook as Edit);
}

function isBackward(hook: unknown): hook is BackwardHook {
  return typeof hook === "object" && hook !== null && "backward" in hook;
}

function applyHook(name: string, value: Tensor, hook: Hook): Tensor {
  if (typeof hook === "function") return called(name, hook, value);
  if (!isBackward(hook)) return applyEdit(name, value, hook);
  const same = new Tensor(value.storage, value.shape, value.dtype);
  return differentiable(same, [value], (gradient) => [called(name, hook.backward, gradient)]);
}

/** What a function makes of a value, or the value itself. */
function called(name: string, hook: PointFunction, value: Tensor): Tensor {
  const { shape, dtype } = value;
  const result = hook(value, { name, shape });
  if (result === undefined) return value;
  if (result instanceof Tensor && result.dtype === dtype && sameShape(result.shape, shape)) {
    return result;
  }
  const advice = result as unknown instanceof Promise
    ? "; a hook cannot wait: read values after the pass"
    : "";
  const got = result instanceof Tensor ? `${result}` : describe(result);
  throw new TypeError(
    `${name}: expected a hook that returns f32 ${
      formatShape(shape)
    } or nothing, got ${got}${advice}`,
  );
}
