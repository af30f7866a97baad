/**
 * Scaled dot-product attention, step by step, with its weights and any mask.
 *
 * It stores all the weights, so that they can be inspected; models train with the fused operation
 * of lib/ops/attention.ts (flash attention).
 *
 * @module
 */
import { formatShape, sameShape, type Shape } from "../shape.ts";
import { mul } from "../ops/binary.ts";
import { checkOptions } from "../options.ts";
import { expectType } from "../tensor/launch.ts";
import { matmul } from "../ops/matmul.ts";
import { softmax } from "../ops/softmax.ts";
import { where } from "../ops/where.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** Options of `scaledDotProductAttention`. */
export interface ScaledDotProductOptions {
  /**
   * f32, 1 if a query sees a key and 0 if not; it broadcasts to [...,Tq,Tk]. Default: every key is
   * seen.
   */
  mask?: Tensor;
}

/** The result of `scaledDotProductAttention`. */
export interface ScaledDotProduct {
  /** The weighted sums of values, [...,Tq,dv]. */
  output: Tensor;
  /**
   * How much attention each query pays to each key, [...,Tq,Tk]; a row sums to 1, or to 0 if its
   * query sees no key.
   */
  weights: Tensor;
}

/**
 * weights = softmax(q·kᵀ/√d), output = weights·v: q f32 [...,Tq,d], k [...,Tk,d], v [...,Tk,dv]
 * with the same leading axes, any number of them.
 *
 * A weight is 0 if its mask is 0; a query that sees no key gets zeros. Source: Vaswani et al.,
 * arXiv 1706.03762, section 3.2.1.
 *
 * ```ts
 * import { causalMask, openDevice, scaledDotProductAttention, tensor } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const x = tensor([[1, 0], [0, 1]]);
 * const { output, weights } = scaledDotProductAttention(x, x, x, { mask: causalMask(2) });
 * console.log(await weights.data()); // [1, 0, 0.33, 0.67]
 * console.log(`${output}`); // f32 [2,2]
 * device.close();
 * ```
 *
 * @throws {TypeError} if shapes or dtypes do not fit
 */
export function scaledDotProductAttention(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  options: ScaledDotProductOptions = {},
): ScaledDotProduct {
  const hints = { causal: "pass mask: causalMask(T)" };
  checkOptions("scaledDotProductAttention", options, { mask: true }, hints);
  const { mask } = options;
  expectFitting(q, k, v);
  const scores = mul(matmul(q, k, { transposeB: true }), 1 / Math.sqrt(q.shape.at(-1)!));
  if (mask) expectMask(mask, scores.shape);
  const weights = softmax(mask ? where(mask, scores, -Infinity) : scores);
  return { output: matmul(weights, v), weights };
}

function expectFitting(q: Tensor, k: Tensor, v: Tensor): void {
  for (const [name, x] of Object.entries({ q, k, v })) {
    expectType(`scaledDotProductAttention: ${name}`, x, "f32");
    if (x.shape.length < 2) {
      throw new TypeError(`scaledDotProductAttention: expected ${name} [...,T,d], got ${x}`);
    }
  }
  const differ = (left: string, a: Tensor, right: string, b: Tensor, where: string) =>
    new TypeError(
      `scaledDotProductAttention: ${left} ${formatShape(a.shape)} and ${right} ${
        formatShape(b.shape)
      } differ in their ${where}`,
    );
  if (q.shape.at(-1) !== k.shape.at(-1)) throw differ("q", q, "k", k, "last axis");
  if (k.shape.at(-2) !== v.shape.at(-2)) {
    throw differ("k", k, "v", v, "second last axis, time");
  }
  for (const [name, x] of [["k", k], ["v", v]] as const) {
    if (!sameShape(q.shape.slice(0, -2), x.shape.slice(0, -2))) {
      throw differ("q", q, name, x, "leading axes");
    }
  }
}

function expectMask(mask: Tensor, scores: Shape): void {
  expectType("scaledDotProductAttention: mask", mask, "f32");
  const fits = mask.shape.length <= scores.length &&
    mask.shape.every((length, i) =>
      [1, scores[i + scores.length - mask.shape.length]].includes(length)
    );
  if (!fits) {
    throw new TypeError(
      `scaledDotProductAttention: the mask ${
        formatShape(mask.shape)
      } does not broadcast to the scores ${formatShape(scores)}`,
    );
  }
}
