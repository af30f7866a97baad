/**
 * C[b] = epilogue(op(A[b])·op(B[b])). A: [m,k], or [k,m] with TRANSPOSE_A; B: [k,n], or [n,k] with
 * TRANSPOSE_B; C: [batch,m,n]; all f32.
 *
 * A chunk computes a block of `rows` by `columns` of one C[b]: it packs `depth` rows of its columns
 * of B at a time and runs tiles of 6 rows by 8 columns over them (matmul_tile.ts). Sums are in f32,
 * in the order of k. The blocks' sizes come from matmul_cut.ts.
 *
 * @module
 */
import { type FunctionBuilder, type FunctionHandle, I32 } from "../../lib/wasm/assembler.ts";
import type { CpuKernel } from "../../lib/device/kernel.ts";
import type { KernelBuilder } from "../../lib/device/kernel_builder.ts";
import { blockOf, blocks, finishRows } from "./matmul_block.ts";
import { definePack } from "./matmul_pack.ts";
import { defineTile, TILE } from "./matmul_tile.ts";

/** Scratch: one tile, then the panels of A (where it is transposed) and of B. */
const EDGE_TILE = 4 * TILE.rows * TILE.columns;
/** Panels start a cache line further apart than they are long, to lie in different sets. */
const PANEL_GAP = 64;

const panelBytes = (width: number, depth: number) => 4 * width * depth + PANEL_GAP;

/** The product in tiles. */
export const matmul: CpuKernel = {
  chunks: blocks,
  scratchBytes({ rows, columns, depth }, { TRANSPOSE_A }) {
    const ofA = TRANSPOSE_A ? Math.ceil(rows / TILE.rows) * panelBytes(TILE.rows, depth) : 0;
    return EDGE_TILE + ofA + Math.ceil(columns / TILE.columns) * panelBytes(TILE.columns, depth);
  },
  emit(k) {
    const { f } = k;
    const { TRANSPOSE_A, TRANSPOSE_B } = k.constants;
    const [m, n, inner, rows, depth] = ["m", "n", "k", "rows", "depth"].map((name) =>
      k.integer(name)
    );
    const packA = TRANSPOSE_A ? definePack(k, TILE.rows, false) : undefined;
    const packB = definePack(k, TILE.columns, TRANSPOSE_B === 1);
    const functions = { tile: defineTile(k, TRANSPOSE_A === 1), edgeTile: defineEdgeTile(k) };
    const block = blockOf(k);
    const finish = finishRows(k, block);
    const aPanels = f.i32(k.scratch.add(EDGE_TILE));
    const bPanels = f.i32(aPanels);
    const aPanelBytes = f.i32(depth.mul(4 * TILE.rows).add(PANEL_GAP));
    const bPanelBytes = f.i32(depth.mul(4 * TILE.columns).add(PANEL_GAP));
    if (packA) {
      f.set(bPanels, aPanels.add(rows.add(TILE.rows - 1).divU(TILE.rows).mul(aPanelBytes)));
    }
    const aStep = f.i32((TRANSPOSE_A ? m : inner).shl(2));
    const bStep = f.i32((TRANSPOSE_B ? inner : n).shl(2));
    const cStep = f.i32(n.shl(2));
    const { a, b, c } = block;
    const nextA = f.i32(packA ? aPanelBytes : aStep.mul(TILE.rows));
    f.for(0, inner, depth, (k0) => {
      const here = f.i32(inner.sub(k0));
      f.set(here, here.minU(depth));
      const add = f.i32(k0.ne(0));
      const bAt = b.add(TRANSPOSE_B ? k0.shl(2) : k0.mul(bStep));
      f.call(packB, bAt, bStep, here, block.width, bPanels, bPanelBytes);
      const aAt = f.i32(a.add(TRANSPOSE_A ? k0.mul(aStep) : k0.shl(2)));
      if (packA) {
        f.call(packA, aAt, aStep, here, block.height, aPanels, aPanelBytes);
        f.set(aAt, aPanels);
      }
      const cAt = f.i32(c);
      const left = f.i32(block.height);
      f.while(left.gtS(0), () => {
        const height = f.i32(left.minS(TILE.rows));
        emitRowOfTiles(f, functions, {
          ...{ a: aAt, aStep, panels: bPanels, panelBytes: bPanelBytes, depth: here },
          ...{ c: cAt, cStep, add, height, width: block.width, scratch: k.scratch },
        });
        if (finish) f.if(k0.add(here).eq(inner), () => finish(cAt, height));
        f.set(aAt, aAt.add(nextA));
        f.set(cAt, cAt.add(cStep.mul(TILE.rows)));
        f.set(left, left.sub(TILE.rows));
      });
    });
  },
};

interface RowOfTiles {
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
 * Six rows of A (or what is left of them) by all panels; a tile that reaches beyond the block goes
 * by way of the scratch memory.
 */
function emitRowOfTiles(
  f: FunctionBuilder,
  { tile, edgeTile }: { tile: FunctionHandle; edgeTile: FunctionHandle },
  { a, aStep, panels, panelBytes, depth, c, cStep, add, height, width, scratch }: RowOfTiles,
): void {
  const lastRow = f.i32(height.sub(1));
  const panel = f.i32(panels);
  const to = f.i32(c);
  const left = f.i32(width);
  f.while(left.gtS(0), () => {
    const whole = left.geS(TILE.columns).and(height.eq(TILE.rows));
    f.if(whole, () => f.call(tile, a, aStep, lastRow, panel, depth, to, cStep, add), () => {
      const tileStep = I32.of(4 * TILE.columns);
      f.call(tile, a, aStep, lastRow, panel, depth, scratch, tileStep, I32.of(0));
      f.call(edgeTile, scratch, to, cStep, height, left.minS(TILE.columns), add);
    });
    f.set(panel, panel.add(panelBytes));
    f.set(to, to.add(4 * TILE.columns));
    f.set(left, left.sub(TILE.columns));
  });
}

/**
 * Defines `edgeTile(tile, c, cStep, rows, columns, add)`: the part of a tile that lies inside C
 * goes there.
 */
function defineEdgeTile(k: KernelBuilder): FunctionHandle {
  return k.define(Array(6).fill("i32"), undefined, (f) => {
    const [tile, c, cStep, rows, columns, add] = [0, 1, 2, 3, 4, 5].map((i) => f.i32Parameter(i));
    f.for(0, rows, 1, () => {
      f.for(0, columns, 1, (column) => {
        const from = tile.add(column.shl(2)).loadF32();
        const to = f.i32(c.add(column.shl(2)));
        f.if(
          add,
          () => f.storeF32(to, to.loadF32().add(from)),
          () => f.storeF32(to, from),
        );
      });
      f.set(tile, tile.add(4 * TILE.columns));
      f.set(c, c.add(cStep));
    });
  });
}
