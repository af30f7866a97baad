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
/** Bytes of an operand that is more likely in memory than in a cache. */
const LARGE = 4 * 1024 * 1024;
/** Maximum number of blocks along each axis that are tried. */
const MAX_BLOCKS = 16;

/**
 * Cycles, measured roughly: for each step of k of a tile, of a row of tiles and of a packed panel;
 * for each tile, chunk and barrier; and for the start of a row, a cache miss: of one packed from a
 * large operand, and of one of another matrix that the epilogue reads or writes.
 */
const CYCLES = {
  step: 6.5,
  row: 1.5,
  panel: 4,
  tile: 50,
  chunk: 400,
  barrier: 4000,
  packedRow: 400,
  epilogueRow: 250,
};

/** Threads of the machines whose times are summed. */
const THREADS = [1, 2, 4, 8];
/** The same for AᵀB, a weight's gradient: other threads go on to launches that do not need it. */
const THREADS_OF_GRADIENT = [1, 2, 4];

/** The names of the sizes, which the kernels read. */
export const BLOCK_SIZES: readonly string[] = ["rows", "columns", "depth"];

/** The best blocking of a batch of products [m,k]·[k,n]. */
export function tileMatmul(scalars: Scalars, constants: Constants): MatmulTiling {
  const isGradient = constants.TRANSPOSE_A === 1;
  const depths = isGradient ? [MAX_DEPTH, MAX_DEPTH / 2] : [MAX_DEPTH];
  const blocks = depths.flatMap((depth) => blocksOf(scalars, depth, isGradient));
  const time = (block: MatmulTiling) => cyclesOf(block, scalars, constants);
  return fastest(scalars, blocks, { time, barrier: CYCLES.barrier, isGradient });
}

/** The blocks that are tried, with k in parts of at most `maxDepth`. */
function blocksOf({ m, n, k }: Scalars, maxDepth: number, packsA: boolean): MatmulTiling[] {
  const depth = Math.ceil(k / Math.ceil(k / maxDepth) / 8) * 8;
  const fits = (length: number) => 4 * length * depth <= MAX_PACKED;
  const heights = sizes(m, TILE.rows).filter((rows) => !packsA || fits(rows));
  return sizes(n, TILE.columns).filter(fits).flatMap((columns) =>
    heights.map((rows) => ({ rows, columns, depth }))
  );
}

/** The time of a block. */
function cyclesOf(
  { rows, columns, depth }: MatmulTiling,
  { m, n, k }: Scalars,
  { TRANSPOSE_A, SAVE, BACKWARD }: Constants,
): number {
  const [across, down] = [columns / TILE.columns, rows / TILE.rows];
  const tiles = across * down;
  const packing = across * CYCLES.panel + down * (TRANSPOSE_A ? CYCLES.panel : CYCLES.row);
  const large = [m, n].filter((length) => TRANSPOSE_A && 4 * length * k > LARGE).length;
  const step = tiles * CYCLES.step + packing + large * CYCLES.packedRow;
  const epilogue = SAVE || BACKWARD ? rows * CYCLES.epilogueRow : 0;
  return k * step + Math.ceil(k / depth) * tiles * CYCLES.tile + epilogue + CYCLES.chunk;
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
