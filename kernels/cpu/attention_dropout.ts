/**
 * Dropout of attention's probabilities: factors of a panel of scores, 1/(1 − rate) if a probability
 * is kept, otherwise 0.
 *
 * 16 bits of the Philox counter [key >> 3, query, step, batch·H + head] under the key [seed,
 * stream] decide over a probability: of its word `key & 3` the lower half if `key & 4` is 0,
 * otherwise the upper one. So the forward and the backward pass have the same mask, whatever their
 * blocks. attention.ts and attention_backward.ts multiply by the factors.
 *
 * @module
 */
import { type FunctionBuilder, type I32, V128 } from "../../lib/wasm/assembler.ts";
import type { KernelBuilder } from "../../lib/device/kernel_builder.ts";
import { BLOCK, PANEL } from "./attention_blocks.ts";
import { fourFrom, philox } from "./philox.ts";
import { transposeSquare } from "./square.ts";

/** Scores of four rows, whose factors are stored. */
export interface DropoutPanel {
  /** Receives the factors: rows of `BLOCK` floats. */
  readonly factors: I32;
  /** Columns from … to − 1, multiples of eight. */
  readonly from: I32;
  readonly to: I32;
  /** batch·H + head. */
  readonly head: I32;
  /** The query of the first row. */
  readonly query: I32;
  /** The key of column 0, a multiple of eight. */
  readonly key: I32;
}

const PARAMETERS = {
  factors: "i32",
  from: "i32",
  to: "i32",
  head: "i32",
  query: "i32",
  key: "i32",
  seed: "i32",
  step: "i32",
  stream: "i32",
  threshold: "i32",
  keepScale: "f32",
} as const;

/** Floats of scratch memory that a panel's factors take; 0 without dropout. */
export function factorFloats(DROPOUT: number): number {
  return DROPOUT ? PANEL * BLOCK : 0;
}

/**
 * Defines the factors of a panel; returns a function that stores them, which does nothing without
 * dropout.
 */
export function defineDropout(k: KernelBuilder): (panel: DropoutPanel) => void {
  if (!k.constants.DROPOUT) return () => {};
  const run = defineFactors(k);
  const words = k.pointer("maskWords");
  const [seed, step] = [0, 4].map((at) => k.f.constant(words.loadI32(at)));
  const random = { seed, step, ...k.integers("stream", "threshold") };
  const keepScale = k.float("keepScale");
  return ({ factors, from, to, head, query, key }) =>
    k.f.call(run, { factors, from, to, head, query, key, ...random, keepScale });
}

/**
 * Multiplies four values by their factors, if there is dropout: those at an address in a row of a
 * panel of `scores`, whose columns are those of `factors`.
 */
export function factorsOf(
  k: KernelBuilder,
  f: FunctionBuilder,
  { scores, factors }: { scores: I32; factors: I32 },
): (values: V128, at: I32, row: number) => V128 {
  if (!k.constants.DROPOUT) return (values) => values;
  const distance = f.i32(factors.sub(scores));
  return (values, at, row) => values.mul(at.add(distance).loadV128(4 * BLOCK * row));
}

/** A probability is kept if its 16 random bits are at least `threshold`. */
function defineFactors(k: KernelBuilder) {
  return k.define(PARAMETERS, (f, { factors, from, to, head, query, key, ...random }) => {
    const { seed, step, stream, threshold, keepScale } = random;
    const queries = f.v128(fourFrom(query));
    const below = f.v128(threshold.sub(1).splat());
    const factor = f.v128(keepScale.splat());
    const lower = f.v128(V128.ofI(0xffff));
    f.for(from, to, 8, (column) => {
      const keys = key.add(column).shrU(3).splat();
      const counters = [keys, queries, step.splat(), head.splat()] as const;
      const rows = transposeSquare(f, philox(f, counters, [seed, stream]));
      const at = f.i32(factors.at(column));
      rows.forEach((words, row) => {
        const pair = f.v128(words);
        [pair.and(lower), pair.shrUI(16)].forEach((bits, half) => {
          f.storeV128(at, bits.gtSI(below).and(factor), 4 * BLOCK * row + 16 * half);
        });
      });
    });
  });
}
