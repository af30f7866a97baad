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
 * for each tile, for each row of a block of another matrix that the epilogue reads or writes, whose
 * start is a cache miss, for each chunk and barrier.
 */
const CYCLES = {
  step: 6.5,
  row: 1.5,
  panel: 4,
  tile: 50,
  blockRow: 250,
  chunk: 400,
  barrier: 4000,
};

/** Threads of the machines whose times are summed. */
const THREADS = [1, 2, 4, 8];
/** The same for AᵀB, a weight's gradient: other threads go on to launches that do not need it. */
const THREADS_OF_GRADIENT = [1, 2, 4];

/** The names of the sizes, which the kernels read. */
export const BLOCK_SIZES: readonly string[] = ["rows", "columns", "depth"];

/** The best blocking of a batch of products [m,k]·[k,n]. */
export function tileMatmul(
  { m, n, k, batch }: Scalars,
  { TRANSPOSE_A, SAVE, BACKWARD }: Constants,
): MatmulTiling {
  const parts = Math.ceil(k / MAX_DEPTH);
  const depth = Math.ceil(k / parts / 8) * 8;
  const fits = (length: number) => 4 * length * depth <= MAX_PACKED;
  const rowSizes = sizes(m, TILE.rows).filter((rows) => !TRANSPOSE_A || fits(rows));
  const blocks = sizes(n, TILE.columns).filter(fits).flatMap((columns) =>
    rowSizes.map((rows) => ({ rows, columns, depth }))
  );
  const cycles = ({ rows, columns }: MatmulTiling) => {
    const [across, down] = [columns / TILE.columns, rows / TILE.rows];
    const tiles = across * down;
    const step = tiles * CYCLES.step + across * CYCLES.panel +
      down * (TRANSPOSE_A ? CYCLES.panel : CYCLES.row);
    const ofRows = SAVE || BACKWARD ? rows * CYCLES.blockRow : 0;
    return k * step + parts * tiles * CYCLES.tile + ofRows + CYCLES.chunk;
  };
  const barrier = CYCLES.barrier;
  return fastest({ m, n, batch }, blocks, { time: cycles, barrier, isGradient: TRANSPOSE_A === 1 });
}

/** How long blocks take. */
interface BlockTime {
  /** The time of one of them. */
  time(block: MatmulTiling): number;
  /** That of waiting for the others, if there are several. */
  readonly barrier: number;
  /** Whether the product is AᵀB. */
  readonly isGradient: boolean;
}

/** The blocks with the shortest time, summed over machines. */
export function fastest(
  { m, n, batch }: Scalars,
  blocks: readonly MatmulTiling[],
  { time, barrier, isGradient }: BlockTime,
): MatmulTiling {
  const threads = isGradient ? THREADS_OF_GRADIENT : THREADS;
  const total = (block: MatmulTiling) => {
    const chunks = batch * Math.ceil(m / block.rows) * Math.ceil(n / block.columns);
    const [each, end] = [time(block), chunks > 1 ? barrier : 0];
    return threads.reduce((sum, n) => sum + n * (Math.ceil(chunks / n) * each + end), 0);
  };
  const totals = blocks.map(total);
  return blocks[totals.indexOf(Math.min(...totals))];
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
