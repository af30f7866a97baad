/**
 * Soft-cap and ALiBi of attention's scores: options checked and turned into the kernels' constants
 * and scalars.
 *
 * See kernels/cpu/attention_adjust.ts and kernels/webgpu/attention_adjust.wgsl for the formulas.
 *
 * @module
 */
import type { ScalarType } from "../device/kernel.ts";
import { describe } from "../errors.ts";

/** What changes the scores of attention before its softmax. */
export interface ScoreOptions {
  /** c > 0: scores become c·tanh(score/c), as in Gemma 2. Default: as they are. */
  softCap?: number;
  /**
   * Add slope·(key − query) to the scores of causal attention, with ALiBi's slope for each head, as
   * in BLOOM. Default: false. Source: Press et al., arXiv 2108.12409.
   */
  alibi?: boolean;
}

/** Types of the scalars, for the kernels' descriptors. */
export const ADJUST_SCALARS: Readonly<Record<string, ScalarType>> = {
  softCap: "f32",
  alibiHeads: "i32",
};

/** The constants and scalars of a call. */
export interface ScoreAdjustment {
  readonly constants: { readonly SOFT_CAP: number; readonly ALIBI: number };
  /** Values of `ADJUST_SCALARS`. */
  readonly scalars: Readonly<Record<string, number>>;
}

/**
 * The change of scores of a call with `heads` query heads.
 *
 * @throws {RangeError} if the soft-cap is not above 0
 * @throws {TypeError} if both are asked for, or ALiBi without a causal mask
 */
export function scoreAdjustment(
  operation: string,
  { heads, causal, softCap, alibi = false }: ScoreOptions & { heads: number; causal: boolean },
): ScoreAdjustment {
  if (softCap !== undefined && !(Number.isFinite(softCap) && softCap > 0)) {
    throw new RangeError(
      `${operation}: softCap: expected a number above 0, got ${describe(softCap)}`,
    );
  }
  if (alibi && softCap !== undefined) {
    throw new TypeError(`${operation}: expected softCap or alibi, got both`);
  }
  if (alibi && !causal) {
    throw new TypeError(`${operation}: alibi needs causal attention, got causal false`);
  }
  return {
    constants: { SOFT_CAP: softCap === undefined ? 0 : 1, ALIBI: alibi ? 1 : 0 },
    scalars: { softCap: softCap ?? 0, alibiHeads: 2 ** Math.floor(Math.log2(heads)) },
  };
}
