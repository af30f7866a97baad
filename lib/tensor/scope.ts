/**
 * Scopes: tensors made inside are given back at the end, except those returned.
 *
 * @module
 */
import type { Tensor } from "./tensor.ts";

let open: Set<Tensor> | undefined;

/** Called by every new tensor. */
export function noteCreated(tensor: Tensor): void {
  open?.add(tensor);
}

/** Takes a tensor out of the open scope, so that it outlives it: for parameters and other state. */
export function keep(tensor: Tensor): Tensor {
  open?.delete(tensor);
  return tensor;
}

/**
 * Runs `body` and gives back the memory of every tensor made in it, except those in its result (a
 * tensor, or arrays and plain objects of tensors). `body` is not asynchronous: read values after
 * the scope.
 */
export function scope<T>(body: () => T): T {
  const outer = open;
  const made = open = new Set();
  try {
    const result = body();
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
export function tensorsIn(value: unknown): Tensor[] {
  if (typeof value !== "object" || value === null) return [];
  if ("storage" in value && "shape" in value) return [value as Tensor];
  if (Array.isArray(value)) return value.flatMap(tensorsIn);
  if (Object.getPrototypeOf(value) !== Object.prototype) return [];
  return Object.values(value).flatMap(tensorsIn);
}
