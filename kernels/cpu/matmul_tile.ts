/**
 * The innermost product: 6 rows of A by a packed panel of 8 columns of B.
 *
 * Twelve sums of four floats stay in registers. Deno checks the bounds of every load with an
 * instruction or two for each different offset, so offsets are shared: six row pointers step
 * through k together, or one pointer moves on at each load.
 *
 * @module
 */
import { type FunctionBuilder, type FunctionHandle, I32, V128 } from "../../lib/wasm/assembler.ts";
import type { KernelBuilder } from "../../lib/device/kernel_builder.ts";

/** Rows and columns of a tile. */
export const TILE = { rows: 6, columns: 8 } as const;

/** Steps of k without a branch between them. */
const UNROLL = 8;

/**
 * Defines `tile(a, aStep, lastRow, panel, depth, c, cStep, add)`: C (+)= A·panel, steps in bytes.
 *
 * A is read where it is, `aStep` from row to row, rows beyond `lastRow` repeating it; or, with
 * `packed`, from a panel [depth, 6].
 */
export function defineTile(k: KernelBuilder, packed: boolean): FunctionHandle {
  return k.define(Array(8).fill("i32"), undefined, (f) => {
    const [a, aStep, lastRow, panel, depth, c, cStep, add] = Array.from(
      { length: 8 },
      (_, i) => f.i32Parameter(i),
    );
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
    const end = f.i32(panel.add(depth.and(-UNROLL).shl(5)));
    f.while(panel.ltU(end), () => {
      for (let u = 0; u < UNROLL; u++) step(u);
      advance(UNROLL);
    });
    f.set(end, panel.add(depth.and(UNROLL - 1).shl(5)));
    f.while(panel.ltU(end), () => {
      step(0);
      advance(1);
    });
    eachSum(f, c, cStep, (at, offset, i) => f.storeV128(at, sums[i], offset));
  });
}

function rowPointers(f: FunctionBuilder, a: I32, aStep: I32, lastRow: I32): I32[] {
  const rows = [a];
  for (let row = 1; row < TILE.rows; row++) {
    const step = I32.select(lastRow.geS(row), aStep, 0);
    rows.push(f.i32(rows[row - 1].add(step)));
  }
  return rows;
}

/** Calls `body` with the place of each of the twelve sums. */
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
