/**
 * token[b] = a column of row b, drawn by its probability. logits, weights: [B,V] f32; settings: f32
 * [3] = [temperature, topK, topP] and, with `MIN_P`, minP; state: i32 [2] = [seed, step]; token:
 * i32 [B]. A chunk draws for one row; sums are float32, 1,024 elements in four lanes, then block
 * after block.
 *
 * Floats are compared as integers that stand in the same order, so that a threshold is found by
 * halving its range 32 times.
 *
 * @module
 */
import { type F32, type FunctionBuilder, type I32, V128 } from "../../lib/wasm/assembler.ts";
import type { FunctionHandle } from "../../lib/wasm/assembler.ts";
import type { CpuKernel } from "../../lib/device/kernel.ts";
import type { KernelBuilder } from "../../lib/device/kernel_builder.ts";
import { exp, log, sumLanes } from "./math.ts";
import { philox, toUniform } from "./philox.ts";
import { forVectors } from "./rows.ts";

const BLOCK = 1024;

export const sampleToken: CpuKernel = {
  chunks: ({ rows }) => rows,
  emit(k) {
    const { f } = k;
    const width = k.integer("width");
    const token = f.i32(k.pointer("token").add(k.chunk.shl(2)));
    const settings = k.pointer("settings");
    const [temperature, topK, topP] = [0, 4, 8].map((at) => f.f32(settings.loadF32(at)));
    const start = f.i32(k.chunk.mul(width).shl(2));
    const row: Row = {
      logits: f.i32(k.pointer("logits").add(start)),
      weights: f.i32(k.pointer("weights").add(start)),
      width,
      largest: f.i32(),
    };
    f.set(row.largest, largestKey(f, row));
    f.if(temperature.le(0), () => {
      f.storeI32(token, firstOf(f, row));
    }, () => {
      weigh(f, row, temperature);
      const sums = { count: defineTally(k, false), mass: defineTally(k, true) };
      const least = f.i32(-0x80000000);
      f.if(topK.ge(1).and(topK.lt(width.toF32())), () => {
        f.set(least, threshold(f, row, least, f.f32(topK.floor()), sums.count));
      });
      f.if(topP.lt(1), () => {
        const wanted = f.f32(tally(f, sums.mass, row, least).mul(topP));
        f.set(least, threshold(f, row, least, wanted, sums.mass));
      });
      if (k.constants.MIN_P) keepProbable(f, row, temperature, settings, least);
      const total = tally(f, sums.mass, row, least);
      const target = f.f32(uniform(k).mul(total));
      f.storeI32(token, drawn(f, sums.mass, row, least, target));
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

/** Signed integers in the order of the floats with these bits. */
const keys = (x: V128) => x.xor(x.shrSI(31).shrUI(1));
const keyAt = (f: FunctionBuilder, address: I32) => {
  const bits = f.i32(address.loadI32());
  return bits.xor(bits.shrS(31).shrU(1));
};

function largestKey(f: FunctionBuilder, { logits, width }: Row): I32 {
  const most = f.v128(V128.ofI(-0x80000000));
  const take = (x: V128) => {
    const key = f.v128(keys(x));
    f.set(most, key.gtSI(most).bitSelect(key, most));
  };
  forVectors(
    f,
    width,
    (i) => take(logits.add(i).loadV128()),
    (i) => take(logits.add(i).loadSplat()),
  );
  const [a, b, c, d] = [0, 1, 2, 3].map((lane) => f.i32(most.laneI(lane)));
  const [ab, cd] = [f.i32(a.maxS(b)), f.i32(c.maxS(d))];
  return ab.maxS(cd);
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
  const most = f.v128(keys(largest.splat()));
  const divisor = f.v128(temperature.splat());
  const weight = (x: V128) => exp(f, x.sub(most).div(divisor));
  forVectors(
    f,
    width,
    (i) => f.storeV128(weights.add(i), weight(logits.add(i).loadV128())),
    (i) => f.storeF32(weights.add(i), weight(logits.add(i).loadSplat()).lane(0)),
  );
}

/**
 * A function of (logits, weights, width, least): Σ of the weights, or of ones, of the logits whose
 * key is at least `least`.
 */
function defineTally(k: KernelBuilder, weighted: boolean): FunctionHandle {
  return k.define(["i32", "i32", "i32", "i32"], "f32", (f) => {
    const [logits, weights, width, least] = [0, 1, 2, 3].map((i) => f.i32Parameter(i));
    const above = f.v128(least.splat());
    const sum = f.f32(0);
    const [part, tail] = [f.v128(), f.v128()];
    f.for(0, width, BLOCK, (start) => {
      const left = f.i32(width.sub(start));
      const elements = f.i32(left.minU(BLOCK));
      const offset = f.i32(start.shl(2));
      const [from, weighed] = [f.i32(logits.add(offset)), f.i32(weights.add(offset))];
      const kept = (load: (p: I32) => V128) =>
        (weighted ? load(weighed) : V128.of(1)).andNot(above.gtSI(keys(f.v128(load(from)))));
      f.set(part, V128.of(0));
      f.set(tail, V128.of(0));
      forVectors(
        f,
        elements,
        (i) => f.set(part, part.add(kept((p) => p.add(i).loadV128()))),
        (i) => f.set(tail, tail.add(kept((p) => p.add(i).loadSplat()))),
      );
      f.set(sum, sum.add(sumLanes(f, part).add(tail.lane(0))));
    });
    f.return(sum);
  });
}

function tally(f: FunctionBuilder, sum: FunctionHandle, row: Row, least: I32): F32 {
  return f.f32(f.callF32(sum, row.logits, row.weights, row.width, least));
}

/**
 * A key, from `least` up to the largest logit's, from which on the tally is `wanted`; where there
 * is none, the largest from which on it is more.
 */
function threshold(
  f: FunctionBuilder,
  row: Row,
  least: I32,
  wanted: F32,
  sum: FunctionHandle,
): I32 {
  const [low, high] = [f.i32(least), f.i32(row.largest)];
  f.while(low.ne(high), () => {
    const range = f.i32(high.sub(low));
    const middle = f.i32(low.add(range.shrU(1)).add(range.and(1)));
    const found = tally(f, sum, row, middle);
    f.if(found.ge(wanted), () => {
      f.set(low, middle);
      f.if(found.eq(wanted), () => f.set(high, middle));
    }, () => f.set(high, middle.sub(1)));
  });
  return low;
}

/**
 * Raises `least` to the key of the smallest logit whose weight is still minP: the largest weight is
 * 1.
 */
function keepProbable(
  f: FunctionBuilder,
  { largest }: Row,
  temperature: F32,
  settings: I32,
  least: I32,
): void {
  const minP = f.f32(settings.loadF32(12));
  f.if(minP.gt(0), () => {
    const most = f.v128(keys(largest.splat()));
    const lowest = f.v128(most.add(temperature.splat().mul(log(f, minP.splat()))));
    const key = f.i32(keys(lowest).laneI(0));
    f.set(key, key.minS(largest));
    f.set(least, least.maxS(key));
  });
}

/** The uniform number of this row's index, which starts again every `period` rows. */
function uniform(k: KernelBuilder): F32 {
  const { f } = k;
  const state = k.pointer("state");
  const key = [f.i32(state.loadI32()), k.integer("stream")] as const;
  const index = f.i32(k.chunk.remU(k.integer("period")));
  const words = philox(f, f.i32(index.shrU(2)), f.i32(state.loadI32(4)), key);
  const word = f.i32(index.and(3));
  const picked = f.v128(words[3]);
  for (const w of [0, 1, 2]) f.if(word.eq(w), () => f.set(picked, words[w]));
  return f.f32(toUniform(picked).lane(0));
}

/**
 * The first column at which the running sum of the kept weights exceeds `target`, which is less
 * than their sum.
 */
function drawn(f: FunctionBuilder, mass: FunctionHandle, row: Row, least: I32, target: F32): I32 {
  const { logits, weights, width } = row;
  const [start, elements, before, next] = [f.i32(0), f.i32(0), f.f32(0), f.f32(0)];
  f.while(next.le(target).and(start.add(elements).ltU(width)), () => {
    f.set(start, start.add(elements));
    f.set(before, next);
    f.set(elements, width.sub(start));
    f.set(elements, elements.minU(BLOCK));
    const offset = f.i32(start.shl(2));
    const [from, weighed] = [f.i32(logits.add(offset)), f.i32(weights.add(offset))];
    f.set(next, before.add(f.callF32(mass, from, weighed, elements, least)));
  });
  // Rounding may leave the sum one by one below the sum by lanes: then it is the block's last kept
  // column.
  const [column, end, chosen] = [f.i32(start), f.i32(start.add(elements)), f.i32(0)];
  f.while(column.ltU(end).and(before.le(target)), () => {
    const at = f.i32(column.shl(2));
    const weight = f.f32(weights.add(at).loadF32());
    f.if(weight.gt(0).and(keyAt(f, f.i32(logits.add(at))).geS(least)), () => {
      f.set(chosen, column);
      f.set(before, before.add(weight));
    });
    f.set(column, column.add(1));
  });
  return chosen;
}
