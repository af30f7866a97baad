/**
 * The micro-kernel of the matmul: 6 rows of A by a packed panel of 8 columns of B.
 *
 * Twelve sums of four floats stay in registers. Deno checks the bounds of every load with one or
 * two instructions for each different offset, so offsets are shared: six row pointers step through
 * k together, or one pointer advances at each load.
 *
 * @module
 */
import { type FunctionBuilder, I32, V128 } from "../../lib/wasm/assembler.ts";
import type { FunctionHandle } from "../../lib/wasm/assembler.ts";
import type { KernelBuilder } from "../../lib/device/kernel_builder.ts";

/** Rows and columns of a tile. */
export const TILE = { rows: 6, columns: 8 } as const;

/** Steps of k without a branch between them. */
const UNROLL = 8;

const PARAMETERS = {
  /** Six rows of A, `aStep` bytes apart, or a packed panel [depth, 6]. */
  a: "i32",
  aStep: "i32",
  /** Rows beyond this one repeat it. */
  lastRow: "i32",
  /** A packed panel of B, [depth, 8]. */
  panel: "i32",
  depth: "i32",
  /** Six rows of C, `cStep` bytes apart. */
  c: "i32",
  cStep: "i32",
  /** Not 0: C += A·panel; 0: C = A·panel. */
  add: "i32",
} as const;

/** The function that `defineTile` defines. */
export type Tile = FunctionHandle<typeof PARAMETERS>;

/** Defines C (+)= A·panel; A is a packed panel if `packed`, otherwise rows in place. */
export function defineTile(k: KernelBuilder, packed: boolean): Tile {
  return k.define(PARAMETERS, (f, { a, aStep, lastRow, panel, depth, c, cStep, add }) => {
    const sums = Array.from({ length: 12 }, () => f.v128(V128.of(0)));
    f.if(add, () => eachSum(f, c, cStep, (at, offset, i) => f.set(sums[i], at.loadV128(offset))));
    const rows = packed ? [] : rowPointers(f, a, aStep, lastRow);
    const b = [f.v128(), f.v128()];
    const value = f.v128();
    const step = (u: number) => {
      b.forEach((vector, j) => f.set(vector, panel.loadV128(32 * u + 16 * j)));
      for (let row = 0; row < TILE.rows; row++) {
        f.set(value, packed ? a.loadSplat() : rows[row].loadSplat(4 * u));
        if (packed) f.set(a, a.add(4));
        b.forEach((vector, j) => {
          const sum = sums[2 * row + j];
          f.set(sum, f.madd(value, vector, sum));
        });
      }
    };
    const advance = (count: number) => {
      f.set(panel, panel.add(32 * count));
      for (const row of rows) f.set(row, row.add(4 * count));
    };
    const end = f.i32(panel.add(depth.and(-UNROLL).mul(32)));
    f.while(panel.ltU(end), () => {
      for (let u = 0; u < UNROLL; u++) step(u);
      advance(UNROLL);
    });
    f.set(end, panel.add(depth.and(UNROLL - 1).mul(32)));
    f.while(panel.ltU(end), () => {
      step(0);
      advance(1);
    });
    eachSum(f, c, cStep, (at, offset, i) => f.storeV128(at, sums[i], offset));
  });
}

/** Pointers to the rows of a tile in A, `aStep` bytes apart; those beyond `lastRow` repeat it. */
export function rowPointers(f: FunctionBuilder, a: I32, aStep: I32, lastRow: I32): I32[] {
  const rows = [a];
  for (let row = 1; row < TILE.rows; row++) {
    const step = I32.select(lastRow.geS(row), aStep, 0);
    rows.push(f.i32(rows[row - 1].add(step)));
  }
  return rows;
}

/** Calls `body` with the address (plus an offset) of each of the twelve sums. */
function eachSum(
  f: FunctionBuilder,
  c: I32,
  cStep: I32,
  body: (at: I32, offset: number, index: number) => void,
): void {
  const at = f.i32(c);
  for (let row = 0; row < TILE.rows; row++) {
    body(at, 0, 2 * row);
    body(at, 16, 2 * row + 1);
    if (row < TILE.rows - 1) f.set(at, at.add(cStep));
  }
}
