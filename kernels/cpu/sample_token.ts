/**
 * token[b] = a column of row b, sampled by its probability softmax(logits/temperature) among the
 * topK largest, the smallest set with probability topP (nucleus), and those with at least minP
 * times the largest probability; the first largest column if temperature ≤ 0.
 *
 * logits, weights: [B,V] f32; settings: f32 [3] = [temperature, topK, topP] and, with `MIN_P`,
 * minP; state: i32 [2] = [seed, step]; token: i32 [B]. A chunk samples for one row; sums are in
 * f32, 1,024 elements in four lanes, then block after block.
 *
 * Floats are compared as integers of the same order, so that a threshold is found by halving its
 * range 32 times.
 *
 * @module
 */
import { type F32, type FunctionBuilder, type I32, V128 } from "../../lib/wasm/assembler.ts";
import type { CpuKernel } from "../../lib/device/kernel.ts";
import type { KernelBuilder } from "../../lib/device/kernel_builder.ts";
import { exp, log } from "./math.ts";
import { blockCounters, philox, toUniform } from "./philox.ts";
import { forVectors, type Lanes, sumVectors } from "./rows.ts";

const BLOCK = 1024;

/** f32's largest finite number. */
const MOST_TEMPERATURE = 3.4028234663852886e38;

export const sampleToken: CpuKernel = {
  chunks: ({ rows }) => rows,
  emit(k) {
    const { f } = k;
    const width = k.integer("width");
    const token = f.i32(k.pointer("token").at(k.chunk));
    const settings = k.pointer("settings");
    const [temperature, topK, topP] = [0, 4, 8].map((at) => f.f32(settings.loadF32(at)));
    f.set(temperature, temperature.min(MOST_TEMPERATURE)); // −∞/∞ would be NaN
    const start = f.i32(k.chunk.mul(width));
    const [logits, weights] = ["logits", "weights"].map((name) => f.i32(k.pointer(name).at(start)));
    const row: Row = { logits, weights, width, largest: largestKey(f, logits, width) };
    f.if(temperature.le(0), () => f.storeI32(token, firstOf(f, row)), () => {
      weigh(f, row, temperature);
      const [count, mass] = [defineTally(k, false), defineTally(k, true)];
      const massAbove = (cutoff: I32) => tallyOf(f, mass, row, cutoff);
      const cutoff = f.i32(-0x80000000);
      f.if(topK.ge(1).and(topK.lt(width.toF32())), () => {
        f.set(cutoff, threshold(f, row, cutoff, { wanted: f.f32(topK.floor()), tally: count }));
      });
      f.if(topP.lt(1), () => {
        const wanted = f.f32(massAbove(cutoff).mul(topP));
        f.set(cutoff, threshold(f, row, cutoff, { wanted, tally: mass }));
      });
      if (k.constants.MIN_P) keepProbable(f, row, temperature, { settings, cutoff });
      const target = f.f32(uniform(k).mul(massAbove(cutoff)));
      f.storeI32(token, drawn(f, row, cutoff, { target, tally: mass }));
    });
  },
};

interface Row {
  readonly logits: I32;
  readonly weights: I32;
  readonly width: I32;
  /** The largest logit's key. */
  readonly largest: I32;
}

/** Signed integers in the order of the floats, or floats from such integers. */
const flipped = (x: V128) => x.xor(x.shrSI(31).shrUI(1));
/** Signed integers in the order of the floats; −0, which flips to −1, counts as 0. */
function keys(f: FunctionBuilder, x: V128): V128 {
  const key = f.v128(flipped(f.v128(x)));
  return key.subI(key.eqI(V128.ofI(-1)));
}
const keyAt = (f: FunctionBuilder, address: I32) => keys(f, address.loadSplat()).laneI(0);

function largestKey(f: FunctionBuilder, logits: I32, width: I32): I32 {
  const largest = f.v128(V128.ofI(-0x80000000));
  forVectors(f, width, (i, { load }) => {
    const key = f.v128(keys(f, load(logits.add(i))));
    f.set(largest, key.gtSI(largest).bitSelect(key, largest));
  });
  const [a, b, c, d] = [0, 1, 2, 3].map((lane) => largest.laneI(lane));
  return f.max(f.max(a, b), f.max(c, d));
}

/** The first column that holds the largest logit. */
function firstOf(f: FunctionBuilder, { logits, largest }: Row): I32 {
  const at = f.i32(logits);
  f.doWhile(() => f.set(at, at.add(4)), () => keyAt(f, at.sub(4)).ne(largest));
  return at.sub(logits).shrU(2).sub(1);
}

/** weights = exp((logits − largest)/temperature). */
function weigh(f: FunctionBuilder, row: Row, temperature: F32): void {
  const { logits, weights, width, largest } = row;
  const shift = f.v128(flipped(largest.splat()));
  const divisor = f.v128(temperature.splat());
  forVectors(f, width, (i, { load, store }) => {
    store(weights.add(i), exp(f, load(logits.add(i)).sub(shift).div(divisor)));
  });
}

/** A function of a row and a key. */
type Tally = ReturnType<typeof defineTally>;

/** Σ of the weights, or of ones, of the logits whose key is at least `cutoff`. */
function defineTally(k: KernelBuilder, weighted: boolean) {
  const parameters = { logits: "i32", weights: "i32", width: "i32", cutoff: "i32" } as const;
  return k.define(parameters, (f, { logits, weights, width, cutoff }) => {
    const above = f.v128(cutoff.splat());
    const sum = f.f32(0);
    f.for(0, width, BLOCK, (start) => {
      const count = f.minU(width.sub(start), BLOCK);
      const [from, weighed] = [f.i32(logits.at(start)), f.i32(weights.at(start))];
      const kept = (i: I32, { load }: Lanes) => {
        const weight = weighted ? load(weighed.add(i)) : V128.of(1);
        return weight.andNot(above.gtSI(keys(f, load(from.add(i)))));
      };
      f.set(sum, sum.add(sumVectors(f, count, kept)));
    });
    return sum;
  });
}

function tallyOf(f: FunctionBuilder, tally: Tally, row: Row, cutoff: I32): F32 {
  const { logits, weights, width } = row;
  return f.f32(f.call(tally, { logits, weights, width, cutoff }));
}

/**
 * A key from `cutoff` to the largest logit's whose tally is `wanted`; if there is none, the largest
 * key whose tally is more.
 */
function threshold(
  f: FunctionBuilder,
  row: Row,
  cutoff: I32,
  { wanted, tally }: { wanted: F32; tally: Tally },
): I32 {
  const [low, high] = [f.i32(cutoff), f.i32(row.largest)];
  f.while(low.ne(high), () => {
    const range = f.i32(high.sub(low));
    const middle = f.i32(low.add(range.shrU(1)).add(range.and(1)));
    const found = tallyOf(f, tally, row, middle);
    f.if(found.ge(wanted), () => {
      f.set(low, middle);
      f.if(found.eq(wanted), () => f.set(high, middle));
    }, () => f.set(high, middle.sub(1)));
  });
  return low;
}

/**
 * Raises `cutoff` to the key of the smallest logit whose weight is at least minP: the largest
 * weight is 1.
 */
function keepProbable(
  f: FunctionBuilder,
  { largest }: Row,
  temperature: F32,
  { settings, cutoff }: { settings: I32; cutoff: I32 },
): void {
  const minP = f.f32(settings.loadF32(12));
  f.if(minP.gt(0), () => {
    const shift = f.v128(flipped(largest.splat()));
    const lowest = f.v128(shift.add(temperature.splat().mul(log(f, minP.splat()))));
    const key = f.min(keys(f, lowest).laneI(0), largest);
    f.set(cutoff, f.max(cutoff, key));
  });
}

/** The uniform number of this row's index modulo `period`. */
function uniform(k: KernelBuilder): F32 {
  const { f } = k;
  const state = k.pointer("state");
  const key = [f.i32(state.loadI32()), k.integer("stream")] as const;
  const index = f.i32(k.chunk.remU(k.integer("period")));
  const words = philox(f, blockCounters(f.i32(index.shrU(2)), f.i32(state.loadI32(4))), key);
  const word = f.i32(index.and(3));
  const picked = f.v128(words[3]);
  for (const w of [0, 1, 2]) f.if(word.eq(w), () => f.set(picked, words[w]));
  return f.f32(toUniform(picked).lane(0));
}

/**
 * The first column at which the running sum of the kept weights exceeds `target`, which is less
 * than their sum.
 */
function drawn(
  f: FunctionBuilder,
  { logits, weights, width }: Row,
  cutoff: I32,
  { target, tally }: { target: F32; tally: Tally },
): I32 {
  const [start, count, before, next] = [f.i32(0), f.i32(0), f.f32(0), f.f32(0)];
  f.while(next.le(target).and(start.add(count).ltU(width)), () => {
    f.set(start, start.add(count));
    f.set(before, next);
    f.set(count, f.minU(width.sub(start), BLOCK));
    const block = { logits: logits.at(start), weights: weights.at(start), width: count, cutoff };
    f.set(next, before.add(f.call(tally, block)));
  });
  // By rounding, the sequential sum may stay below the sum by lanes: then it is the block's last
  // kept column.
  const [column, end, chosen] = [f.i32(start), f.i32(start.add(count)), f.i32(0)];
  f.while(column.ltU(end).and(before.le(target)), () => {
    const weight = f.f32(weights.at(column).loadF32());
    f.if(weight.gt(0).and(keyAt(f, logits.at(column)).geS(cutoff)), () => {
      f.set(chosen, column);
      f.set(before, before.add(weight));
    });
    f.set(column, column.add(1));
  });
  return chosen;
}
