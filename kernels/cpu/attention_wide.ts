/**
 * Attention's products of whole blocks in tiles of 256-bit vectors (wide_tile.ts).
 *
 * Their sums are in the order of `definePanel`'s, whose bits they have. A row is multiplied with
 * some keys that it does not see: their scores are hidden later, and their probabilities are zeros
 * (`clear`).
 *
 * @module
 */
import { type FunctionHandle, I32, type I32Like, V128 } from "../../lib/wasm/assembler.ts";
import { WIDE_STEP } from "../../lib/device/kernel_chunks.ts";
import type { Constants, KernelLibrary } from "../../lib/device/kernel.ts";
import type { KernelBuilder } from "../../lib/device/kernel_builder.ts";
import { BLOCK, paddedSize, PANEL, roundUp, ROWS } from "./attention_blocks.ts";
import { importWide, WIDE_TILE, wideTile } from "./wide_tile.ts";

const SCORES = {
  /** Packed rows [rows, D], a multiple of four. */
  a: "i32",
  rows: "i32",
  /** Transposed rows [D, BLOCK], of which `end` count. */
  b: "i32",
  end: "i32",
  /** [rows, BLOCK] */
  c: "i32",
  /** The mask, see attention_mask.ts. */
  position: "i32",
  behind: "i32",
  ahead: "i32",
} as const;

const SUMS = {
  /** [rows, BLOCK] */
  a: "i32",
  rows: "i32",
  /** Packed rows [depth, D], a multiple of eight. */
  b: "i32",
  depth: "i32",
  /** Packed rows [rows, D]. */
  c: "i32",
  /** The columns of row i of A before `begin` + i, and from `reach` + i on, are zeros. */
  begin: "i32",
  reach: "i32",
} as const;

const CLEAR = { scores: "i32", from: "i32", to: "i32", end: "i32" } as const;

/** The functions of products of blocks. */
export interface BlockProducts {
  /** C = A·B for the scores that panels of four rows read. */
  readonly scores: FunctionHandle<typeof SCORES>;
  /** C += A·B. */
  readonly sums: FunctionHandle<typeof SUMS>;
  /** Zeros in four rows of a block, before column `from` and from `to` to `end` − 1. */
  readonly clear: FunctionHandle<typeof CLEAR>;
}

/** The library of a kernel whose constant WIDE may be 1. */
export function wideLibrary({ WIDE }: Constants): KernelLibrary | undefined {
  return WIDE ? wideTile : undefined;
}

/** Defines the products if the constant WIDE is 1; before any other `define`. */
export function defineBlockProducts(k: KernelBuilder): BlockProducts | undefined {
  if (!k.constants.WIDE) return undefined;
  const wide = importWide(k);
  return { scores: defineScores(k, wide), sums: defineSums(k, wide), clear: defineClear(k) };
}

/** Rows, whole tiles, that are multiplied with the same rows of B: about half of a block. */
const HALF = 36;

type Wide = ReturnType<typeof importWide>;

function defineScores(k: KernelBuilder, { tile, pack }: Wide): FunctionHandle<typeof SCORES> {
  const depth = paddedSize(k.constants.HEAD_SIZE);
  const { columns } = WIDE_TILE;
  const [aStep, cStep] = [4 * depth, 4 * BLOCK];
  return k.define(SCORES, (f, { a, rows, b, end, c, position, behind, ahead }) => {
    f.for(0, end, columns, (column) => {
      const shift = f.i32(column.sub(position)); // from a column to the row at its position
      const from = f.i32(f.max(shift.sub(ahead), 0).and(-PANEL));
      const to = f.min(roundUp(shift.add(columns).add(behind), PANEL), rows);
      f.if(from.ltS(to), () => {
        f.call(pack, { x: b.at(column), xStep: cStep, depth, columns });
        f.for(from, to, WIDE_TILE.rows, (first) => {
          const row = f.max(f.min(first, to.sub(WIDE_TILE.rows)), 0); // whole tiles may overlap
          const target = { c: c.add(row.mul(cStep)).at(column), cStep };
          const part = { rows: f.min(to.sub(row), WIDE_TILE.rows), columns };
          f.call(tile, { a: a.add(row.mul(aStep)), aStep, depth, ...target, ...part, add: 0 });
        });
      });
    });
  });
}

function defineSums(k: KernelBuilder, { tile, pack }: Wide): FunctionHandle<typeof SUMS> {
  const width = paddedSize(k.constants.HEAD_SIZE);
  const [aStep, cStep] = [4 * BLOCK, 4 * width];
  return k.define(SUMS, (f, { a, rows, b, depth, c, begin, reach }) => {
    f.for(0, width, WIDE_TILE.columns, (column) => {
      const columns = f.min(WIDE_TILE.columns, I32.of(width).sub(column));
      const packed = f.i32(-1);
      f.for(0, rows, HALF, (half) => {
        const first = f.i32(f.clamp(begin.add(half), 0, depth.sub(WIDE_STEP)).and(-WIDE_STEP));
        f.if(first.ne(packed), () => {
          const x = b.add(first.mul(cStep)).at(column);
          // Columns beyond a row are the next one's; no tile stores them.
          f.call(pack, { x, xStep: cStep, depth: depth.sub(first), columns: WIDE_TILE.columns });
          f.set(packed, first);
        });
        const stop = f.min(half.add(HALF), rows);
        f.for(half, stop, WIDE_TILE.rows, (row) => {
          const seen = roundUp(reach.add(row).add(WIDE_TILE.rows - 1), WIDE_STEP);
          const last = f.clamp(seen, first.add(WIDE_STEP), depth);
          const factors = { a: a.add(row.mul(aStep)).at(first), aStep, depth: last.sub(first) };
          const target = { c: c.add(row.mul(cStep)).at(column), cStep };
          const part = { rows: f.min(rows.sub(row), WIDE_TILE.rows), columns };
          f.call(tile, { ...factors, ...target, ...part, add: 1 });
        });
      });
    });
  });
}

function defineClear(k: KernelBuilder): FunctionHandle<typeof CLEAR> {
  return k.define(CLEAR, (f, { scores, from, to, end }) => {
    const zero = V128.of(0);
    const clear = (first: I32Like, stop: I32) =>
      f.for(first, stop, 4, (column) => {
        for (const row of ROWS) f.storeV128(scores.at(column), zero, 4 * BLOCK * row);
      });
    clear(0, from);
    clear(to, end);
  });
}
