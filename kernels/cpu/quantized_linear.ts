/**
 * Linear layer with weights in BITS = 8 or 4 bits: C = activation(A·Wᵀ + bias) + residual. A,
 * residual, C: [m,…] f32; bias: [n] f32; W: [n] rows of blocks, each a scale in f32 and GROUP
 * signed integers, a weight being scale · integer. In 4 bits, byte j of the 16 bytes of 32 integers
 * holds integer j in its low half and integer j + 16 in its high half.
 *
 * A chunk computes `share` columns of C, from as many rows of W and all of A, ROWS rows at a time:
 * these become 16-bit integers with a scale for each block (so a value is off by at most 1.6·10⁻⁵
 * of its block's largest), and each block's products are summed exactly, in 32-bit integers (in 4
 * bits by nibble_blocks.ts, where there is relaxed SIMD). A block's sum times the two scales is
 * added in f32. Several streams of the chunk's rows of W are read together, in the order of
 * weight_streams.ts.
 *
 * @module
 */
import { F32, type FunctionBuilder, type I32, V128 } from "../../lib/wasm/assembler.ts";
import type { CpuKernel } from "../../lib/device/kernel.ts";
import type { KernelBuilder } from "../../lib/device/kernel_builder.ts";
import { rowsOfStreams } from "../../lib/device/kernel_chunks.ts";
import { maxLane } from "./math.ts";
import { epilogue } from "./matmul_epilogue.ts";
import { spaced } from "./matmul_rows.ts";
import {
  LARGEST,
  nibbleActivationBlock,
  nibbleProducts,
  packNibbleActivations,
} from "./nibble_blocks.ts";
import { emitStreams } from "./weight_streams.ts";

/** Streams of W times rows of A that are summed together. */
const SUMS = 4;
/**
 * Bytes of a block of W, and of one of A in scratch memory: its scale (padded to 16 bytes), then
 * 16-bit integers.
 */
const weightBlock = (group: number, bits: number) => 4 + group * bits / 8;
const activationBlock = (group: number, bits: number) =>
  bits === 4 ? nibbleActivationBlock(group) : 16 + 2 * group;

/** Whether weights are multiplied as bytes (nibble_blocks.ts). */
const asBytes = (f: FunctionBuilder, bits: number) => bits === 4 && f.context.relaxed;

export const quantizedLinear: CpuKernel = {
  tiling: {
    sizes: ["share"],
    choose: ({ n, k }, { GROUP, BITS }) => ({
      share: rowsOfStreams(n, Math.ceil(k / GROUP) * weightBlock(GROUP, BITS)),
    }),
  },
  chunks: ({ n, share }) => Math.ceil(n / share),
  scratchBytes: ({ k }, { ROWS, GROUP, BITS }) =>
    4 * GROUP + ROWS * Math.ceil(k / GROUP) * activationBlock(GROUP, BITS),
  emit(k) {
    const { f } = k;
    const { ROWS, GROUP, BITS } = k.constants;
    const { m, n, k: inner } = k.integers("m", "n", "k");
    const finish = epilogue(k);
    const share = k.share(n, k.integer("share"));
    const blocks = f.i32(inner.add(GROUP - 1).divU(GROUP));
    const rowBytes = f.i32(blocks.mul(weightBlock(GROUP, BITS)));
    const b = f.i32(k.pointer("b").add(share.start.mul(rowBytes)));
    const a = f.i32(k.pointer("a"));
    const packedBytes = blocks.mul(activationBlock(GROUP, BITS));
    f.for(0, m, ROWS, (row) => {
      const packed = spaced(f, ROWS, k.scratch.add(4 * GROUP), packedBytes);
      for (const to of packed) {
        packRow(k, a, to, inner);
        f.set(a, a.at(inner));
      }
      const width = Math.max(1, Math.floor(SUMS / ROWS));
      const activations = { packed, blocks, group: GROUP, bits: BITS };
      const dots = (from: I32[]) => dotProducts(f, from, activations);
      emitStreams(f, { width, b, rowBytes, share, dots, row, n, finish });
    });
  },
};

/** A row of A as blocks of 16-bit integers at `to`. */
function packRow(k: KernelBuilder, a: I32, to: I32, count: I32): void {
  const { f } = k;
  const { GROUP, BITS } = k.constants;
  const [from, at, left] = [f.i32(a), f.i32(to), f.i32(count)];
  f.while(left.gtS(0), () => {
    f.if(left.ltS(GROUP), () => { // the last block is padded with zeros
      for (let i = 0; i < GROUP; i += 4) f.storeV128(k.scratch, V128.of(0), 4 * i);
      f.for(0, left, 1, (i) => {
        f.storeF32(k.scratch.at(i), from.at(i).loadF32());
      });
      f.set(from, k.scratch);
    });
    packBlock(f, from, at, { group: GROUP, bits: BITS });
    f.set(from, from.add(4 * GROUP));
    f.set(at, at.add(activationBlock(GROUP, BITS)));
    f.set(left, left.sub(GROUP));
  });
}

function packBlock(
  f: FunctionBuilder,
  from: I32,
  to: I32,
  { group, bits }: { group: number; bits: number },
): void {
  const sizes = f.v128(V128.of(0));
  for (let i = 0; i < group; i += 4) f.set(sizes, sizes.pmax(from.loadV128(4 * i).abs()));
  const largest = f.f32(maxLane(f, sizes));
  f.storeF32(to, largest.div(LARGEST));
  const inverse = F32.select(largest.gt(0), F32.of(LARGEST).div(largest), 0);
  const factor = f.v128(f.f32(inverse).splat());
  const four = (i: number) => from.loadV128(4 * i).mul(factor).nearest().toI();
  const eight = (i: number) => four(8 * i).narrowToS16(four(8 * i + 4));
  if (asBytes(f, bits)) packNibbleActivations(f, to, group, eight);
  else for (let i = 0; i < group; i += 8) f.storeV128(to, eight(i / 8), 16 + 2 * i);
}

interface Activations {
  readonly packed: I32[];
  readonly blocks: I32;
  readonly group: number;
  readonly bits: number;
}

/**
 * The products of each row of W at `rows`, which advance, with each packed row of A, four partial
 * sums in each.
 */
function dotProducts(
  f: FunctionBuilder,
  rows: I32[],
  { packed, blocks, group, bits }: Activations,
): V128[][] {
  const sums = rows.map(() => packed.map(() => f.v128(V128.of(0))));
  const a = packed.map((row) => f.i32(row));
  const left = f.i32(blocks);
  f.while(left, () => {
    const exactOf = asBytes(f, bits)
      ? nibbleProducts(f, a, group)
      : wordProducts(f, rows, a, { group, bits });
    const scales = a.map((row) => f.v128(row.loadSplat()));
    rows.forEach((row, j) => {
      const exact = exactOf(row, j);
      const scale = f.v128(row.loadSplat());
      scales.forEach((other, r) => {
        const factor = scale.mul(other);
        f.set(sums[j][r], f.madd(exact[r].toF(), factor, sums[j][r]));
      });
      f.set(row, row.add(weightBlock(group, bits)));
    });
    for (const row of a) f.set(row, row.add(activationBlock(group, bits)));
    f.set(left, left.sub(1));
  });
  return sums;
}

/**
 * Computes the products of a block of each row of W and of each block of activations, and gives
 * those of a row: four parts, i32x4.
 */
function wordProducts(
  f: FunctionBuilder,
  rows: readonly I32[],
  activations: readonly I32[],
  { group, bits }: { group: number; bits: number },
): (row: I32, index: number) => V128[] {
  const exact = rows.map(() => activations.map(() => f.v128()));
  const integers = f.v128();
  const halves = rows.map(() => f.v128());
  for (let i = 0; i < group; i += 8) {
    const x = activations.map((row) => f.v128(row.loadV128(16 + 2 * i)));
    rows.forEach((row, j) => {
      f.set(integers, bits === 8 ? row.loadS8x8(4 + i) : nibbles(f, row, i, halves[j]));
      x.forEach((values, r) => {
        const product = integers.dotS16(values);
        f.set(exact[j][r], i === 0 ? product : exact[j][r].addI(product));
      });
    });
  }
  return (_row, index) => exact[index];
}

/** Eight integers from the i-th on of a block in 4 bits; `half` keeps sixteen of them as bytes. */
function nibbles(f: FunctionBuilder, row: I32, i: number, half: V128): V128 {
  const bytes = row.loadV128(4 + 16 * Math.floor(i / 32));
  if (i % 32 === 0) f.set(half, bytes.shlI8(4).shrSI8(4));
  if (i % 32 === 16) f.set(half, bytes.shrSI8(4));
  return half.widenS8(i % 16 === 0 ? "low" : "high");
}
