/**
 * Functions of attention's backward pass over rows: P and dS from scores, each row's statistics,
 * and the copy of packed rows to a tensor.
 *
 * attention_backward.ts calls them.
 *
 * @module
 */
import { type FunctionHandle, V128 } from "../../lib/wasm/assembler.ts";
import type { KernelBuilder } from "../../lib/device/kernel_builder.ts";
import { BLOCK, copyRow, paddedSize, PANEL, roundUp, ROWS } from "./attention_blocks.ts";
import { capSlope } from "./attention_adjust.ts";
import { factorsOf } from "./attention_dropout.ts";
import { MASKED_COLUMNS, maskPanel } from "./attention_mask.ts";
import { exp2, sumLanes } from "./math.ts";

const PROBABILITIES = {
  /** Scores, then P after dropout. */
  p: "i32",
  /** dO·Vᵀ, then dS. */
  ds: "i32",
  statistics: "i32",
  /** Dropout's factors; unused without dropout. */
  factors: "i32",
  /** The soft-cap c of scores; unused without one. */
  cap: "f32",
  ...MASKED_COLUMNS,
} as const;

/** Defines the step from four rows of scores to P, and of dO·Vᵀ to dS. */
export function defineProbabilities(k: KernelBuilder): FunctionHandle<typeof PROBABILITIES> {
  return k.define(PROBABILITIES, (f, { p, ds, statistics, factors, cap, ...columns }) => {
    const caps = f.v128(cap.mul(Math.LOG2E).splat());
    const drop = factorsOf(k, f, { scores: p, factors });
    const forScores = maskPanel(f, p, columns);
    const logSums = ROWS.map((row) => f.v128(statistics.loadSplat(4 * row)));
    const deltas = ROWS.map((row) => f.v128(statistics.loadSplat(4 * (BLOCK + row))));
    const toDs = f.i32(ds.sub(p));
    forScores((at) => {
      const dsAt = f.i32(at.add(toDs));
      for (const row of ROWS) {
        const offset = 4 * BLOCK * row;
        const score = f.v128(at.loadV128(offset));
        const probability = f.v128(exp2(f, score.sub(logSums[row])));
        f.storeV128(at, drop(probability, at, row), offset);
        const dp = drop(dsAt.loadV128(offset), at, row);
        const gradient = f.v128(dp.sub(deltas[row]).mul(probability));
        const isCapped = k.constants.SOFT_CAP === 1;
        f.storeV128(dsAt, isCapped ? gradient.mul(capSlope(f, score, caps)) : gradient, offset);
      }
    });
  });
}

const STATISTICS = {
  /** Packed rows of dO. */
  gradients: "i32",
  /** The first row of O, and bytes from one to the next. */
  outputs: "i32",
  stride: "i32",
  logSum: "i32",
  count: "i32",
  statistics: "i32",
} as const;

/**
 * Defines the copy of the log-sums of `count` rows and the computation of rowsum(dO∘O); zeros up to
 * the next panel.
 */
export function defineStatistics(k: KernelBuilder): FunctionHandle<typeof STATISTICS> {
  const D = k.constants.HEAD_SIZE;
  const whole = D - D % 4;
  return k.define(STATISTICS, (f, { gradients, outputs, stride, logSum, count, statistics }) => {
    const sums = [0, 1].map(() => f.v128());
    f.for(0, count, 1, (n) => {
      for (const sum of sums) f.set(sum, V128.of(0));
      for (let i = 0; i < whole; i += 4) {
        const sum = sums[i / 4 % 2];
        f.set(sum, f.madd(gradients.loadV128(4 * i), outputs.loadV128(4 * i), sum));
      }
      const delta = f.f32(sumLanes(f, sums[0].add(sums[1])));
      for (let i = whole; i < D; i++) {
        f.set(delta, delta.add(gradients.loadF32(4 * i).mul(outputs.loadF32(4 * i))));
      }
      const own = f.i32(statistics.at(n));
      f.storeF32(own, logSum.at(n).loadF32());
      f.storeF32(own, delta, 4 * BLOCK);
      f.set(gradients, gradients.add(4 * paddedSize(D)));
      f.set(outputs, outputs.add(stride));
    });
    f.for(count, roundUp(count, PANEL), 1, (n) => {
      f.storeF32(statistics.at(n), 0);
      f.storeF32(statistics.at(n), 0, 4 * BLOCK);
    });
  });
}

const UNPACK = {
  source: "i32",
  count: "i32",
  target: "i32",
  stride: "i32",
  factor: "f32",
} as const;

/** Defines the copy of packed rows, times a factor, to a tensor. */
export function defineUnpack(k: KernelBuilder): FunctionHandle<typeof UNPACK> {
  const headSize = k.constants.HEAD_SIZE;
  return k.define(UNPACK, (f, { source, count, target, stride, factor }) => {
    const factors = f.v128(factor.splat());
    f.for(0, count, 1, () => {
      copyRow(f, source, target, headSize, factors);
      f.set(source, source.add(4 * paddedSize(headSize)));
      f.set(target, target.add(stride));
    });
  });
}
