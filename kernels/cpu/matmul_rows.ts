/**
 * C = epilogue(A·op(B)) for the few rows of A that decoding has. A: [ROWS,k]; B: [k,n], or [n,k]
 * with TRANSPOSE_B; C: [ROWS,n]; all f32.
 *
 * B is read once, in the order in which it lies in memory, and its reading is what takes the time:
 * a chunk reads `share` rows of it. With TRANSPOSE_B those give as many columns of C. Without, they
 * are as many terms of every sum; where there are several chunks, C is the partial sums
 * [chunks,ROWS,n], without an epilogue, for matmul_rows_sum.ts. Sums are in f32.
 *
 * @module
 */
import { type FunctionBuilder, I32, V128 } from "../../lib/wasm/assembler.ts";
import type { CpuKernel } from "../../lib/device/kernel.ts";
import type { KernelBuilder } from "../../lib/device/kernel_builder.ts";
import { type Epilogue, epilogue } from "./matmul_epilogue.ts";
import { forVectors } from "./rows.ts";

/** Values of A that stay in registers. */
const KEPT = 8;
/**
 * Columns of C that are gathered before the next ones: 12 KB of the first cache for each row of A.
 */
const STRIPE = 3072;
/** Columns that go through the epilogue at once with TRANSPOSE_B. */
const SIDE = 4;
/** Vectors without a branch between them. */
const UNROLL = 4;
/** Fewest numbers of B in a chunk, and most chunks. */
const LEAST = 65536, MOST = 16;

/**
 * Rows of B in a chunk: 16 chunks, or fewer where one would read less than 256 KB. `rows` of B have
 * `length` numbers each.
 */
export function shareOfRows(rows: number, length: number): number {
  const most = Math.min(MOST, Math.max(1, Math.floor(rows * length / LEAST)));
  return Math.min(rows, 8 * Math.ceil(rows / most / 8));
}

/** The product of a few rows. */
export const matmulRows: CpuKernel = {
  chunks: ({ n, k, share }, { TRANSPOSE_B }) => Math.ceil((TRANSPOSE_B ? n : k) / share),
  emit(k) {
    const { f } = k;
    const { TRANSPOSE_B, PARTIAL } = k.constants;
    const share = k.integer("share");
    const finish = PARTIAL ? undefined : epilogue(k);
    const start = f.i32(k.chunk.mul(share));
    const count = f.i32(k.integer(TRANSPOSE_B ? "n" : "k").sub(start));
    f.set(count, count.minU(share));
    if (TRANSPOSE_B) emitDots(k, finish!, start, count);
    else emitSums(k, finish, start, count);
  },
};

const rowsOf = (k: KernelBuilder) => Array.from({ length: k.constants.ROWS }, (_, row) => row);

/**
 * C gathers `count` rows of B from `start` on, each times its value of A: eight at a time (four
 * where A has two rows), one from each eighth of them, so that eight streams come from memory side
 * by side.
 */
function emitSums(k: KernelBuilder, finish: Epilogue | undefined, start: I32, count: I32): void {
  const { f } = k;
  const n = k.integer("n");
  const bStep = f.i32(n.shl(2));
  const aStep = f.i32(k.integer("k").shl(2));
  const a0 = f.i32(k.pointer("a").add(start.shl(2)));
  const b0 = f.i32(k.pointer("b").add(start.mul(bStep)));
  const c0 = f.i32(k.pointer("c"));
  if (!finish) f.set(c0, c0.add(k.chunk.mul(bStep.mul(k.constants.ROWS))));
  const streams = Math.floor(KEPT / k.constants.ROWS);
  const apart = f.i32(count.divU(streams));
  const streamed = f.i32(apart.mul(streams));
  f.for(0, n, STRIPE, (first) => {
    const width = f.i32(n.sub(first));
    f.set(width, width.minU(STRIPE));
    const offset = f.i32(first.shl(2));
    const c = rowsOf(k).map((row) => f.i32(c0.add(bStep.mul(row)).add(offset)));
    const zero = c.map((row) => f.i32(row));
    const clear = (at: number) => zero.forEach((row) => f.storeV128(row, V128.of(0), at));
    const clearOne = () => zero.forEach((row) => f.storeF32(row, 0));
    stepThrough(f, zero, f.i32(width.shl(2)), clear, clearOne);
    const rows = (from: I32, to: I32, streams: number) =>
      f.for(from, to, 1, (row) => {
        const a = rowsOf(k).map((r) => f.i32(a0.add(aStep.mul(r)).add(row.shl(2))));
        const b = f.i32(b0.add(bStep.mul(row)).add(offset));
        gather(f, { a, b, bStep, c, width, apart, streams });
      });
    rows(I32.of(0), apart, streams);
    rows(streamed, count, 1);
    if (!finish) return;
    rowsOf(k).forEach((row) => {
      const end = (load: (p: I32) => V128, count: "four" | "one") => (i: I32) => {
        const column = f.i32(offset.add(i));
        finish(load(c[row].add(i)), column, f.i32(bStep.mul(row).add(column)), count);
      };
      forVectors(f, width, end((p) => p.loadV128(), "four"), end((p) => p.loadSplat(), "one"));
    });
  });
}

interface Gather {
  readonly a: I32[];
  readonly b: I32;
  readonly bStep: I32;
  readonly c: I32[];
  readonly width: I32;
  readonly apart: I32;
  readonly streams: number;
}

/** c += `streams` rows of B, `apart` rows from one another, each times its values of A. */
function gather(f: FunctionBuilder, { a, b, bStep, c, width, apart, streams }: Gather): void {
  const [aApart, bApart] = [f.i32(apart.shl(2)), f.i32(apart.mul(bStep))];
  const kept = a.map((row) =>
    Array.from({ length: streams }, (_, u) => {
      if (u > 0) f.set(row, row.add(aApart));
      return f.v128(row.loadSplat());
    })
  );
  const from = Array.from({ length: streams }, () => f.i32());
  from.forEach((row, u) => f.set(row, u === 0 ? b : from[u - 1].add(bApart)));
  const sums = c.map((row) => f.i32(row));
  const value = f.v128();
  const add = (
    load: (p: I32) => V128,
    store: (p: I32, value: V128) => void,
  ) => {
    const lanes = sums.map((row) => f.v128(load(row)));
    from.forEach((row, u) => {
      f.set(value, load(row));
      lanes.forEach((sum, r) => f.set(sum, f.madd(kept[r][u], value, sum)));
    });
    lanes.forEach((sum, r) => store(sums[r], sum));
  };
  stepThrough(
    f,
    [...sums, ...from],
    f.i32(width.shl(2)),
    (at) => add((p) => p.loadV128(at), (p, sum) => f.storeV128(p, sum, at)),
    () => add((p) => p.loadSplat(), (p, sum) => f.storeF32(p, sum.lane(0))),
  );
}

/**
 * Each element of C is a row of A times a row of B: `count` rows of B from `start` on. Their
 * quarters are read side by side, four streams from memory, and of each quarter four rows one after
 * the other, whose products then stand side by side.
 */
function emitDots(k: KernelBuilder, finish: Epilogue, start: I32, count: I32): void {
  const { f } = k;
  const cStep = f.i32(k.integer("n").shl(2));
  const step = f.i32(k.integer("k").shl(2));
  const a = rowsOf(k).map((row) => f.i32(k.pointer("a").add(step.mul(row))));
  const quarter = f.i32(count.divU(4 * SIDE).mul(SIDE));
  const b = Array.from({ length: 4 }, () => f.i32());
  b.forEach((from, i) => {
    f.set(from, i === 0 ? k.pointer("b").add(start.mul(step)) : b[i - 1].add(quarter.mul(step)));
  });
  const column = f.i32(start.shl(2));
  const end = (sums: V128[], at: I32, row: number, count: "four" | "one") => {
    const here = f.i32(at);
    finish(sumsOfFour(f, sums), here, f.i32(cStep.mul(row).add(here)), count);
  };
  f.for(0, quarter, SIDE, () => {
    const four = Array.from({ length: SIDE }, () => dots(f, a, b, step));
    b.forEach((_, i) =>
      rowsOf(k).forEach((row) => {
        const sums = four.map((each) => each[i][row]);
        end(sums, column.add(quarter.mul(4 * i)), row, "four");
      })
    );
    f.set(column, column.add(4 * SIDE));
  });
  f.set(column, start.add(quarter.mul(4)).shl(2));
  f.for(quarter.mul(4), count, 1, () => {
    dots(f, a, [b[3]], step)[0].forEach((x, row) => end([x, x, x, x], column, row, "one"));
    f.set(column, column.add(4));
  });
}

/**
 * For each of the rows of B at `b`, which move on, its products with each row of A, four partial
 * sums in each.
 */
function dots(f: FunctionBuilder, a: I32[], b: I32[], step: I32): V128[][] {
  const sums = b.map(() => a.map(() => f.v128(V128.of(0))));
  const [left, right] = [a.map((row) => f.i32(row)), b.map((row) => f.i32(row))];
  const value = f.v128();
  const add = (load: (p: I32) => V128) => {
    const x = left.map((row) => f.v128(load(row)));
    right.forEach((row, j) => {
      f.set(value, load(row));
      x.forEach((lanes, r) => f.set(sums[j][r], f.madd(lanes, value, sums[j][r])));
    });
  };
  stepThrough(
    f,
    [...left, ...right],
    step,
    (at) => add((p) => p.loadV128(at)),
    () => add((p) => V128.of(0).withLane(0, p.loadF32())),
  );
  for (const row of b) f.set(row, row.add(step));
  return sums;
}

/**
 * Calls `vector(offset)` for each whole vector of `bytes`, then `one()` for each number left; the
 * pointers step along. Several vectors at a time share the pointers' steps, and V8 checks bounds
 * with one instruction where offsets are shared.
 */
function stepThrough(
  f: FunctionBuilder,
  pointers: I32[],
  bytes: I32,
  vector: (offset: number) => void,
  one: () => void,
): void {
  const left = f.i32(bytes);
  const walk = (count: number, size: number, body: (offset: number) => void) =>
    f.while(left.geS(count * size), () => {
      for (let u = 0; u < count; u++) body(u * size);
      for (const pointer of pointers) f.set(pointer, pointer.add(count * size));
      f.set(left, left.sub(count * size));
    });
  walk(UNROLL, 16, vector);
  walk(1, 16, vector);
  walk(1, 4, one);
}

/** The sums of the lanes of four vectors, one in each lane. */
export function sumsOfFour(f: FunctionBuilder, [a, b, c, d]: V128[]): V128 {
  const left = f.v128(a.shuffle(b, 0, 4, 1, 5).add(a.shuffle(b, 2, 6, 3, 7)));
  const right = f.v128(c.shuffle(d, 0, 4, 1, 5).add(c.shuffle(d, 2, 6, 3, 7)));
  return f.v128(left.shuffle(right, 0, 1, 4, 5).add(left.shuffle(right, 2, 3, 6, 7)));
}
