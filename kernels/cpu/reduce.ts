/**
 * y[o,p,i] = scale · Σⱼ x[o,j,i], or maxⱼ, with j over the p-th segment of the axis. x:
 * [outer,length,inner], y: [outer,parts,inner] f32.
 *
 * An item is one output (`COLUMNS` 0: inner = 1) or a block of neighboring columns (`COLUMNS` 1); a
 * chunk computes `group` items. Sums are in f32: a row in 16 running sums, a column in steps of
 * four rows added pairwise. `MAX` 1 takes the maximum instead, `SQUARES` 1 the sum of squares.
 *
 * @module
 */
import { type I32, V128 } from "../../lib/wasm/assembler.ts";
import type { CpuKernel, Scalars } from "../../lib/device/kernel.ts";
import type { KernelBuilder } from "../../lib/device/kernel_builder.ts";
import { type Fold, foldRow, LARGEST, sumOf } from "./fold.ts";
import { forVectors, mapVectors } from "./rows.ts";

const SUM = sumOf((_, running, x) => running.add(x));
const SUM_OF_SQUARES = sumOf((f, running, x) => f.madd(x, x, running));

/** Minimum of elements that a chunk should read, and the maximum of chunks. */
export const CHUNK = 16384;
const MAX_CHUNKS = 64;
/**
 * Columns of a chunk: enough to read memory in long stretches, few enough to stay in the L1 cache
 * while the rows pass.
 */
const MIN_COLUMNS = 256;
export const MAX_COLUMNS = 2048;

/** Number of chunks for a number of elements. */
export function chunksOf(elements: number): number {
  return Math.min(MAX_CHUNKS, Math.ceil(elements / CHUNK));
}

/** Number of blocks of columns, and of items (an output or a block of columns) in a chunk. */
function tileColumns({ outputs, segment, inner }: Scalars): Scalars {
  const rows = inner === 0 ? 0 : outputs / inner;
  const chunks = Math.max(1, chunksOf(rows * segment * inner));
  const share = Math.ceil(inner * Math.min(1, rows / chunks) / 64) * 64;
  const block = Math.min(inner, MAX_COLUMNS, Math.max(MIN_COLUMNS, share));
  const blocks = Math.ceil(inner / block);
  const items = rows * blocks;
  return { items, group: Math.max(1, Math.ceil(items / chunks)), blocks, block };
}

/** Rows that are added together in a column sum. */
const ROWS = 4;

export const reduce: CpuKernel = {
  tiling: { sizes: ["items", "group", "blocks", "block"], choose: tileColumns },
  chunks: ({ items, group }) => Math.ceil(items / group),
  emit(k) {
    const { f } = k;
    const { COLUMNS, MAX, SQUARES } = k.constants;
    if (COLUMNS && SQUARES) throw new TypeError("reduce: squares are summed along rows only");
    const fold = MAX ? LARGEST : SQUARES ? SUM_OF_SQUARES : SUM;
    const { x, y } = k.pointers("x", "y");
    const { length, inner, parts } = k.integers("length", "inner", "parts");
    const { segment, blocks, block } = k.integers("segment", "blocks", "block");
    const scale = k.float("scale");
    const { start, end } = k.share(k.integer("items"), k.integer("group"));
    f.for(start, end, 1, (item) => {
      const [output, columnBlock] = f.unravel(item, blocks);
      const [outer, part] = f.unravel(output, parts);
      const first = f.i32(part.mul(segment));
      const rows = f.minU(length.sub(first), segment);
      const row = outer.mul(length).add(first);
      if (!COLUMNS) {
        const [value] = foldRow(f, rows, [f.i32(x.at(row))], [fold]);
        f.storeF32(y.at(output), value.mul(scale));
        return;
      }
      const column = f.i32(columnBlock.mul(block));
      const columns = f.minU(inner.sub(column), block);
      const at = (base: I32, row: I32) => f.i32(base.at(row.mul(inner).add(column)));
      const [from, to] = [at(x, row), at(y, output)];
      emitColumns(k, fold, { x: from, y: to, rows, columns, stride: f.i32(inner.inBytes()) });
      const scales = f.v128(scale.splat());
      mapVectors(f, columns, [to], to, (value) => value.mul(scales));
    });
  },
};

interface Columns {
  readonly x: I32;
  readonly y: I32;
  readonly rows: I32;
  readonly columns: I32;
  /** Bytes from a row to the next. */
  readonly stride: I32;
}

/** Accumulates the rows in y, which stays in the L1 cache, four at a time. */
function emitColumns(k: KernelBuilder, fold: Fold, { x, y, rows, columns, stride }: Columns): void {
  const { f } = k;
  const add = (y: V128, values: readonly V128[]) => fold.merge(y, pairwise(values, fold.merge));
  const gather = (at: readonly I32[]) =>
    forVectors(f, columns, (i, { load, store }) => {
      const to = f.i32(y.add(i));
      store(to, add(load(to), at.map((p) => load(p.add(i)))));
    });
  mapVectors(f, columns, [], y, () => V128.of(fold.initial));
  const row = f.i32(x);
  const left = f.i32(rows);
  f.while(left.geU(ROWS), () => {
    const at = [row];
    for (let r = 1; r < ROWS; r++) at.push(f.i32(at[r - 1].add(stride)));
    gather(at);
    f.set(row, at[ROWS - 1].add(stride));
    f.set(left, left.sub(ROWS));
  });
  f.while(left, () => {
    gather([row]);
    f.set(row, row.add(stride));
    f.set(left, left.sub(1));
  });
}

function pairwise(values: readonly V128[], merge: (a: V128, b: V128) => V128): V128 {
  if (values.length === 1) return values[0];
  const half = values.length / 2;
  return merge(pairwise(values.slice(0, half), merge), pairwise(values.slice(half), merge));
}
