/**
 * Reduces contiguous floats to one number: sums and maxima over rows, several together over the
 * same elements.
 *
 * Each fold keeps several vectors of running values, so that no addition waits for the one before
 * it; the order depends only on the count.
 *
 * @module
 */
import { type F32, type FunctionBuilder, I32, V128 } from "../../lib/wasm/assembler.ts";
import { maxLane, sumLanes } from "./math.ts";
import { four, type Lanes, one } from "./rows.ts";

/** One of the numbers that a row is reduced to. */
export interface Fold {
  /** The initial running value. */
  readonly initial: number;
  /** The running value after four more elements, one vector for each pointer. */
  step(f: FunctionBuilder, running: V128, ...values: V128[]): V128;
  /** Combines two running values, or parts of one. */
  merge(a: V128, b: V128): V128;
  /** Combines the four lanes. */
  lanes(f: FunctionBuilder, running: V128): F32;
}

/** A fold that adds `term(…)` up; `step` adds it to the running sum. */
export function sumOf(step: Fold["step"]): Fold {
  return { initial: 0, step, merge: (a, b) => a.add(b), lanes: sumLanes };
}

/** The fold that keeps the largest element. */
export const LARGEST: Fold = {
  initial: -Infinity,
  step: (_, running, x) => running.pmax(x),
  merge: (a, b) => a.max(b),
  lanes: maxLane,
};

/** Options of `foldRow`. */
export interface FoldOptions {
  /** Number of running vectors of a fold. Default: 4. */
  unroll?: number;
  /** Values that the folds receive instead of the elements. Default: the elements. */
  map?: (...values: V128[]) => V128[];
  /** The address at which the first of the mapped values is stored, element by element. */
  output?: I32;
}

/** Folds `count` elements read at each of `pointers`; returns a local for each fold. */
export function foldRow(
  f: FunctionBuilder,
  count: I32 | number,
  pointers: readonly I32[],
  folds: readonly Fold[],
  { unroll = 4, map = (...values) => values, output }: FoldOptions = {},
): F32[] {
  const running = folds.map(({ initial }) =>
    Array.from({ length: unroll }, () => f.v128(V128.of(initial)))
  );
  const rest = folds.map(({ initial }) => f.v128(V128.of(initial)));
  const bytes = f.i32(I32.of(count).inBytes());
  const unrolled = f.i32(bytes.and(-16 * unroll));
  const whole = f.i32(bytes.and(-16));
  const i = f.i32(0);
  const step = (into: readonly V128[], { load, store }: Lanes, offset = 0) => {
    const values = pointers.map((p) => f.v128(load(p.add(i), offset)));
    const mapped = map(...values).map((value) => f.v128(value));
    folds.forEach((fold, n) => f.set(into[n], fold.step(f, into[n], ...mapped)));
    if (output) store(output.add(i), mapped[0], offset);
  };
  const stepFour = (u: number) => step(running.map((vectors) => vectors[u]), four(f), 16 * u);
  f.while(i.ltU(unrolled), () => {
    for (let u = 0; u < unroll; u++) stepFour(u);
    f.set(i, i.add(16 * unroll));
  });
  f.while(i.ltU(whole), () => {
    stepFour(0);
    f.set(i, i.add(16));
  });
  f.while(i.ltU(bytes), () => {
    step(rest, one(f));
    f.set(i, i.add(4));
  });
  return folds.map((fold, n) => {
    const merged = f.f32(fold.lanes(f, running[n].reduce((a, b) => fold.merge(a, b))));
    return f.f32(fold.merge(merged.splat(), rest[n]).lane(0));
  });
}
