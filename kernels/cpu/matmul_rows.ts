/**
 * Skinny GEMM (GEMV for one row): C = epilogue(A·op(B)) for the few rows of A that decoding has. A:
 * [ROWS,k]; B: [k,n], or [n,k] with TRANSPOSE_B; C: [ROWS,n]; all f32.
 *
 * B is read once, in the order of memory, which takes most of the time: a chunk reads `share` rows
 * of it. With TRANSPOSE_B each is a column of C. Without, each is a term of every sum (split-K);
 * with several `parts`, C is then the partial sums [parts,ROWS,n], without an epilogue, for
 * matmul_rows_sum.ts. Sums are in f32.
 *
 * @module
 */
import { type FunctionBuilder, type I32, V128 } from "../../lib/wasm/assembler.ts";
import type { CpuKernel } from "../../lib/device/kernel.ts";
import type { KernelBuilder, Share } from "../../lib/device/kernel_builder.ts";
import { rowsOfChunk, rowsOfPart } from "../../lib/device/kernel_chunks.ts";
import { type Epilogue, epilogue } from "./matmul_epilogue.ts";
import { forVectors, four, type Lanes, one } from "./rows.ts";

/** Values of A that stay in registers. */
const KEPT = 8;
/** Columns of C accumulated before the next ones: 12 KB of the L1 cache for each row of A. */
const STRIPE = 3072;
/** Columns that go through the epilogue together with TRANSPOSE_B. */
const SIDE = 4;
/** Vectors without a branch between them. */
const UNROLL = 4;
/** The matmul of a few rows. */
export const matmulRows: CpuKernel = {
  tiling: {
    sizes: ["share"],
    choose: ({ n, k, parts }, { TRANSPOSE_B }) => ({
      share: TRANSPOSE_B ? rowsOfChunk(n, k) : rowsOfPart(k, parts),
    }),
  },
  chunks: ({ n, k, share }, { TRANSPOSE_B }) => Math.ceil((TRANSPOSE_B ? n : k) / share),
  emit(k) {
    const { TRANSPOSE_B, PARTIAL } = k.constants;
    const share = k.share(k.integer(TRANSPOSE_B ? "n" : "k"), k.integer("share"));
    if (TRANSPOSE_B) emitDots(k, epilogue(k), share);
    else emitSums(k, PARTIAL ? undefined : epilogue(k), share);
  },
};

const rowsOf = (k: KernelBuilder) => Array.from({ length: k.constants.ROWS }, (_, row) => row);

/**
 * C accumulates the chunk's rows of B, each times its value of A: eight at a time (four if A has
 * two rows), one from each eighth of them, so that eight streams are read from memory together.
 */
function emitSums(k: KernelBuilder, finish: Epilogue | undefined, { start, count }: Share): void {
  const { f } = k;
  const n = k.integer("n");
  const bStep = f.i32(n.inBytes());
  const aStep = f.i32(k.integer("k").inBytes());
  const a0 = f.i32(k.pointer("a").at(start));
  const b0 = f.i32(k.pointer("b").add(start.mul(bStep)));
  const c0 = f.i32(k.pointer("c"));
  if (!finish) f.set(c0, c0.add(k.chunk.mul(bStep.mul(k.constants.ROWS))));
  const streams = Math.floor(KEPT / k.constants.ROWS);
  const apart = f.i32(count.divU(streams));
  f.for(0, n, STRIPE, (first) => {
    const width = f.minU(n.sub(first), STRIPE);
    const offset = f.i32(first.inBytes());
    const c = rowsOf(k).map((row) => f.i32(c0.add(bStep.mul(row)).add(offset)));
    const zero = c.map((row) => f.i32(row));
    stepThrough(f, zero, width.inBytes(), ({ store }, at) => {
      for (const row of zero) store(row, V128.of(0), at);
    });
    const rows = (from: I32 | number, to: I32, streams: number) =>
      f.for(from, to, 1, (row) => {
        const a = rowsOf(k).map((r) => f.i32(a0.add(aStep.mul(r)).at(row)));
        const b = f.i32(b0.add(bStep.mul(row)).add(offset));
        gather(f, { a, b, bStep, c, width, apart, streams });
      });
    rows(0, apart, streams);
    rows(apart.mul(streams), count, 1);
    if (!finish) return;
    for (const row of rowsOf(k)) {
      forVectors(f, width, (i, { load, count }) => {
        const column = f.i32(offset.add(i));
        finish(load(c[row].add(i)), column, f.i32(bStep.mul(row).add(column)), count);
      });
    }
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
  const bApart = f.i32(apart.mul(bStep));
  const kept = a.map((row) =>
    Array.from({ length: streams }, (_, u) => {
      if (u > 0) f.set(row, row.at(apart));
      return f.v128(row.loadSplat());
    })
  );
  const from = spaced(f, streams, b, bApart);
  const sums = c.map((row) => f.i32(row));
  const value = f.v128();
  stepThrough(f, [...sums, ...from], width.inBytes(), ({ load, store }, at) => {
    const lanes = sums.map((row) => f.v128(load(row, at)));
    from.forEach((row, u) => {
      f.set(value, load(row, at));
      lanes.forEach((sum, r) => f.set(sum, f.madd(kept[r][u], value, sum)));
    });
    lanes.forEach((sum, r) => store(sums[r], sum, at));
  });
}

/** `count` pointers from `first` on, `apart` bytes from one another. */
export function spaced(f: FunctionBuilder, count: number, first: I32, apart: I32): I32[] {
  const pointers = [f.i32(first)];
  while (pointers.length < count) pointers.push(f.i32(pointers.at(-1)!.add(apart)));
  return pointers;
}

/**
 * Each element of C is a row of A times a row of B, of the chunk's rows of B. Their quarters are
 * read together, four streams from memory, and each quarter four rows at a time, whose products are
 * neighbors in C.
 */
function emitDots(k: KernelBuilder, finish: Epilogue, { start, count }: Share): void {
  const { f } = k;
  const cStep = f.i32(k.integer("n").inBytes());
  const step = f.i32(k.integer("k").inBytes());
  const a = rowsOf(k).map((row) => f.i32(k.pointer("a").add(step.mul(row))));
  const quarter = f.i32(count.divU(4 * SIDE).mul(SIDE));
  const b = spaced(f, 4, k.pointer("b").add(start.mul(step)), f.i32(quarter.mul(step)));
  const column = f.i32(start.inBytes());
  const end = (sums: V128[], at: I32, row: number, count: Lanes["count"]) => {
    const here = f.i32(at);
    finish(sumsOfFour(f, sums), here, f.i32(cStep.mul(row).add(here)), count);
  };
  f.for(0, quarter, SIDE, () => {
    const sums = Array.from({ length: SIDE }, () => dots(f, a, b, step));
    b.forEach((_, i) =>
      rowsOf(k).forEach((row) => {
        end(sums.map((each) => each[i][row]), column.add(quarter.mul(4 * i)), row, "four");
      })
    );
    f.set(column, column.add(4 * SIDE));
  });
  f.set(column, start.add(quarter.mul(4)).inBytes());
  f.for(quarter.mul(4), count, 1, () => {
    dots(f, a, [b[3]], step)[0].forEach((x, row) => end([x, x, x, x], column, row, "one"));
    f.set(column, column.add(4));
  });
}

/**
 * The products of each row of B at `b`, which advance, with each row of A, four partial sums in
 * each.
 */
function dots(f: FunctionBuilder, a: I32[], b: I32[], step: I32): V128[][] {
  const sums = b.map(() => a.map(() => f.v128(V128.of(0))));
  const [left, right] = [a.map((row) => f.i32(row)), b.map((row) => f.i32(row))];
  const value = f.v128();
  stepThrough(f, [...left, ...right], step, ({ count }, at) => {
    const load = (p: I32) =>
      count === "four" ? p.loadV128(at) : V128.of(0).withLane(0, p.loadF32(at));
    const x = left.map((row) => f.v128(load(row)));
    right.forEach((row, j) => {
      f.set(value, load(row));
      x.forEach((lanes, r) => f.set(sums[j][r], f.madd(lanes, value, sums[j][r])));
    });
  });
  for (const row of b) f.set(row, row.add(step));
  return sums;
}

/**
 * Calls `body` for each whole vector of `bytes`, with its offset, then for each number left; the
 * pointers advance. Several vectors together share the pointers' steps, and V8 checks bounds with
 * one instruction if offsets are shared.
 */
function stepThrough(
  f: FunctionBuilder,
  pointers: I32[],
  bytes: I32,
  body: (lanes: Lanes, offset: number) => void,
): void {
  const left = f.i32(bytes);
  const walk = (lanes: Lanes, size: number, unroll: number) =>
    f.while(left.geS(unroll * size), () => {
      for (let u = 0; u < unroll; u++) body(lanes, u * size);
      for (const pointer of pointers) f.set(pointer, pointer.add(unroll * size));
      f.set(left, left.sub(unroll * size));
    });
  walk(four(f), 16, UNROLL);
  walk(four(f), 16, 1);
  walk(one(f), 4, 1);
}

/** The sums of the lanes of four vectors, one in each lane. */
export function sumsOfFour(f: FunctionBuilder, [a, b, c, d]: V128[]): V128 {
  const left = f.v128(a.shuffle(b, 0, 4, 1, 5).add(a.shuffle(b, 2, 6, 3, 7)));
  const right = f.v128(c.shuffle(d, 0, 4, 1, 5).add(c.shuffle(d, 2, 6, 3, 7)));
  return f.v128(left.shuffle(right, 0, 1, 4, 5).add(left.shuffle(right, 2, 3, 6, 7)));
}
