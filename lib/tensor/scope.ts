/**
 * Scopes: tensors made inside are freed at the end, except those returned.
 *
 * @module
 */
import type { Storage } from "../device/storage.ts";
import type { Shape } from "../shape.ts";

/** What a scope needs to know of a tensor. */
export interface Scoped {
  /**
   * The memory behind it, which views share.
   *
   * @internal
   */
  readonly storage: Storage;
  /** The lengths of its axes. */
  readonly shape: Shape;
  /** Releases the memory. */
  dispose(): void;
}

let open: Set<Scoped> | undefined;

/** Called by every new tensor. */
export function noteCreated(tensor: Scoped): void {
  open?.add(tensor);
}

/** Takes a tensor out of the open scope, so that it outlives it: for parameters and other state. */
export function keep<T extends Scoped>(tensor: T): T {
  open?.delete(tensor);
  return tensor;
}

/**
 * Runs `body` and frees the memory of every tensor made in it, except those in its result (a
 * tensor, or arrays and plain objects of tensors). TypeError if `body` is asynchronous: read values
 * after the scope.
 */
export function scope<T>(body: () => T): T {
  const outer = open;
  const made = open = new Set<Scoped>();
  try {
    const result = body();
    if (result instanceof Promise) {
      throw new TypeError(
        "scope: the function is asynchronous; it must return tensors, not a promise: read values after the scope",
      );
    }
    const kept = new Set(tensorsIn(result));
    const storages = new Set([...kept].map((tensor) => tensor.storage));
    for (const tensor of made) {
      if (!kept.has(tensor) && !storages.has(tensor.storage)) tensor.dispose();
    }
    for (const tensor of kept) outer?.add(tensor);
    return result;
  } finally {
    open = outer;
  }
}

/** All tensors in a value: itself, or in arrays and plain objects, however deep. */
export function tensorsIn(value: unknown): Scoped[] {
  if (typeof value !== "object" || value === null) return [];
  if ("storage" in value && "shape" in value) return [value as Scoped];
  if (Array.isArray(value)) return value.flatMap(tensorsIn);
  if (Object.getPrototypeOf(value) !== Object.prototype) return [];
  return Object.values(value).flatMap(tensorsIn);
}
