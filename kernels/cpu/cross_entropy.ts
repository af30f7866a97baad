/**
 * Softmax cross-entropy on integer targets, in kernels for a loss for each row, their mean, the
 * derivative in place, and loss and derivative in one.
 *
 * logits: [rows, V] f32; targets: i32 [rows], `ignore` counts for nothing; loss, logSum: [rows].
 * Sums are float32 in four lanes.
 *
 * @module
 */
import { F32, type FunctionBuilder, I32, V128 } from "../../lib/wasm/assembler.ts";
import type { CpuKernel } from "../../lib/device/kernel.ts";
import type { KernelBuilder } from "../../lib/device/kernel_builder.ts";
import { exp, log, maxLane, sumLanes } from "./math.ts";
import { forVectors } from "./rows.ts";

/** Rows are shared out so that a chunk holds about 16,384 logits. */
const chunks: CpuKernel["chunks"] = ({ rows, width }) =>
  Math.max(1, Math.min(rows, Math.ceil(rows * width / 16384)));

/**
 * Row i: logSum = ln Σ exp(logits), loss = logSum − logits[target], or 0 where the target is
 * ignored or out of range.
 */
export const crossEntropy: CpuKernel = {
  chunks,
  emit(k) {
    const { f } = k;
    const [loss, logSum] = [k.pointer("loss"), k.pointer("logSum")];
    const { width, forRows } = rowsOf(k);
    forRows((row, logits, target) => {
      const largest = largestOf(f, logits, width);
      const most = f.v128(largest.splat());
      const sums = f.v128(V128.of(0));
      const tail = f.v128(V128.of(0));
      forVectors(f, width, (i) => {
        f.set(sums, sums.add(exp(f, logits.add(i).loadV128().sub(most))));
      }, (i) => f.set(tail, tail.add(exp(f, logits.add(i).loadSplat().sub(most)))));
      const total = f.f32(sumLanes(f, sums).add(tail.lane(0)));
      f.set(total, largest.add(log(f, total.splat()).lane(0)));
      f.storeF32(logSum.add(row.shl(2)), total);
      f.storeF32(loss.add(row.shl(2)), 0);
      f.if(target.ltU(width), () => {
        const chosen = logits.add(target.shl(2)).loadF32();
        f.storeF32(loss.add(row.shl(2)), total.sub(chosen));
      });
    });
  },
};

/** mean = Σ loss / max(1, n) and scale = 1 / max(1, n), n the targets that count. One chunk. */
export const crossEntropyMean: CpuKernel = {
  chunks: () => 1,
  emit(k) {
    const { f } = k;
    const [loss, targets] = [k.pointer("loss"), k.pointer("targets")];
    const rows = k.integer("rows");
    const width = k.integer("width");
    const ignore = k.integer("ignore");
    const sums = f.v128(V128.of(0));
    const tail = f.f32(0);
    forVectors(
      f,
      rows,
      (i) => f.set(sums, sums.add(loss.add(i).loadV128())),
      (i) => f.set(tail, tail.add(loss.add(i).loadF32())),
    );
    const counted = f.i32(0);
    f.for(0, rows, 1, (row) => {
      const target = f.i32(targets.add(row.shl(2)).loadI32());
      f.set(counted, counted.add(target.ne(ignore).and(target.ltU(width))));
    });
    const one = V128.of(1).lane(0);
    const scale = f.f32(one.div(I32.select(counted, counted, 1).toF32()));
    f.storeF32(k.pointer("mean"), sumLanes(f, sums).add(tail).mul(scale));
    f.storeF32(k.pointer("scale"), scale);
  },
};

/** logits ← (softmax(logits) − onehot(target))·gradient·scale, 0 in ignored rows. */
export const crossEntropyBackward: CpuKernel = {
  chunks,
  emit(k) {
    const { f } = k;
    const logSum = k.pointer("logSum");
    const factor = f.f32(k.pointer("gradient").loadF32().mul(k.pointer("scale").loadF32()));
    const factors = f.v128();
    const { width, forRows } = rowsOf(k);
    forRows((row, logits, target) => {
      f.set(factors, V128.of(0));
      f.if(target.ltU(width), () => f.set(factors, factor.splat()));
      const sum = f.v128(logSum.add(row.shl(2)).loadSplat());
      const derivative = (x: V128) => exp(f, x.sub(sum)).mul(factors);
      forVectors(
        f,
        width,
        (i) => f.storeV128(logits.add(i), derivative(logits.add(i).loadV128())),
        (i) => f.storeF32(logits.add(i), derivative(logits.add(i).loadSplat()).lane(0)),
      );
      f.if(target.ltU(width), () => {
        const chosen = f.i32(logits.add(target.shl(2)));
        f.storeF32(chosen, chosen.loadF32().sub(factor));
      });
    });
  },
};

/**
 * Loss and derivative in one: loss as above; logits ← softmax(logits) − onehot(target), 0 in
 * ignored rows. One exponential an element.
 */
export const crossEntropyInPlace: CpuKernel = {
  chunks,
  emit(k) {
    const { f } = k;
    const loss = k.pointer("loss");
    const { width, forRows } = rowsOf(k);
    forRows((row, logits, target) => {
      const largest = f.v128(largestOf(f, logits, width).splat());
      const sums = f.v128(V128.of(0));
      const tail = f.v128(V128.of(0));
      const power = f.v128();
      const chosen = f.f32(0);
      f.if(target.ltU(width), () => f.set(chosen, logits.add(target.shl(2)).loadF32()));
      forVectors(f, width, (i) => {
        f.set(power, exp(f, logits.add(i).loadV128().sub(largest)));
        f.storeV128(logits.add(i), power);
        f.set(sums, sums.add(power));
      }, (i) => {
        f.set(power, exp(f, logits.add(i).loadSplat().sub(largest)));
        f.storeF32(logits.add(i), power.lane(0));
        f.set(tail, tail.add(power));
      });
      const total = f.f32(sumLanes(f, sums).add(tail.lane(0)));
      const factor = f.v128(V128.of(0));
      f.storeF32(loss.add(row.shl(2)), 0);
      f.if(target.ltU(width), () => {
        f.set(factor, V128.of(1).div(total.splat()));
        const logSum = largest.lane(0).add(log(f, total.splat()).lane(0));
        f.storeF32(loss.add(row.shl(2)), logSum.sub(chosen));
      });
      forVectors(
        f,
        width,
        (i) => f.storeV128(logits.add(i), logits.add(i).loadV128().mul(factor)),
        (i) => f.storeF32(logits.add(i), logits.add(i).loadSplat().mul(factor).lane(0)),
      );
      f.if(target.ltU(width), () => {
        const place = f.i32(logits.add(target.shl(2)));
        f.storeF32(place, place.loadF32().sub(F32.of(1)));
      });
    });
  },
};

/** The largest logit of a row. */
function largestOf(f: FunctionBuilder, logits: I32, width: I32): F32 {
  const most = f.v128(V128.of(-Infinity));
  forVectors(
    f,
    width,
    (i) => f.set(most, most.max(logits.add(i).loadV128())),
    (i) => f.set(most, most.max(logits.add(i).loadSplat())),
  );
  return f.f32(maxLane(f, most));
}

/**
 * Visits a chunk's rows; an ignored row's target is −1, which is out of range as an unsigned
 * number.
 */
function rowsOf(k: KernelBuilder) {
  const { f } = k;
  const [logits, targets] = [k.pointer("logits"), k.pointer("targets")];
  const [rows, width, ignore] = ["rows", "width", "ignore"].map((name) => k.integer(name));
  const each = k.chunks;
  const forRows = (body: (row: I32, logits: I32, target: I32) => void) => {
    f.for(k.chunk, rows, each, (row) => {
      const target = f.i32(targets.add(row.shl(2)).loadI32());
      f.set(target, I32.select(target.eq(ignore), -1, target));
      body(row, f.i32(logits.add(row.mul(width).shl(2))), target);
    });
  };
  return { width, forRows };
}
