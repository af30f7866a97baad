/**
 * Softmax cross-entropy on integer targets: kernels for the loss of each row, the mean of the
 * losses, the derivative in place, and loss and derivative fused.
 *
 * logits: [rows, V] f32; targets: i32 [rows], those equal to `ignore` or out of range do not count;
 * loss, logSum: [rows] f32. A chunk computes rows of about 16,384 logits; sums are
 * in f32, in four lanes.
 *
 * @module
 */
import { F32, type FunctionBuilder, I32, V128 } from "../../lib/wasm/assembler.ts";
import type { CpuKernel } from "../../lib/device/kernel.ts";
import type { KernelBuilder } from "../../lib/device/kernel_builder.ts";
import { exp, log, maxLane } from "./math.ts";
import { forVectors, sumVectors } from "./rows.ts";

const chunks: CpuKernel["chunks"] = ({ rows, width }) =>
  Math.max(1, Math.min(rows, Math.ceil(rows * width / 16384)));

/** Row i: logSum = ln Σ exp(logits), loss = logSum − logits[target], or 0 if it does not count. */
export const crossEntropy: CpuKernel = {
  chunks,
  emit(k) {
    const { f } = k;
    const { loss, logSum } = k.pointers("loss", "logSum");
    forTargets(k, ({ row, logits, width, target, counts }) => {
      const largest = largestOf(f, logits, width);
      const shift = f.v128(largest.splat());
      const total = sumVectors(f, width, (i, { load }) => exp(f, load(logits.add(i)).sub(shift)));
      f.set(total, largest.add(log(f, total.splat()).lane(0)));
      f.storeF32(logSum.at(row), total);
      f.storeF32(loss.at(row), 0);
      f.if(counts, () => f.storeF32(loss.at(row), total.sub(logits.at(target).loadF32())));
    });
  },
};

/** mean = Σ loss / max(1, n) and scale = 1 / max(1, n), n the targets that count. One chunk. */
export const crossEntropyMean: CpuKernel = {
  chunks: () => 1,
  emit(k) {
    const { f } = k;
    const { loss, targets, mean, scale } = k.pointers("loss", "targets", "mean", "scale");
    const { rows, width, ignore } = k.integers("rows", "width", "ignore");
    const sum = sumVectors(f, rows, (i, { load }) => load(loss.add(i)));
    const counted = f.i32(0);
    f.for(0, rows, 1, (row) => {
      const target = f.i32(targets.at(row).loadI32());
      f.set(counted, counted.add(target.ne(ignore).and(target.ltU(width))));
    });
    const share = f.f32(F32.of(1).div(f.max(counted, 1).toF32()));
    f.storeF32(mean, sum.mul(share));
    f.storeF32(scale, share);
  },
};

/** logits ← (softmax(logits) − onehot(target))·gradient·scale, 0 in rows that do not count. */
export const crossEntropyBackward: CpuKernel = {
  chunks,
  emit(k) {
    const { f } = k;
    const { logSum, gradient, scale } = k.pointers("logSum", "gradient", "scale");
    const factor = f.f32(gradient.loadF32().mul(scale.loadF32()));
    forTargets(k, ({ row, logits, width, target, counts }) => {
      const factors = f.v128(F32.select(counts, factor, 0).splat());
      const sum = f.v128(logSum.at(row).loadSplat());
      forVectors(f, width, (i, { load, store }) => {
        store(logits.add(i), exp(f, load(logits.add(i)).sub(sum)).mul(factors));
      });
      f.if(counts, () => subtractAt(f, logits.at(target), factor));
    });
  },
};

/**
 * Loss and derivative fused: loss as above; logits ← softmax(logits) − onehot(target), 0 in rows
 * that do not count. One exponential per element.
 */
export const crossEntropyInPlace: CpuKernel = {
  chunks,
  emit(k) {
    const { f } = k;
    const loss = k.pointer("loss");
    const power = f.v128();
    forTargets(k, ({ row, logits, width, target, counts }) => {
      const largest = largestOf(f, logits, width);
      const shift = f.v128(largest.splat());
      const chosen = f.f32(0);
      f.if(counts, () => f.set(chosen, logits.at(target).loadF32()));
      const total = sumVectors(f, width, (i, { load, store }) => {
        f.set(power, exp(f, load(logits.add(i)).sub(shift)));
        store(logits.add(i), power);
        return power;
      });
      const factor = f.v128(V128.of(0));
      f.storeF32(loss.at(row), 0);
      f.if(counts, () => {
        f.set(factor, V128.of(1).div(total.splat()));
        const logSum = largest.add(log(f, total.splat()).lane(0));
        f.storeF32(loss.at(row), logSum.sub(chosen));
      });
      forVectors(f, width, (i, { load, store }) => {
        store(logits.add(i), load(logits.add(i)).mul(factor));
      });
      f.if(counts, () => subtractAt(f, logits.at(target), F32.of(1)));
    });
  },
};

function subtractAt(f: FunctionBuilder, address: I32, value: F32): void {
  const place = f.i32(address);
  f.storeF32(place, place.loadF32().sub(value));
}

/** The largest logit of a row. */
function largestOf(f: FunctionBuilder, logits: I32, width: I32): F32 {
  const largest = f.v128(V128.of(-Infinity));
  forVectors(f, width, (i, { load }) => f.set(largest, largest.max(load(logits.add(i)))));
  return f.f32(maxLane(f, largest));
}

/** A row of logits and its target. */
interface Row {
  readonly row: I32;
  readonly logits: I32;
  readonly width: I32;
  /** The target's id, −1 if it is ignored. */
  readonly target: I32;
  /** Whether the target is within the row, which an ignored one is not as an unsigned number. */
  readonly counts: I32;
}

/** Calls `body` for the chunk's rows. */
function forTargets(k: KernelBuilder, body: (row: Row) => void): void {
  const { f } = k;
  const { logits, targets } = k.pointers("logits", "targets");
  const { rows, width, ignore } = k.integers("rows", "width", "ignore");
  k.forShare(rows, (row) => {
    const target = f.i32(targets.at(row).loadI32());
    f.set(target, I32.select(target.eq(ignore), -1, target));
    const at = f.i32(logits.at(row.mul(width)));
    body({ row, logits: at, width, target, counts: target.ltU(width) });
  });
}
