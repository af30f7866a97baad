/**
 * Linear layer with weights in 16 bits: C = activation(A·Wᵀ + bias) + residual. A, residual, C:
 * [m,…] f32; bias: [n] f32; W: [n] rows of blocks of eight weights, filled up with zeros: word j
 * has weight j in its low half and weight j + 4 in its high half, as bf16 or, with F16, as f16.
 *
 * A chunk computes `share` columns of C, from as many rows of W and all of A, ROWS rows at a time.
 * Weights are widened to f32 exactly; sums are in f32, four for each element of C. Several streams
 * of the chunk's rows of W are read together, in the order of weight_streams.ts.
 *
 * @module
 */
import { type FunctionBuilder, I32, V128 } from "../../lib/wasm/assembler.ts";
import type { CpuKernel } from "../../lib/device/kernel.ts";
import { rowsOfStreams } from "../../lib/device/kernel_chunks.ts";
import { epilogue } from "./matmul_epilogue.ts";
import { spaced } from "./matmul_rows.ts";
import { emitStreams } from "./weight_streams.ts";

/** The most streams of W, and streams times rows of A. */
const STREAMS = 4, SUMS = 8;
/** Weights of a block, and the bytes of as many numbers of A. */
const BLOCK = 8, BLOCK_BYTES = 4 * BLOCK;

export const halfLinear: CpuKernel = {
  tiling: { sizes: ["share"], choose: ({ n, k }) => ({ share: rowsOfStreams(n, 2 * k) }) },
  chunks: ({ n, share }) => Math.ceil(n / share),
  scratchBytes: (_, { ROWS }) => ROWS * BLOCK_BYTES,
  emit(k) {
    const { f } = k;
    const { ROWS, F16 } = k.constants;
    const { m, n, k: inner } = k.integers("m", "n", "k");
    const finish = epilogue(k);
    const widen = halfWidener(f, F16 === 1);
    const share = k.share(n, k.integer("share"));
    const blocks = f.i32(inner.divU(BLOCK));
    const rest = f.i32(inner.remU(BLOCK));
    const rowBytes = f.i32(inner.add(BLOCK - 1).divU(BLOCK).mul(2 * BLOCK));
    const b = f.i32(k.pointer("b").add(share.start.mul(rowBytes)));
    const a = f.i32(k.pointer("a"));
    f.for(0, m, ROWS, (row) => {
      const rows = spaced(f, ROWS, a, inner.inBytes());
      const rests = spaced(f, ROWS, k.scratch, I32.of(BLOCK_BYTES));
      f.if(rest, () => {
        rows.forEach((from, r) => copyRest(f, from.at(blocks.mul(BLOCK)), rests[r], rest));
      });
      const width = Math.min(STREAMS, SUMS / ROWS);
      const dots = (from: I32[]) => dotProducts(f, from, { rows, rests, rest, blocks, widen });
      emitStreams(f, { width, b, rowBytes, share, dots, row, n, finish });
      f.set(a, a.at(inner.mul(ROWS)));
    });
  },
};

/** The widened weights 0 to 3 and 4 to 7 of a block. */
export type Widener = (block: V128) => [first: V128, second: V128];

/**
 * Emits the widening of bf16, or of f16, whose exponent counts from 2^112 times as much. Call it
 * before any loop, and the result with a local.
 */
export function halfWidener(f: FunctionBuilder, isF16: boolean): Widener {
  if (!isF16) {
    const upper = f.v128(V128.ofI(-0x10000));
    return (block) => [block.shlI(16), block.and(upper)];
  }
  const kept = f.v128(V128.ofI(0x8FFFE000 | 0)); // not the copies of the sign
  const scale = f.v128(V128.of(2 ** 112));
  const float = (upper: V128) => upper.shrSI(3).and(kept).mul(scale);
  return (block) => [float(block.shlI(16)), float(block)];
}

/** Copies the last numbers of a row of A, filled up with zeros. */
function copyRest(f: FunctionBuilder, from: I32, to: I32, count: I32): void {
  for (let i = 0; i < BLOCK; i += 4) f.storeV128(to, V128.of(0), 4 * i);
  f.for(0, count, 1, (i) => f.storeF32(to.at(i), from.at(i).loadF32()));
}

interface Activations {
  /** The rows of A. */
  readonly rows: I32[];
  /** The last numbers of each, if there are `rest` of them. */
  readonly rests: I32[];
  readonly rest: I32;
  /** Whole blocks of a row. */
  readonly blocks: I32;
  readonly widen: Widener;
}

/**
 * The products of each row of W at `from`, which advance, with each row of A, four partial sums in
 * each.
 */
function dotProducts(
  f: FunctionBuilder,
  from: I32[],
  { rows, rests, rest, blocks, widen }: Activations,
): V128[][] {
  const sums = from.map(() => rows.map(() => f.v128(V128.of(0))));
  const a = rows.map((row) => f.i32(row));
  const block = f.v128();
  const addBlock = (left: I32[]) => {
    const x = left.map((row) => [f.v128(row.loadV128(0)), f.v128(row.loadV128(16))]);
    from.forEach((row, j) => {
      f.set(block, row.loadV128());
      widen(block).forEach((values, half) => {
        const weights = f.v128(values);
        x.forEach((numbers, r) => {
          f.set(sums[j][r], f.madd(numbers[half], weights, sums[j][r]));
        });
      });
      f.set(row, row.add(2 * BLOCK));
    });
  };
  const left = f.i32(blocks);
  f.while(left, () => {
    addBlock(a);
    for (const row of a) f.set(row, row.add(BLOCK_BYTES));
    f.set(left, left.sub(1));
  });
  f.if(rest, () => addBlock(rests));
  return sums;
}
