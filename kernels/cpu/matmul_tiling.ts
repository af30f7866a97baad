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
import { WIDE_TILE } from "./wide_tile.ts";

/** Sizes of the blocks. */
export type MatmulTiling = {
  /** Rows of a chunk's block of C. */
  rows: number;
  /** Columns of a chunk's block of C. */
  columns: number;
  /** Steps of k that are packed at a time. */
  depth: number;
};

/** Steps of k that both tiles unroll: a part of k is a multiple of them. */
const STEP = 8;
/** Maximum of bytes of packed B: half of an L2 cache of 512 KB. */
const MAX_PACKED = 256 * 1024;
/** Bytes of an operand that is more likely in memory than in a cache. */
const LARGE = 4 * 1024 * 1024;
/** Maximum number of blocks along each axis that are tried. */
const MAX_BLOCKS = 16;

/**
 * Cycles, measured roughly: for each step of k of a tile, of a row of tiles whose A is in place or
 * packed, and of a packed panel; for each tile, chunk and barrier; and for the start of a row, a
 * cache miss: of one packed from a large operand, and of one of another matrix that the epilogue
 * reads or writes.
 */
interface Cycles {
  readonly step: number;
  readonly row: number;
  readonly packedA: number;
  readonly panel: number;
  readonly tile: number;
  readonly chunk: number;
  readonly barrier: number;
  readonly packedRow: number;
  readonly epilogueRow: number;
}

/** A tile, and what it costs. */
interface TileCost {
  readonly rows: number;
  readonly columns: number;
  /** Maximum of k in a panel. */
  readonly maxDepth: number;
  /**
   * Maximum of bytes of a block's A, if it is in place, which is read again for each panel, and of
   * its C, which is read and written again for each part of k.
   */
  readonly maxOfA: number;
  readonly maxOfC: number;
  /** Depths for AᵀB. */
  readonly gradientDepths: readonly number[];
  readonly cycles: Cycles;
}

const ELSEWHERE = { chunk: 400, barrier: 4000, packedRow: 400, epilogueRow: 250 };

/** The tile of matmul_tile.ts: a panel of B (8 KB) and six rows of A (6 KB) fit the L1 cache. */
const NARROW: TileCost = {
  ...TILE,
  maxDepth: 256,
  maxOfA: Infinity, // a row of tiles reads its rows for all panels at once
  maxOfC: Infinity,
  gradientDepths: [256, 128],
  cycles: { step: 6.5, row: 1.5, packedA: 4, panel: 4, tile: 50, ...ELSEWHERE },
};

/** The tile of wide_tile.ts: a panel (8 KB) and six rows of A (3 KB). */
const WIDE: TileCost = {
  ...WIDE_TILE,
  maxDepth: WIDE_TILE.depth,
  maxOfA: 128 * 1024,
  maxOfC: 256 * 1024,
  gradientDepths: [WIDE_TILE.depth],
  cycles: { step: 6.2, row: 0.5, packedA: 4, panel: 8, tile: 130, ...ELSEWHERE },
};

/** Threads of the machines whose times are summed. */
const THREADS = [1, 2, 4, 8];
/** The same for AᵀB, a weight's gradient: other threads go on to launches that do not need it. */
const THREADS_OF_GRADIENT = [1, 2, 4];

/** The names of the sizes, which the kernels read. */
export const BLOCK_SIZES: readonly string[] = ["rows", "columns", "depth"];

/** The best blocking of a batch of products [m,k]·[k,n]. */
export function tileMatmul(scalars: Scalars, constants: Constants): MatmulTiling {
  return tileFor(NARROW, scalars, constants);
}

/** The same in wide tiles. */
export function tileMatmulWide(scalars: Scalars, constants: Constants): MatmulTiling {
  return tileFor(WIDE, scalars, constants);
}

function tileFor(tile: TileCost, scalars: Scalars, constants: Constants): MatmulTiling {
  const isGradient = constants.TRANSPOSE_A === 1;
  const depths = isGradient ? tile.gradientDepths : [tile.maxDepth];
  const blocks = depths.flatMap((depth) => blocksOf(tile, scalars, depth, isGradient));
  const time = (block: MatmulTiling) => cyclesOf(tile, block, scalars, constants);
  return fastest(scalars, blocks, { time, barrier: ELSEWHERE.barrier, isGradient });
}

/** The blocks that are tried, with k in parts of at most `maxDepth`. */
function blocksOf(
  tile: TileCost,
  { m, n, k }: Scalars,
  maxDepth: number,
  packsA: boolean,
): MatmulTiling[] {
  const depth = Math.ceil(k / Math.ceil(k / maxDepth) / STEP) * STEP;
  const fits = (length: number) => 4 * length * depth <= MAX_PACKED;
  const heights = sizes(m, tile.rows).filter((rows) => !packsA || fits(rows));
  return sizes(n, tile.columns).filter(fits).flatMap((columns) =>
    heights.map((rows) => ({ rows, columns, depth }))
  ).filter(({ rows, columns }) => {
    const [ofA, ofC] = [4 * rows * depth, 4 * rows * columns];
    return packsA || ofA <= tile.maxOfA && (k <= depth || ofC <= tile.maxOfC);
  });
}

/** The time of a block. */
function cyclesOf(
  tile: TileCost,
  { rows, columns, depth }: MatmulTiling,
  { m, n, k }: Scalars,
  { TRANSPOSE_A, SAVE, BACKWARD }: Constants,
): number {
  const { cycles } = tile;
  const [across, down] = [columns / tile.columns, rows / tile.rows];
  const tiles = across * down;
  const packing = across * cycles.panel + down * (TRANSPOSE_A ? cycles.packedA : cycles.row);
  const large = [m, n].filter((length) => TRANSPOSE_A && 4 * length * k > LARGE).length;
  const step = tiles * cycles.step + packing + large * cycles.packedRow;
  const epilogue = SAVE || BACKWARD ? rows * cycles.epilogueRow : 0;
  return k * step + Math.ceil(k / depth) * tiles * cycles.tile + epilogue + cycles.chunk;
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
