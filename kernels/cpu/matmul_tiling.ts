/**
 * Blocking of a matmul on the CPU: the size of a chunk's block of C, and the steps of k that are
 * packed at a time.
 *
 * It depends only on the sizes, never on the number of threads: it is the blocking with the
 * shortest estimated time, summed over machines of 1, 2, 4 and 8 threads.
 *
 * @module
 */
import type { Constants, Scalars } from "../../lib/device/kernel.ts";
import { TILE } from "./matmul_tile.ts";

/** Sizes of the blocks. */
export type MatmulTiling = {
  /** Rows of a chunk's block of C. */
  rows: number;
  /** Columns of a chunk's block of C. */
  columns: number;
  /** Steps of k that are packed at a time. */
  depth: number;
};

/** Maximum of k in a panel: a panel of B (8 KB) and six rows of A (6 KB) fit the L1 cache. */
const MAX_DEPTH = 256;
/** Maximum of bytes of packed B: half of an L2 cache of 512 KB. */
const MAX_PACKED = 256 * 1024;
/** Maximum number of blocks along each axis that are tried. */
const MAX_BLOCKS = 16;

/**
 * Cycles, measured roughly: for each step of k of a tile, of a row of tiles and of a packed panel;
 * for each tile, chunk and barrier.
 */
const CYCLES = { step: 6.5, row: 1.5, panel: 4, tile: 50, chunk: 400, barrier: 4000 };

const THREADS = [1, 2, 4, 8];

/** The names of the sizes, which the kernels read. */
export const BLOCK_SIZES: readonly string[] = ["rows", "columns", "depth"];

/** The best blocking of a batch of products [m,k]·[k,n]. */
export function tileMatmul(
  { m, n, k, batch }: Scalars,
  { TRANSPOSE_A }: Constants,
): MatmulTiling {
  const blocks = Math.ceil(k / MAX_DEPTH);
  const depth = Math.ceil(k / blocks / 8) * 8;
  let best: MatmulTiling = { rows: m, columns: n, depth };
  let least = Infinity;
  for (const columns of sizes(n, TILE.columns)) {
    if (4 * columns * depth > MAX_PACKED) continue;
    const across = columns / TILE.columns;
    for (const rows of sizes(m, TILE.rows)) {
      if (TRANSPOSE_A && 4 * rows * depth > MAX_PACKED) continue;
      const down = rows / TILE.rows;
      const step = across * down * CYCLES.step + across * CYCLES.panel +
        down * (TRANSPOSE_A ? CYCLES.panel : CYCLES.row);
      const cycles = k * step + blocks * across * down * CYCLES.tile + CYCLES.chunk;
      const chunks = batch * Math.ceil(m / rows) * Math.ceil(n / columns);
      const barrier = chunks > 1 ? CYCLES.barrier : 0;
      const time = (threads: number) => Math.ceil(chunks / threads) * cycles + barrier;
      const total = THREADS.reduce((sum, threads) => sum + threads * time(threads), 0);
      if (total < least) [best, least] = [{ rows, columns, depth }, total];
    }
  }
  return best;
}

/**
 * Sizes of a block, whole tiles, that divide `length` into 1, 2, … blocks; for long axes also into
 * larger numbers of them.
 */
function sizes(length: number, tile: number): number[] {
  const tiles = Math.ceil(length / tile);
  const counts = Array.from({ length: Math.min(MAX_BLOCKS, tiles) }, (_, i) => i + 1);
  for (let count = 2 * MAX_BLOCKS; count < tiles; count *= 2) counts.push(count);
  return [...new Set(counts.map((count) => tile * Math.ceil(tiles / count)))];
}
