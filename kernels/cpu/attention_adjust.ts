/**
 * Attention scores changed before the softmax: with `SOFT_CAP` to c·tanh(score/c), with `ALIBI` by
 * slope·(key − query), a slope for each head.
 *
 * The scalars are `softCap`, c, and `alibiHeads`, n, the largest power of two up to the number of
 * heads. The slope of head h is 2^(−8(h + 1)/n) if h < n, otherwise 2^(−4(2(h − n) + 1)/n). Scores
 * are in units of `1/unit`: times log₂ e in all kernels but attention_scores.ts. Source: Press et
 * al., arXiv 2108.12409 (ALiBi); Gemma 2, arXiv 2408.00118 (soft-capping).
 *
 * @module
 */
import { type F32, type FunctionBuilder, type I32, V128 } from "../../lib/wasm/assembler.ts";
import type { KernelBuilder } from "../../lib/device/kernel_builder.ts";
import { BLOCK, ROWS } from "./attention_blocks.ts";
import { exp2, tanh } from "./math.ts";

/** Four scores of one query and neighboring keys. */
export interface ScoresOfKeys {
  readonly scores: V128;
  /** The query's head. */
  readonly head: I32;
  /** Position of the first key less that of the query. */
  readonly distance: I32;
}

/** Whether scores are changed at all. */
function adjusts({ constants: { SOFT_CAP, ALIBI } }: KernelBuilder): boolean {
  return SOFT_CAP === 1 || ALIBI === 1;
}

/** The changed scores of four keys, times `unit`; computed in the kernel's own function. */
export function adjusted(
  k: KernelBuilder,
  { scores, head, distance }: ScoresOfKeys,
  unit: number = Math.LOG2E,
): V128 {
  const { f } = k;
  if (k.constants.SOFT_CAP) {
    const cap = f.v128(k.float("softCap").mul(unit).splat());
    return capped(f, scores, cap);
  }
  if (!k.constants.ALIBI) return scores;
  const slope = f.v128(alibiSlope(f, head, k.integer("alibiHeads")).mul(unit).splat());
  const distances = distance.toF32().splat().add(V128.lanes(0, 1, 2, 3));
  return f.madd(distances, slope, scores);
}

/** Four rows of scores, `BLOCK` floats apart. */
export interface AdjustedPanel {
  readonly scores: I32;
  /** Columns from … to − 1, multiples of eight. */
  readonly from: I32;
  readonly to: I32;
  /** The queries' head. */
  readonly head: I32;
  /** The first query's position, counted from the key of column 0. */
  readonly position: I32;
}

const PANEL_PARAMETERS = {
  scores: "i32",
  from: "i32",
  to: "i32",
  head: "i32",
  position: "i32",
  cap: "f32",
  alibiHeads: "i32",
} as const;

/**
 * Defines the change of a panel's scores; returns a function that makes it, which does nothing
 * without soft-cap and ALiBi.
 */
export function defineAdjust(k: KernelBuilder): (panel: AdjustedPanel) => void {
  if (!adjusts(k)) return () => {};
  const { SOFT_CAP } = k.constants;
  const run = k.define(PANEL_PARAMETERS, (f, { scores, from, to, head, position, ...scalars }) => {
    const cap = f.v128(scalars.cap.splat());
    const slope = f.v128(
      SOFT_CAP ? V128.of(0) : alibiSlope(f, head, scalars.alibiHeads).mul(Math.LOG2E).splat(),
    );
    f.for(from, to, 4, (column) => {
      const at = f.i32(scores.at(column));
      const distance = f.v128(
        column.sub(position).toF32().splat().add(V128.lanes(0, 1, 2, 3)),
      );
      for (const row of ROWS) {
        const value = f.v128(at.loadV128(4 * BLOCK * row));
        const changed = SOFT_CAP
          ? capped(f, value, cap)
          : f.madd(distance.sub(V128.of(row)), slope, value);
        f.storeV128(at, changed, 4 * BLOCK * row);
      }
    });
  });
  const cap = k.float("softCap").mul(Math.LOG2E);
  const alibiHeads = k.integer("alibiHeads");
  return (panel) => k.f.call(run, { ...panel, cap, alibiHeads });
}

/**
 * A soft-cap's slope at changed scores, 1 − (score/c)²; 0 at −∞, a hidden score. `cap` is c in the
 * scores' units.
 */
export function capSlope(f: FunctionBuilder, scores: V128, cap: V128): V128 {
  const share = f.v128(scores.pmax(cap.neg()).div(cap));
  return V128.of(1).sub(share.mul(share));
}

function capped(f: FunctionBuilder, scores: V128, cap: V128): V128 {
  return tanh(f, scores.div(cap)).mul(cap);
}

function alibiSlope(f: FunctionBuilder, head: I32, heads: I32): F32 {
  const [h, n] = [f.f32(head.toF32()), f.f32(heads.toF32())];
  const power = f.f32(h.add(1).mul(-8));
  f.if(h.ge(n), () => f.set(power, h.sub(n).mul(2).add(1).mul(-4)));
  return exp2(f, power.div(n).splat()).lane(0);
}
