/**
 * The micro-kernel of the matmul for vectors of 256 bits: 6 rows of A by a panel of 16 columns of
 * B.
 *
 * With `--experimental-wasm-revectorize`, V8 merges two neighboring operations on 128 bits into one
 * on 256, but only if no bounds check stands between their loads or stores; and every address that
 * is no constant is checked. So the panel and the tile of C lie at constant addresses in a small
 * memory of the thread's own, this module's first one; A and C are in the shared memory, its second
 * one. The steps of k are unrolled, with an exit after every eight.
 *
 * @module
 */
import { type FunctionBuilder, I32, ModuleBuilder, V128 } from "../../lib/wasm/assembler.ts";
import type { FunctionHandle } from "../../lib/wasm/assembler.ts";
import { WIDE_STEP } from "../../lib/device/kernel_chunks.ts";
import type { KernelLibrary } from "../../lib/device/kernel.ts";
import type { KernelBuilder } from "../../lib/device/kernel_builder.ts";
import { rowPointers, TILE as NARROW_TILE } from "./matmul_tile.ts";
import { allLanes, transposeSquare } from "./square.ts";

/**
 * Rows and columns of a tile, and the most steps of k, 125 bytes of code each: beyond 23 KB the
 * loop over tiles exceeds the cache of decoded instructions (Zen 4) and takes half as long again.
 */
export const WIDE_TILE = { rows: NARROW_TILE.rows, columns: 16, depth: 128 } as const;

const VECTORS = WIDE_TILE.columns / 4;
/** Bytes of a row of the panel and of the tile. */
const ROW = 4 * WIDE_TILE.columns;

/** The shared memory. */
const SHARED = 1;
/** Addresses in the thread's own memory: the panel [depth, 16], and the tile [6, 16] after it. */
const PANEL = I32.of(0), TILE = I32.of(WIDE_TILE.depth * ROW);

/** C (+)= A·panel for the panel that was packed last. */
const TILE_PARAMETERS = {
  /** Six rows of A, `aStep` bytes apart; those beyond `rows` are not read. */
  a: "i32",
  aStep: "i32",
  /** Steps of k, a multiple of `WIDE_STEP`. */
  depth: "i32",
  /** The part of the tile that is in C, whose rows are `cStep` bytes apart. */
  c: "i32",
  cStep: "i32",
  rows: "i32",
  columns: "i32",
  /** Not 0: the product is added to C. */
  add: "i32",
} as const;

/** Packs columns of B as the panel. */
const PANEL_PARAMETERS = {
  /** The first element. */
  x: "i32",
  /** Bytes from one k to the next, or from one column to the next if B is transposed. */
  xStep: "i32",
  /** Steps of k, and columns; those of the panel beyond them are not written. */
  depth: "i32",
  columns: "i32",
} as const;

type TileLocals = { [Name in keyof typeof TILE_PARAMETERS]: I32 };
type PanelLocals = { [Name in keyof typeof PANEL_PARAMETERS]: I32 };

/** The functions as a library of kernels. */
export const wideTile: KernelLibrary = {
  name: "wide_tile",
  module(options) {
    const module = new ModuleBuilder({ ...options, privateMemory: true });
    const partial = { load: defineLoad(module), store: defineStore(module) };
    const tile = module.define(TILE_PARAMETERS, (f, locals) => emitTile(f, locals, partial));
    module.export("tile", tile);
    module.export("packPanel", module.define(PANEL_PARAMETERS, emitPack));
    module.export("packTransposed", module.define(PANEL_PARAMETERS, emitPackTransposed));
    return module.encode();
  },
};

/** Imports the tile, and the packing of B or, with TRANSPOSE_B, of Bᵀ; before any `define`. */
export function importWide(k: KernelBuilder): {
  tile: FunctionHandle<typeof TILE_PARAMETERS>;
  pack: FunctionHandle<typeof PANEL_PARAMETERS>;
} {
  const pack = k.constants.TRANSPOSE_B ? "packTransposed" : "packPanel";
  return {
    tile: k.import("tile", TILE_PARAMETERS),
    pack: k.import(pack, PANEL_PARAMETERS),
  };
}

const PART = { c: "i32", cStep: "i32", rows: "i32", columns: "i32" } as const;
type PartFunction = FunctionHandle<typeof PART>;

/** Defines the copy of a part of C to the tile. */
function defineLoad(module: ModuleBuilder): PartFunction {
  return module.define(PART, (f, part) =>
    eachOfPart(f, part, {
      vector: (c, tile) => f.storeV128(tile, c.loadV128(0, SHARED)),
      number: (c, tile) => f.storeF32(tile, c.loadF32(0, SHARED)),
    }));
}

/** Defines the copy of a part of the tile to C. */
function defineStore(module: ModuleBuilder): PartFunction {
  return module.define(PART, (f, part) =>
    eachOfPart(f, part, {
      vector: (c, tile) => f.storeV128(c, tile.loadV128(), 0, SHARED),
      number: (c, tile) => f.storeF32(c, tile.loadF32(), 0, SHARED),
    }));
}

/** Copies at an address of C and one of the tile. */
interface Copies {
  vector(c: I32, tile: I32): void;
  number(c: I32, tile: I32): void;
}

function eachOfPart(
  f: FunctionBuilder,
  { c, cStep, rows, columns }: { [Name in keyof typeof PART]: I32 },
  { vector, number }: Copies,
): void {
  const tile = f.i32(TILE);
  const bytes = f.i32(columns.inBytes());
  const ofVectors = f.i32(bytes.and(-16));
  f.for(0, rows, 1, () => {
    f.if(columns.eq(WIDE_TILE.columns), () => {
      for (let j = 0; j < VECTORS; j++) vector(f.i32(c.add(16 * j)), f.i32(tile.add(16 * j)));
    }, () => {
      f.for(0, ofVectors, 16, (at) => vector(f.i32(c.add(at)), f.i32(tile.add(at))));
      f.for(ofVectors, bytes, 4, (at) => number(f.i32(c.add(at)), f.i32(tile.add(at))));
    });
    f.set(tile, tile.add(ROW));
    f.set(c, c.add(cStep));
  });
}

function emitTile(
  f: FunctionBuilder,
  { a, aStep, depth, c, cStep, rows, columns, add }: TileLocals,
  partial: { load: PartFunction; store: PartFunction },
): void {
  const isWhole = f.i32(rows.eq(WIDE_TILE.rows).and(columns.eq(WIDE_TILE.columns)));
  const part = { c, cStep, rows, columns };
  const sums = Array.from({ length: WIDE_TILE.rows * VECTORS }, () => f.v128());
  const zero = V128.of(0);
  f.if(add, () => {
    f.if(isWhole, () => {
      eachVector(f, c, cStep, (at, offset, i) => {
        f.storeV128(TILE, at.loadV128(offset, SHARED), 16 * i);
      });
    }, () => f.call(partial.load, part));
    sums.forEach((sum, i) => f.set(sum, TILE.loadV128(16 * i)));
  }, () => sums.forEach((sum) => f.set(sum, zero)));

  const pointers = rowPointers(f, a, aStep, f.i32(rows.sub(1)));
  const panel = Array.from({ length: VECTORS }, () => f.v128());
  const four = pointers.map(() => f.v128());
  const addProducts = four.map((factors, row) => productsOf(f, factors, panel, rowOf(sums, row)));
  const step = (u: number) => {
    panel.forEach((vector, j) => f.set(vector, PANEL.loadV128(ROW * u + 16 * j)));
    pointers.forEach((pointer, row) => {
      if (u % 4 === 0) f.set(four[row], pointer.loadV128(4 * u, SHARED));
      addProducts[row][u % 4]();
    });
  };
  const stepsFrom = (first: number) => {
    for (let u = first; u < first + WIDE_STEP; u++) step(u);
    const end = first + WIDE_STEP;
    if (end < WIDE_TILE.depth) f.if(depth.gtS(end), () => stepsFrom(end));
  };
  stepsFrom(0);

  sums.forEach((sum, i) => f.storeV128(TILE, sum, 16 * i));
  f.if(isWhole, () => {
    eachVector(f, c, cStep, (at, offset, i) => {
      f.storeV128(at, TILE.loadV128(16 * i), offset, SHARED);
    });
  }, () => f.call(partial.store, part));
}

const rowOf = (sums: readonly V128[], row: number) =>
  sums.slice(VECTORS * row, VECTORS * (row + 1));

/**
 * What adds the products of a row's number in step 0, 1, 2 or 3 of four with a row of the panel.
 * Four numbers of A are loaded, and checked, at once; V8 then reads each of them from memory into
 * all lanes, without the load of the four.
 */
function productsOf(
  f: FunctionBuilder,
  factors: V128,
  panel: readonly V128[],
  sums: readonly V128[],
): (() => void)[] {
  const factor = f.v128();
  return [0, 1, 2, 3].map((lane) =>
    f.repeatable(() => {
      f.set(factor, allLanes(factors, lane));
      sums.forEach((sum, j) => f.set(sum, f.madd(factor, panel[j], sum)));
    })
  );
}

/** Calls `body` with the address, plus an offset, of each of the tile's vectors in C. */
function eachVector(
  f: FunctionBuilder,
  c: I32,
  cStep: I32,
  body: (at: I32, offset: number, index: number) => void,
): void {
  const at = f.i32(c);
  for (let row = 0; row < WIDE_TILE.rows; row++) {
    for (let j = 0; j < VECTORS; j++) body(at, 16 * j, VECTORS * row + j);
    if (row < WIDE_TILE.rows - 1) f.set(at, at.add(cStep));
  }
}

function emitPack(f: FunctionBuilder, { x, xStep, depth, columns }: PanelLocals): void {
  const to = f.i32(PANEL);
  const vectors = Array.from({ length: VECTORS }, () => f.v128());
  f.if(columns.eq(WIDE_TILE.columns), () => {
    f.for(0, depth, 1, () => {
      vectors.forEach((vector, j) => f.set(vector, x.loadV128(16 * j, SHARED)));
      vectors.forEach((vector, j) => f.storeV128(to, vector, 16 * j));
      f.set(to, to.add(ROW));
      f.set(x, x.add(xStep));
    });
  }, () => {
    f.for(0, depth, 1, () => {
      f.for(0, columns.inBytes(), 4, (at) => {
        f.storeF32(to.add(at), x.add(at).loadF32(0, SHARED));
      });
      f.set(to, to.add(ROW));
      f.set(x, x.add(xStep));
    });
  });
}

function emitPackTransposed(f: FunctionBuilder, { x, xStep, depth, columns }: PanelLocals): void {
  const last = f.i32(xStep.mul(columns.sub(1)).add(x)); // columns beyond it repeat it
  const column = Array.from({ length: 4 }, () => f.i32());
  for (let j = 0; j < WIDE_TILE.columns; j += 4) {
    column.forEach((pointer, i) => {
      f.set(pointer, f.minU(x.add(xStep.mul(j + i)), last));
    });
    const to = f.i32(PANEL.add(4 * j));
    f.for(0, depth, 4, () => {
      const four = column.map((pointer) => f.v128(pointer.loadV128(0, SHARED)));
      transposeSquare(f, four).forEach((row, u) => f.storeV128(to, row, ROW * u));
      for (const pointer of column) f.set(pointer, pointer.add(16));
      f.set(to, to.add(4 * ROW));
    });
  }
}
