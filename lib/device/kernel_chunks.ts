/**
 * Sizes that CPU kernels share with the CPU's choice of a kernel (cpu/gemm_choice.ts): the number
 * of rows of a matrix that a chunk should read, if reading takes most of the time (for
 * kernels/cpu/matmul_rows.ts, half_linear.ts, quantized_linear.ts), and the step of wide tiles.
 *
 * @module
 */

/** Steps of k that a wide tile (kernels/cpu/wide_tile.ts) takes at a time; k is a multiple. */
export const WIDE_STEP = 8;

/** Minimum of numbers in a chunk (256 KB), and the maximum of chunks. */
const LEAST = 65536, MOST = 16;

/**
 * Rows of a chunk: 16 chunks, or fewer if one would read less than 256 KB; a multiple of 8 or all
 * of them. `rows` of the matrix have `length` numbers each.
 */
export function rowsOfChunk(rows: number, length: number): number {
  const most = Math.min(MOST, Math.max(1, Math.floor(rows * length / LEAST)));
  return rowsOfPart(rows, most);
}

/** Bytes of a chunk that hide the start of its streams, about 1.5 µs, and of one worth a thread. */
const STREAM = 512 * 1024, WORTH = 64 * 1024;

/**
 * Rows of a chunk if a row has `rowBytes` bytes, which are fewer than those of f32: a power of two
 * of chunks, at most 16, that read 512 KB each, but two of them from 128 KB on.
 */
export function rowsOfStreams(rows: number, rowBytes: number): number {
  const bytes = rows * rowBytes;
  if (bytes < 2 * WORTH) return rows;
  const most = Math.min(MOST, Math.max(2, bytes / STREAM));
  return rowsOfPart(rows, 2 ** Math.floor(Math.log2(most)));
}

/** Rows of each of `parts` parts: a multiple of 8, or all of them. */
export function rowsOfPart(rows: number, parts: number): number {
  return Math.min(rows, 8 * Math.ceil(rows / parts / 8));
}
