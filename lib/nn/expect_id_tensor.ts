/**
 * The check of token ids that every model makes first.
 *
 * @module
 */
import { describe } from "../errors.ts";
import { expectType } from "../tensor/launch.ts";
import { Tensor } from "../tensor/tensor.ts";

/**
 * Checks that `ids` is i32 [B,T]. `operation` begins the message, `what` names the ids.
 *
 * @throws {TypeError} if it is not a tensor of i32
 * @throws {RangeError} if it has other axes, or T exceeds the context length
 */
export function expectIdTensor(
  operation: string,
  ids: Tensor,
  contextLength: number,
  what = "ids",
): void {
  if (!(ids instanceof Tensor)) {
    throw new TypeError(
      `${operation}: expected ${what} as a tensor i32 [B,T], got ${describe(ids)}; make it with ` +
        "tensor(Int32Array.from(ids), { shape: [1, ids.length] })",
    );
  }
  expectType(operation, ids, "i32");
  if (ids.shape.length === 2 && ids.shape[1] <= contextLength) return;
  throw new RangeError(
    `${operation}: expected ${what} [B,T] with T of at most ${contextLength}, the context length; got ${ids}`,
  );
}
