/**
 * The block of C that a chunk of a product computes, and the epilogue over its finished rows.
 *
 * A product [m,k]·[k,n] is cut into blocks of `rows` by `columns`, for each member of the batch;
 * what fills a block is left to matmul.ts and matmul_blas.ts.
 *
 * @module
 */
import type { I32 } from "../../lib/wasm/assembler.ts";
import type { Scalars } from "../../lib/device/kernel.ts";
import type { KernelBuilder } from "../../lib/device/kernel_builder.ts";
import { epilogue, hasEpilogue } from "./matmul_epilogue.ts";
import { forVectors } from "./rows.ts";

/** How many blocks there are. */
export function blocks({ m, n, batch, rows, columns }: Scalars): number {
  return batch * Math.ceil(m / rows) * Math.ceil(n / columns);
}

/** A chunk's block; all are locals. */
export interface Block {
  /**
   * Where the block's rows of A, its columns of B and the block itself start, as byte addresses.
   */
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

/**
 * The block of C that is this chunk's: where it and its parts of A and B start, its first column,
 * its height and width.
 */
export function blockOf(k: KernelBuilder): Block {
  const { f } = k;
  const [m, n, rows, columns] = ["m", "n", "rows", "columns"].map((name) => k.integer(name));
  const across = f.i32(n.add(columns).sub(1).divU(columns));
  const down = f.i32(m.add(rows).sub(1).divU(rows));
  const stripe = f.i32(k.chunk.divU(across));
  const column = f.i32(k.chunk.remU(across).mul(columns));
  const row = f.i32(stripe.remU(down).mul(rows));
  const batch = f.i32(stripe.divU(down));
  const [height, width] = [f.i32(m.sub(row)), f.i32(n.sub(column))];
  f.set(height, height.minU(rows));
  f.set(width, width.minU(columns));
  const start = (name: string, stride: I32, first: I32) =>
    f.i32(k.pointer(name).add(batch.mul(stride).add(first).shl(2)));
  const { TRANSPOSE_A, TRANSPOSE_B } = k.constants;
  const inner = k.integer("k");
  const a = start("a", k.integer("strideA"), TRANSPOSE_A ? row : row.mul(inner));
  const b = start("b", k.integer("strideB"), TRANSPOSE_B ? column.mul(inner) : column);
  return { a, b, c: start("c", m.mul(n), row.mul(n).add(column)), column, height, width };
}

/**
 * Emits the epilogue over finished rows of the block; undefined where there is nothing to do. Call
 * it before any loop.
 */
export function finishRows(
  k: KernelBuilder,
  { column, width }: { column: I32; width: I32 },
): ((c: I32, rows: I32) => void) | undefined {
  const { f } = k;
  if (!hasEpilogue(k)) return undefined;
  const finish = epilogue(k);
  const start = k.pointer("c");
  const cStep = f.i32(k.integer("n").shl(2));
  const first = f.i32(column.shl(2));
  return (c, rows) => {
    const at = f.i32(c.sub(start));
    f.for(0, rows, 1, () => {
      const end = (count: "four" | "one") => (i: I32) => {
        const offset = f.i32(at.add(i));
        const from = start.add(offset);
        finish(count === "four" ? from.loadV128() : from.loadSplat(), first.add(i), offset, count);
      };
      forVectors(f, width, end("four"), end("one"));
      f.set(at, at.add(cStep));
    });
  };
}
