/**
 * Folding contiguous floats into one number: sums and maxima over rows, several at once over the same elements.
 *
 * Each fold keeps several vectors of running values, so that no addition waits for the one before it; the order depends on the
 * count alone.
 *
 * @module
 */
import { type F32, type FunctionBuilder, I32, V128 } from "../../lib/device/cpu/assembler.ts";
import { maxLane, sumLanes } from "./math.ts";

/** One of the numbers a row is folded into. */
export interface Fold {
  /** What a running value starts from. */
  readonly initial: number;
  /** The running value after four more elements, one vector for each pointer. */
  step(f: FunctionBuilder, running: V128, ...values: V128[]): V128;
  /** Two running values, or parts of one, as one. */
  merge(a: V128, b: V128): V128;
  /** The four lanes as one. */
  lanes(f: FunctionBuilder, running: V128): F32;
}

/** A fold that adds `term(…)` up; `step` adds it to the running sum. */
export function sumOf(step: Fold["step"]): Fold {
  return { initial: 0, step, merge: (a, b) => a.add(b), lanes: sumLanes };
}

/** The fold that keeps the largest element. */
export const LARGEST: Fold = {
  initial: -Infinity,
  step: (_, running, x) => running.max(x),
  merge: (a, b) => a.max(b),
  lanes: maxLane,
};

/**
 * Folds `count` elements read at each of `pointers`; gives a local for each fold. `count` is a local or a constant, `unroll` the
 * number of running vectors a fold has.
 */
export function foldRow(
  f: FunctionBuilder,
  count: I32 | number,
  pointers: readonly I32[],
  folds: readonly Fold[],
  unroll = 4,
): F32[] {
  const running = folds.map(({ initial }) =>
    Array.from({ length: unroll }, () => f.v128(V128.of(initial)))
  );
  const rest = folds.map(({ initial }) => f.v128(V128.of(initial)));
  const bytes = f.i32(I32.of(count).shl(2));
  const i = f.i32(0);
  const step = (into: (n: number) => V128, values: V128[]) =>
    folds.forEach((fold, n) => f.set(into(n), fold.step(f, into(n), ...values)));
  const load = (offset: number) => pointers.map((p) => f.v128(p.add(i).loadV128(offset)));
  const unrolled = f.i32(bytes.and(-16 * unroll));
  f.while(i.ltU(unrolled), () => {
    for (let u = 0; u < unroll; u++) step((n) => running[n][u], load(16 * u));
    f.set(i, i.add(16 * unroll));
  });
  const whole = f.i32(bytes.and(-16));
  f.while(i.ltU(whole), () => {
    step((n) => running[n][0], load(0));
    f.set(i, i.add(16));
  });
  f.while(i.ltU(bytes), () => {
    step((n) => rest[n], pointers.map((p) => f.v128(p.add(i).loadSplat())));
    f.set(i, i.add(4));
  });
  return folds.map((fold, n) => {
    const merged = f.f32(fold.lanes(f, running[n].reduce((a, b) => fold.merge(a, b))));
    return f.f32(fold.merge(merged.splat(), rest[n]).lane(0));
  });
}
