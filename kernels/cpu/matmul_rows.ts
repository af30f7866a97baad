/**
 * C = epilogue(A·op(B)) for the few rows of A that decoding has. A: [ROWS,k]; B: [k,n], or [n,k] with TRANSPOSE_B; C: [ROWS,n]; all f32.
 *
 * B is read once, as it lies in memory, and its reading is what takes the time. A chunk computes `columns` columns of C: from eight
 * rows of B side by side, or with TRANSPOSE_B from four rows of it to their ends. Sums are in f32.
 *
 * @module
 */
import { type FunctionBuilder, type I32, V128 } from "../../lib/device/cpu/assembler.ts";
import type { CpuKernel, KernelBuilder } from "../../lib/device/kernel.ts";
import { type Epilogue, epilogue } from "./matmul_epilogue.ts";
import { forVectors } from "./rows.ts";

/** Values of A that stay in registers. */
const KEPT = 8;
/** Columns that are summed side by side with TRANSPOSE_B. */
const SIDE = 4;

/** Columns in a chunk: 16 chunks, or fewer where one would read less than 256 KB of B or 256 bytes of a row. */
export function chunkColumns(n: number, k: number): number {
  const most = Math.min(16, Math.max(1, Math.floor(n * k / 65536)));
  return Math.min(n, Math.max(64, 16 * Math.ceil(n / most / 16)));
}

/** The product of a few rows. */
export const matmulRows: CpuKernel = {
  chunks: ({ n, columns }) => Math.ceil(n / columns),
  emit(k) {
    const { f } = k;
    const [n, inner, columns] = ["n", "k", "columns"].map((name) => k.integer(name));
    const finish = epilogue(k);
    const start = f.i32(k.chunk.mul(columns));
    const width = f.i32(n.sub(start));
    f.set(width, width.minU(columns));
    if (k.constants.TRANSPOSE_B) emitDots(k, finish, start, width);
    else emitSums(k, finish, start, width, inner);
  },
};

const rowsOf = (k: KernelBuilder) => Array.from({ length: k.constants.ROWS }, (_, row) => row);

/** C gathers a few rows of B at a time, each times its value of A. */
function emitSums(
  k: KernelBuilder,
  finish: Epilogue,
  start: I32,
  width: I32,
  inner: I32,
): void {
  const { f } = k;
  const bStep = f.i32(k.integer("n").shl(2));
  const aStep = f.i32(inner.shl(2));
  const first = f.i32(start.shl(2));
  const b = f.i32(k.pointer("b").add(first));
  const c = rowsOf(k).map((row) => f.i32(k.pointer("c").add(first).add(bStep.mul(row))));
  const a = rowsOf(k).map((row) => f.i32(k.pointer("a").add(aStep.mul(row))));
  const gather = (together: number, fresh: boolean) => {
    const kept = a.map((row) =>
      Array.from({ length: together }, (_, u) => f.v128(row.loadSplat(4 * u)))
    );
    const from = Array.from({ length: together }, () => f.i32());
    from.forEach((row, u) => f.set(row, u === 0 ? b : from[u - 1].add(bStep)));
    const add = (i: I32, load: (p: I32) => V128, store: (p: I32, value: V128) => void) => {
      const sums = c.map((row) => f.v128(fresh ? V128.of(0) : load(row.add(i))));
      const value = f.v128();
      from.forEach((row, u) => {
        f.set(value, load(row.add(i)));
        sums.forEach((sum, r) => f.set(sum, f.madd(kept[r][u], value, sum)));
      });
      sums.forEach((sum, r) => store(c[r].add(i), sum));
    };
    forVectors(f, width, (i) => {
      add(i, (p) => p.loadV128(), (p, value) => f.storeV128(p, value));
    }, (i) => {
      add(i, (p) => p.loadSplat(), (p, value) => f.storeF32(p, value.lane(0)));
    });
    for (const row of a) f.set(row, row.add(4 * together));
    f.set(b, b.add(bStep.mul(together)));
  };
  const together = Math.floor(KEPT / k.constants.ROWS);
  const left = f.i32(inner);
  const step = (count: number, fresh: boolean) => {
    gather(count, fresh);
    f.set(left, left.sub(count));
  };
  f.if(left.geS(together), () => step(together, true), () => step(1, true));
  f.while(left.geS(together), () => step(together, false));
  f.while(left.gtS(0), () => step(1, false));
  rowsOf(k).forEach((row) => {
    forVectors(f, width, (i) => {
      const column = f.i32(first.add(i));
      finish(c[row].add(i).loadV128(), column, f.i32(bStep.mul(row).add(column)), "four");
    }, (i) => {
      const column = f.i32(first.add(i));
      finish(c[row].add(i).loadSplat(), column, f.i32(bStep.mul(row).add(column)), "one");
    });
  });
}

/** Each element of C is a row of A times a row of B, four rows of B at a time. */
function emitDots(k: KernelBuilder, finish: Epilogue, start: I32, width: I32): void {
  const { f } = k;
  const cStep = f.i32(k.integer("n").shl(2));
  const step = f.i32(k.integer("k").shl(2));
  const whole = f.i32(step.and(-16));
  const a = rowsOf(k).map((row) => f.i32(k.pointer("a").add(step.mul(row))));
  const b = f.i32(k.pointer("b").add(start.mul(step)));
  const dots = (count: number): V128[][] => {
    const from = Array.from({ length: count }, () => f.i32());
    from.forEach((row, j) => f.set(row, j === 0 ? b : from[j - 1].add(step)));
    const sums = a.map(() => from.map(() => f.v128(V128.of(0))));
    const value = f.v128();
    const add = (i: I32, load: (p: I32) => V128) => {
      const left = a.map((row) => f.v128(load(row.add(i))));
      from.forEach((row, j) => {
        f.set(value, load(row.add(i)));
        left.forEach((x, r) => f.set(sums[r][j], f.madd(x, value, sums[r][j])));
      });
    };
    const i = f.i32(0);
    f.while(i.ltU(whole), () => {
      add(i, (p) => p.loadV128());
      f.set(i, i.add(16));
    });
    f.while(i.ltU(step), () => {
      add(i, (p) => V128.of(0).withLane(0, p.loadF32()));
      f.set(i, i.add(4));
    });
    f.set(b, b.add(step.mul(count)));
    return sums;
  };
  const column = f.i32(start.shl(2));
  const left = f.i32(width);
  const offset = (row: number) => f.i32(cStep.mul(row).add(column));
  f.while(left.geS(SIDE), () => {
    dots(SIDE).forEach((four, row) => finish(sumsOfFour(f, four), column, offset(row), "four"));
    f.set(column, column.add(16));
    f.set(left, left.sub(SIDE));
  });
  f.while(left.gtS(0), () => {
    dots(1).forEach(([x], row) => finish(sumsOfFour(f, [x, x, x, x]), column, offset(row), "one"));
    f.set(column, column.add(4));
    f.set(left, left.sub(1));
  });
}

/** The sums of the lanes of four vectors, one in each lane. */
function sumsOfFour(f: FunctionBuilder, [a, b, c, d]: V128[]): V128 {
  const left = f.v128(a.shuffle(b, 0, 4, 1, 5).add(a.shuffle(b, 2, 6, 3, 7)));
  const right = f.v128(c.shuffle(d, 0, 4, 1, 5).add(c.shuffle(d, 2, 6, 3, 7)));
  return f.v128(left.shuffle(right, 0, 1, 4, 5).add(left.shuffle(right, 2, 3, 6, 7)));
}
