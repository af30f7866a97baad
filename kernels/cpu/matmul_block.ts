/**
 * The block of C that a chunk of a matmul computes, and the epilogue over its finished rows.
 *
 * A product [m,k]·[k,n] is divided into blocks of `rows` by `columns`, for each member of the
 * batch; matmul.ts and matmul_blas.ts compute a block.
 *
 * @module
 */
import type { I32 } from "../../lib/wasm/assembler.ts";
import type { Scalars } from "../../lib/device/kernel.ts";
import type { KernelBuilder } from "../../lib/device/kernel_builder.ts";
import { epilogue, hasEpilogue } from "./matmul_epilogue.ts";
import { forVectors } from "./rows.ts";

/** Vectors of a row that are finished together. */
const UNROLL = 2;

/** Number of blocks. */
export function blocks({ m, n, batch, rows, columns }: Scalars): number {
  return batch * Math.ceil(m / rows) * Math.ceil(n / columns);
}

/** A chunk's block; all are locals. */
export interface Block {
  /** Addresses of the block's rows of A, of its columns of B, and of the block itself. */
  readonly a: I32;
  readonly b: I32;
  readonly c: I32;
  /** The block's first column in C. */
  readonly column: I32;
  /** Rows of the block. */
  readonly height: I32;
  /** Columns of the block. */
  readonly width: I32;
}

/** The block of C that this chunk computes. */
export function blockOf(k: KernelBuilder): Block {
  const { f } = k;
  const { m, n, k: inner, rows, columns } = k.integers("m", "n", "k", "rows", "columns");
  const { strideA, strideB } = k.integers("strideA", "strideB");
  const across = f.i32(n.add(columns).sub(1).divU(columns));
  const down = f.i32(m.add(rows).sub(1).divU(rows));
  const [batch, blockRow, blockColumn] = f.unravel(k.chunk, down, across);
  const column = f.i32(blockColumn.mul(columns));
  const row = f.i32(blockRow.mul(rows));
  const height = f.minU(m.sub(row), rows);
  const width = f.minU(n.sub(column), columns);
  const start = (name: string, stride: I32, first: I32) =>
    f.i32(k.pointer(name).at(batch.mul(stride).add(first)));
  const { TRANSPOSE_A, TRANSPOSE_B } = k.constants;
  const a = start("a", strideA, TRANSPOSE_A ? row : row.mul(inner));
  const b = start("b", strideB, TRANSPOSE_B ? column.mul(inner) : column);
  return { a, b, c: start("c", m.mul(n), row.mul(n).add(column)), column, height, width };
}

/** Emits the epilogue over finished rows of the block; undefined if there is nothing to do. */
export function finishRows(
  k: KernelBuilder,
  { column, width }: { column: I32; width: I32 },
): ((c: I32, rows: I32) => void) | undefined {
  const { f } = k;
  if (!hasEpilogue(k)) return undefined;
  const finish = epilogue(k);
  const start = k.pointer("c");
  const cStep = f.i32(k.integer("n").inBytes());
  const first = f.i32(column.inBytes());
  return (c, rows) => {
    const at = f.i32(c.sub(start));
    f.for(0, rows, 1, () => {
      forVectors(f, width, (i, { load, count }, u) => {
        const offset = f.i32(at.add(i));
        finish(load(start.add(offset), u), first.add(i), offset, count, u);
      }, UNROLL);
      f.set(at, at.add(cStep));
    });
  };
}
