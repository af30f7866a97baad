/**
 * The check of token ids that every model makes first.
 *
 * @module
 */
import { expectType } from "../tensor/launch.ts";
import type { Tensor } from "../tensor/tensor.ts";

/**
 * Checks that `ids` is i32 [B,T]. `operation` begins the message, `what` names the ids.
 *
 * @throws {TypeError} if it is not a tensor of i32
 * @throws {RangeError} if it has other axes, or T exceeds the context length
 */
export function expectIds(
  operation: string,
  ids: Tensor,
  contextLength: number,
  what = "ids",
): void {
  expectType(operation, ids, "i32");
  if (ids.shape.length === 2 && ids.shape[1] <= contextLength) return;
  throw new RangeError(
    `${operation}: expected ${what} [B,T] with T of at most ${contextLength}, the context length; got ${ids}`,
  );
}
