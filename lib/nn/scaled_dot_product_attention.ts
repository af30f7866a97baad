/**
 * Scaled dot-product attention, step by step, with its weights and any mask.
 *
 * It keeps all the weights in memory, so that they can be looked at; lib/ops/attention.ts is the
 * fused one that models train with.
 *
 * @module
 */
import { formatShape, sameShape, type Shape } from "../shape.ts";
import { mul } from "../ops/binary.ts";
import { expectType } from "../tensor/launch.ts";
import { matmul } from "../ops/matmul.ts";
import { softmax } from "../ops/softmax.ts";
import { where } from "../ops/where.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** Options of `scaledDotProductAttention`. */
export interface ScaledDotProductOptions {
  /**
   * f32, 1 where a query sees a key and 0 where not; it broadcasts to [...,Tq,Tk]. Default: all is
   * seen.
   */
  mask?: Tensor;
}

/** What `scaledDotProductAttention` gives. */
export interface ScaledDotProduct {
  /** The values, weighed: [...,Tq,dv]. */
  output: Tensor;
  /**
   * What each query pays to each key: [...,Tq,Tk]; a row sums to 1, or to 0 where its query sees
   * nothing.
   */
  weights: Tensor;
}

/**
 * weights = softmax(q·kᵀ/√d), output = weights·v: q f32 [...,Tq,d], k [...,Tk,d], v [...,Tk,dv]
 * with the same leading axes, any number of them.
 *
 * Where the mask is 0 the weight is 0; a query that sees no key gets zeros. TypeError when shapes
 * or dtypes do not fit. Source: Vaswani et al., arXiv 1706.03762, section 3.2.1.
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
 */
export function scaledDotProductAttention(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  options: ScaledDotProductOptions = {},
): ScaledDotProduct {
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
    throw differ("k", k, "v", v, "axis of time, the last but one");
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
