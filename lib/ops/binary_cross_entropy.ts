/**
 * Binary cross-entropy on logits, for labels that do not exclude each other.
 *
 * See cross_entropy.ts for one label of several.
 *
 * @module
 */
import { formatShape, sameShape } from "../shape.ts";
import { expectType } from "../tensor/launch.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { add, mul, sub } from "./binary.ts";
import { mean } from "./reduce.ts";
import { abs, exp, log, negate } from "./unary.ts";

/**
 * mean(max(x, 0) − x·y + log(1 + e^−|x|)), in nats: the mean of −y·log σ(x) − (1 − y)·log(1 − σ(x))
 * over all logits x and targets y, f32 of one shape, targets from 0 to 1.
 *
 * ```ts
 * import { binaryCrossEntropy, openDevice, tensor } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const loss = binaryCrossEntropy(tensor([0, 100]), tensor([1, 1]));
 * console.log(await loss.item()); // (ln 2)/2 = 0.3466
 * device.close();
 * ```
 *
 * @throws {TypeError} if shapes or dtypes do not fit
 */
export function binaryCrossEntropy(logits: Tensor, targets: Tensor): Tensor {
  expectType("binaryCrossEntropy", logits, "f32");
  expectType("binaryCrossEntropy", targets, "f32");
  if (!sameShape(logits.shape, targets.shape)) {
    throw new TypeError(
      `binaryCrossEntropy: expected targets ${formatShape(logits.shape)}, got ${targets}`,
    );
  }
  return mean(sub(softplus(logits), mul(logits, targets)));
}

/**
 * ln(1 + eˣ) as (x + |x|)/2 + ln(1 + e^−|x|), which cannot overflow and whose derivative is σ(x)
 * also at 0, where that of max(x, 0) would be 0.
 */
export function softplus(x: Tensor): Tensor {
  const size = abs(x);
  return add(mul(add(x, size), 0.5), log(add(1, exp(negate(size)))));
}
