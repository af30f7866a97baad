/**
 * Batched products whose result is symmetric: C[b] = α·op(A[b])·op(B[b]) + β·D[b] + γ·I, with
 * op(A): [m,k], op(B): [k,m] and C, D: [m,m] f32. A is [k,m] with TRANSPOSE_A, B [m,k] with
 * TRANSPOSE_B; a batch's operands are `strideA` and `strideB` elements apart. `ADD` 0: no D, which
 * is symmetric, too.
 *
 * Only the lower triangle is computed, in the tiles of matmul.ts; its numbers are also stored in
 * the upper one. A chunk computes a square block of `side` rows on or under the diagonal. Sums are
 * in f32, in the order of k.
 *
 * @module
 */
import { type FunctionHandle, I32 } from "../../lib/wasm/assembler.ts";
import type { Constants, CpuKernel, Scalars } from "../../lib/device/kernel.ts";
import type { KernelBuilder } from "../../lib/device/kernel_builder.ts";
import { defineEdge, EDGE_TILE, emitRowOfTiles, PANEL_GAP, panelBytes } from "./matmul.ts";
import { definePack } from "./matmul_pack.ts";
import { defineTile, TILE } from "./matmul_tile.ts";

/**
 * A block's side is a multiple of both sides of a tile, so that no tile reaches into another one.
 */
const GRAIN = 24;
/** Maximum of a block's side, and of the steps of k that are packed at a time. */
const MAX_SIDE = 240;
/** Chunks to make, if blocks stay larger than `MIN_SIDE`. */
const CHUNKS = 16, MIN_SIDE = 48;

/** The blocks on and under the diagonal of `side` blocks. */
export const triangle = (side: number): number => side * (side + 1) / 2;

/** Sizes of the blocks for a product; they depend on its sizes only. */
export function tileSymmetric({ m, k, batch }: Scalars): Scalars {
  let count = Math.ceil(m / MAX_SIDE);
  while (batch * triangle(count) < CHUNKS && m / (count + 1) >= MIN_SIDE) count++;
  const side = GRAIN * Math.ceil(m / count / GRAIN);
  return { side, depth: 8 * Math.ceil(k / Math.ceil(k / MAX_SIDE) / 8) };
}

/** The symmetric product in tiles. */
export const symmetricProduct: CpuKernel = {
  tiling: { sizes: ["side", "depth"], choose: tileSymmetric },
  chunks: ({ m, batch, side }) => batch * triangle(Math.ceil(m / side)),
  scratchBytes({ side, depth }: Scalars, { TRANSPOSE_A }: Constants) {
    const ofA = TRANSPOSE_A ? side / TILE.rows * panelBytes(TILE.rows, depth) : 0;
    return EDGE_TILE + ofA + side / TILE.columns * panelBytes(TILE.columns, depth);
  },
  emit(k) {
    const { f, scratch } = k;
    const { TRANSPOSE_A, TRANSPOSE_B } = k.constants;
    const { m, k: inner, side, depth } = k.integers("m", "k", "side", "depth");
    const packA = TRANSPOSE_A ? definePack(k, TILE.rows, false) : undefined;
    const packB = definePack(k, TILE.columns, TRANSPOSE_B === 1);
    const functions = { tile: defineTile(k, TRANSPOSE_A === 1), edge: defineEdge(k) };
    const finish = defineFinish(k);
    const { batch, row, column } = placeOf(k);
    const height = f.minU(m.sub(row), side);
    const width = f.minU(m.sub(column), side);
    const isDiagonal = f.i32(row.eq(column));
    const aStart = f.i32(k.pointer("a").at(batch.mul(k.integer("strideA"))));
    const bStart = f.i32(k.pointer("b").at(batch.mul(k.integer("strideB"))));
    const aPanels = f.i32(scratch.add(EDGE_TILE));
    const aPanelBytes = f.i32(depth.mul(4 * TILE.rows).add(PANEL_GAP));
    const bPanels = f.i32(
      packA ? aPanels.add(aPanelBytes.mul(side.divU(TILE.rows))) : aPanels,
    );
    const bPanelBytes = f.i32(depth.mul(4 * TILE.columns).add(PANEL_GAP));
    const step = f.i32(m.inBytes());
    const aStep = f.i32(TRANSPOSE_A ? step : inner.inBytes());
    const bStep = f.i32(TRANSPOSE_B ? inner.inBytes() : step);
    const nextA = f.i32(packA ? aPanelBytes : aStep.mul(TILE.rows));
    const matrix = f.i32(batch.mul(m).mul(m));
    const place = f.i32(matrix.add(row.mul(m)).add(column).inBytes());
    const mirrored = f.i32(matrix.add(column.mul(m)).add(row).inBytes());
    f.for(0, inner, depth, (k0) => {
      const here = f.minU(inner.sub(k0), depth);
      const add = f.i32(k0.ne(0));
      f.call(packB, {
        x: bStart.add(TRANSPOSE_B ? column.mul(bStep).add(k0.inBytes()) : k0.mul(bStep).at(column)),
        xStep: bStep,
        depth: here,
        columns: width,
        panels: bPanels,
        panelBytes: bPanelBytes,
      });
      const a = f.i32(
        aStart.add(TRANSPOSE_A ? k0.mul(aStep).at(row) : row.mul(aStep).add(k0.inBytes())),
      );
      if (packA) {
        const target = { columns: height, panels: aPanels, panelBytes: aPanelBytes };
        f.call(packA, { x: a, xStep: aStep, depth: here, ...target });
        f.set(a, aPanels);
      }
      const c = f.i32(k.pointer("c").add(place));
      const d = f.i32(k.constants.ADD ? k.pointer("d").add(place) : 0);
      const mirror = f.i32(k.pointer("c").add(mirrored));
      f.for(0, height, TILE.rows, (first) => {
        const rows = f.minU(height.sub(first), TILE.rows);
        // Whole tiles until all columns under the diagonal are covered.
        const needed = I32.select(isDiagonal, first.add(TILE.rows + 7).and(-8), width);
        const across = f.minU(needed, width);
        const tiles = { a, aStep, panels: bPanels, panelBytes: bPanelBytes, depth: here, c };
        emitRowOfTiles(f, functions, {
          ...tiles,
          cStep: step,
          add,
          height: rows,
          width: across,
          scratch,
        });
        f.if(k0.add(here).eq(inner), () => {
          const lower = I32.select(isDiagonal, first.and(-4), width);
          const last = I32.select(isDiagonal, first, -TILE.rows);
          const factors = k.floats("alpha", "beta", "gamma");
          f.call(finish, { c, d, mirror, step, rows, lower, last, ...factors });
        });
        f.set(a, a.add(nextA));
        f.set(c, c.add(step.mul(TILE.rows)));
        if (k.constants.ADD) f.set(d, d.add(step.mul(TILE.rows)));
        f.set(mirror, mirror.add(4 * TILE.rows));
      });
    });
  },
};

/** The chunk's matrix, and its block's first row and column. */
export function placeOf(k: KernelBuilder): { batch: I32; row: I32; column: I32 } {
  const { f } = k;
  const { m, side } = k.integers("m", "side");
  const count = f.i32(m.add(side).sub(1).divU(side));
  const blocks = f.i32(count.mul(count.add(1)).shrU(1));
  const [batch, block] = f.unravel(k.chunk, blocks);
  const down = f.i32(0);
  f.while(block.gtS(down), () => {
    f.set(down, down.add(1));
    f.set(block, block.sub(down));
  });
  return { batch, row: f.i32(down.mul(side)), column: f.i32(block.mul(side)) };
}

const FINISH = {
  /** The first of the rows of C and of D, and the first of the columns that mirror them. */
  c: "i32",
  d: "i32",
  mirror: "i32",
  /** Bytes of a row. */
  step: "i32",
  rows: "i32",
  /** Columns that are under the diagonal in all rows, a multiple of 4. */
  lower: "i32",
  /** The column of the first row's number on the diagonal; negative if the block has none. */
  last: "i32",
  alpha: "f32",
  beta: "f32",
  gamma: "f32",
} as const;

/** Defines α·C + β·D + γ·I over finished rows, and the copy to the upper triangle. */
export function defineFinish(k: KernelBuilder): FunctionHandle<typeof FINISH> {
  const { ADD } = k.constants;
  return k.define(FINISH, (f, { c, d, mirror, step, rows, lower, last, ...factors }) => {
    const [alpha, beta] = [f.v128(factors.alpha.splat()), f.v128(factors.beta.splat())];
    const value = f.v128();
    f.for(0, lower.inBytes(), 16, (j) => {
      const [from, other] = [f.i32(c.add(j)), f.i32(d.add(j))];
      const to = [f.i32(mirror.add(j.shrU(2).mul(step)))];
      for (let lane = 1; lane < 4; lane++) to.push(f.i32(to[lane - 1].add(step)));
      f.for(0, rows, 1, () => {
        f.set(value, from.loadV128().mul(alpha));
        if (ADD) f.set(value, f.madd(other.loadV128(), beta, value));
        f.storeV128(from, value);
        to.forEach((at, lane) => f.storeF32(at, value.lane(lane)));
        f.set(from, from.add(step));
        f.set(other, other.add(step));
        for (const at of to) f.set(at, at.add(4));
      });
    });
    const one = f.f32();
    const [from, other, to] = [f.i32(c), f.i32(d), f.i32(mirror)];
    f.for(0, rows, 1, (row) => {
      const diagonal = f.i32(last.add(row));
      f.for(lower, diagonal.add(1), 1, (column) => {
        f.set(one, from.at(column).loadF32().mul(factors.alpha));
        if (ADD) f.set(one, one.add(other.at(column).loadF32().mul(factors.beta)));
        f.if(column.eq(diagonal), () => f.set(one, one.add(factors.gamma)));
        f.storeF32(from.at(column), one);
        f.storeF32(to.add(column.mul(step)), one);
      });
      f.set(from, from.add(step));
      f.set(other, other.add(step));
      f.set(to, to.add(4));
    });
  });
}
