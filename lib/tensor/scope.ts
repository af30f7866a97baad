/**
 * Scopes: tensors made inside are freed at the end, except those returned.
 *
 * @module
 */
import type { Storage } from "../device/storage.ts";
import type { Shape } from "../shape.ts";

/** A tensor, as far as scopes depend on it. */
export interface Scoped {
  /**
   * The memory of the tensor, which views share.
   *
   * @internal
   */
  readonly storage: Storage;
  /** The lengths of its axes. */
  readonly shape: Shape;
  /** Releases the memory. */
  dispose(): void;
}

/** The memory that was allocated in the open scope. */
let open: Set<Storage> | undefined;
/** Whether scopes free nothing, because what runs is recorded. */
let isRecorded = false;

/** Every new tensor calls this with its memory; views and parts have no separate memory. */
export function noteCreated(storage: Storage): void {
  open?.add(storage);
}

/**
 * Takes a tensor's memory out of the open scope, so that it outlives it: for parameters and other
 * state.
 *
 * ```ts
 * import { keep, openDevice, scope, zeros } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * let state = zeros([1]);
 * scope(() => {
 *   state = keep(zeros([2]));
 * });
 * console.log(await state.data()); // [0, 0]
 * device.close();
 * ```
 */
export function keep<T extends Scoped>(tensor: T): T {
  open?.delete(wholeOf(tensor));
  return tensor;
}

/**
 * Runs `body` and frees the memory of every tensor made in it, except those in its result (a
 * tensor, or arrays and plain objects of tensors); if `body` throws, all of it. Views of tensors
 * from outside leave those as they are. Inside a function that is compiled it frees nothing: the
 * program's memory is planned as a whole.
 *
 * ```ts
 * import { mul, openDevice, scope, sum, tensor } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const x = tensor([1, 2, 3]);
 * const norm = scope(() => sum(mul(x, x))); // the product's memory is freed here
 * console.log(await norm.item()); // 14
 * device.close();
 * ```
 *
 * @throws {TypeError} if `body` is asynchronous: read values after the scope
 */
export function scope<T>(body: () => T): T {
  if (isRecorded) return expectReturned(body());
  const outer = open;
  const made = open = new Set<Storage>();
  let result: T;
  try {
    result = body();
  } catch (error) {
    for (const storage of made) storage.dispose();
    throw error;
  } finally {
    open = outer;
  }
  expectReturned(result);
  for (const storage of tensorsIn(result).map(wholeOf)) {
    if (made.delete(storage)) outer?.add(storage);
  }
  for (const storage of made) storage.dispose();
  return result;
}

function expectReturned<T>(result: T): T {
  if (!(result instanceof Promise)) return result;
  throw new TypeError(
    "scope: the function is asynchronous; it must return tensors, not a promise: read values after the scope",
  );
}

/**
 * Runs `body`, which is recorded, outside of any scope and without those in it: the memory of a
 * recorded program outlives the scope of its first call, and its plan reuses what is not needed any
 * more.
 */
export function withoutScopes<T>(body: () => T): T {
  const outer = { open, isRecorded };
  open = undefined;
  isRecorded = true;
  try {
    return body();
  } finally {
    ({ open, isRecorded } = outer);
  }
}

/** The memory of a tensor, or of the tensor of which it is a part. */
function wholeOf({ storage }: Scoped): Storage {
  let whole = storage;
  while (whole.whole) whole = whole.whole;
  return whole;
}

/** All tensors in a value: itself, or in arrays and plain objects, however deep. */
export function tensorsIn(value: unknown): Scoped[] {
  if (typeof value !== "object" || value === null) return [];
  if ("storage" in value && "shape" in value) return [value as Scoped];
  if (Array.isArray(value)) return value.flatMap(tensorsIn);
  if (Object.getPrototypeOf(value) !== Object.prototype) return [];
  return Object.values(value).flatMap(tensorsIn);
}
