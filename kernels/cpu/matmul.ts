/**
 * Batched GEMM: C[b] = epilogue(op(A[b])·op(B[b])). A: [m,k], or [k,m] with TRANSPOSE_A; B: [k,n],
 * or [n,k] with TRANSPOSE_B; C: [batch,m,n]; all f32.
 *
 * A chunk computes a block of `rows` by `columns` of one C[b]: it packs `depth` rows of its columns
 * of B at a time and runs tiles of 6 rows by 8 columns over them (matmul_tile.ts). Sums are in f32,
 * in the order of k. matmul_tiling.ts chooses the block sizes.
 *
 * @module
 */
import type { FunctionBuilder, FunctionHandle, I32 } from "../../lib/wasm/assembler.ts";
import type { CpuKernel } from "../../lib/device/kernel.ts";
import type { KernelBuilder } from "../../lib/device/kernel_builder.ts";
import { blockOf, blocks, finishRows } from "./matmul_block.ts";
import { definePack } from "./matmul_pack.ts";
import { BLOCK_SIZES, tileMatmul } from "./matmul_tiling.ts";
import { defineTile, TILE, type Tile } from "./matmul_tile.ts";

/** Scratch: one tile of this many bytes, then the panels of A (if it is transposed) and of B. */
export const EDGE_TILE = 4 * TILE.rows * TILE.columns;
/** Panels are padded by a cache line so that they map to different cache sets. */
export const PANEL_GAP = 64;

/** Bytes of a packed panel. */
export const panelBytes = (width: number, depth: number): number => 4 * width * depth + PANEL_GAP;

/** The matmul in tiles. */
export const matmul: CpuKernel = {
  tiling: { sizes: BLOCK_SIZES, choose: tileMatmul },
  chunks: blocks,
  scratchBytes({ rows, columns, depth }, { TRANSPOSE_A }) {
    const ofA = TRANSPOSE_A ? Math.ceil(rows / TILE.rows) * panelBytes(TILE.rows, depth) : 0;
    return EDGE_TILE + ofA + Math.ceil(columns / TILE.columns) * panelBytes(TILE.columns, depth);
  },
  emit(k) {
    const { f, scratch } = k;
    const { TRANSPOSE_A, TRANSPOSE_B } = k.constants;
    const { m, n, k: inner, rows, depth } = k.integers("m", "n", "k", "rows", "depth");
    const packA = TRANSPOSE_A ? definePack(k, TILE.rows, false) : undefined;
    const packB = definePack(k, TILE.columns, TRANSPOSE_B === 1);
    const functions = { tile: defineTile(k, TRANSPOSE_A === 1), edge: defineEdge(k) };
    const block = blockOf(k);
    const finish = finishRows(k, block);
    const aPanels = f.i32(scratch.add(EDGE_TILE));
    const aPanelBytes = f.i32(depth.mul(4 * TILE.rows).add(PANEL_GAP));
    const aPanelCount = packA ? rows.add(TILE.rows - 1).divU(TILE.rows) : 0;
    const bPanels = f.i32(aPanels.add(aPanelBytes.mul(aPanelCount)));
    const bPanelBytes = f.i32(depth.mul(4 * TILE.columns).add(PANEL_GAP));
    const aStep = f.i32((TRANSPOSE_A ? m : inner).inBytes());
    const bStep = f.i32((TRANSPOSE_B ? inner : n).inBytes());
    const cStep = f.i32(n.inBytes());
    const nextA = f.i32(packA ? aPanelBytes : aStep.mul(TILE.rows));
    f.for(0, inner, depth, (k0) => {
      const here = f.minU(inner.sub(k0), depth);
      const add = f.i32(k0.ne(0));
      f.call(packB, {
        x: block.b.add(TRANSPOSE_B ? k0.inBytes() : k0.mul(bStep)),
        xStep: bStep,
        depth: here,
        columns: block.width,
        panels: bPanels,
        panelBytes: bPanelBytes,
      });
      const a = f.i32(block.a.add(TRANSPOSE_A ? k0.mul(aStep) : k0.inBytes()));
      if (packA) {
        const target = { columns: block.height, panels: aPanels, panelBytes: aPanelBytes };
        f.call(packA, { x: a, xStep: aStep, depth: here, ...target });
        f.set(a, aPanels);
      }
      const c = f.i32(block.c);
      const left = f.i32(block.height);
      f.while(left.gtS(0), () => {
        const height = f.min(left, TILE.rows);
        const tiles = { a, aStep, panels: bPanels, panelBytes: bPanelBytes, depth: here, c, cStep };
        emitRowOfTiles(f, functions, { ...tiles, add, height, width: block.width, scratch });
        if (finish) f.if(k0.add(here).eq(inner), () => finish(c, height));
        f.set(a, a.add(nextA));
        f.set(c, c.add(cStep.mul(TILE.rows)));
        f.set(left, left.sub(TILE.rows));
      });
    });
  },
};

/** A row of tiles; all are locals. */
export interface RowOfTiles {
  a: I32;
  aStep: I32;
  panels: I32;
  panelBytes: I32;
  depth: I32;
  c: I32;
  cStep: I32;
  add: I32;
  height: I32;
  width: I32;
  scratch: I32;
}

/**
 * Six rows of A (or the last ones) by all panels; a tile that reaches beyond the block is computed
 * in scratch memory first.
 */
export function emitRowOfTiles(
  f: FunctionBuilder,
  { tile, edge }: TileFunctions,
  { a, aStep, panels, panelBytes, depth, c, cStep, add, height, width, scratch }: RowOfTiles,
): void {
  const lastRow = f.i32(height.sub(1));
  const panel = f.i32(panels);
  const to = f.i32(c);
  const left = f.i32(width);
  const factors = { a, aStep, lastRow, panel, depth };
  f.while(left.gtS(0), () => {
    const whole = left.geS(TILE.columns).and(height.eq(TILE.rows));
    f.if(whole, () => f.call(tile, { ...factors, c: to, cStep, add }), () => {
      const columns = f.min(left, TILE.columns);
      const part = { tile: scratch, c: to, cStep, rows: height, columns };
      f.if(add, () => f.call(edge.load, part));
      f.call(tile, { ...factors, c: scratch, cStep: 4 * TILE.columns, add });
      f.call(edge.store, part);
    });
    f.set(panel, panel.add(panelBytes));
    f.set(to, to.add(4 * TILE.columns));
    f.set(left, left.sub(TILE.columns));
  });
}

const EDGE = { tile: "i32", c: "i32", cStep: "i32", rows: "i32", columns: "i32" } as const;

/** Copies between the part of a tile that is inside C and C. */
export interface Edge {
  readonly load: FunctionHandle<typeof EDGE>;
  readonly store: FunctionHandle<typeof EDGE>;
}

/** What computes a row of tiles. */
export interface TileFunctions {
  readonly tile: Tile;
  readonly edge: Edge;
}

/** Defines the copies of the part of a tile that is inside C. */
export function defineEdge(k: KernelBuilder): Edge {
  const copy = (isStore: boolean) =>
    k.define(EDGE, (f, { tile, c, cStep, rows, columns }) => {
      const [from, to] = isStore ? [tile, c] : [c, tile];
      f.for(0, rows, 1, () => {
        f.for(0, columns.inBytes(), 4, (at) => f.storeF32(to.add(at), from.add(at).loadF32()));
        f.set(tile, tile.add(4 * TILE.columns));
        f.set(c, c.add(cStep));
      });
    });
  return { load: copy(false), store: copy(true) };
}
