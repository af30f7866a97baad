/**
 * The numbers of a row of weights in BITS = 16, 8 or 4 bits, as f32: for quantized_embedding.ts and
 * dequantize.ts. Blocks are as in half_linear.ts and quantized_linear.ts.
 *
 * @module
 */
import type { I32, V128 } from "../../lib/wasm/assembler.ts";
import type { Constants } from "../../lib/device/kernel.ts";
import type { KernelBuilder } from "../../lib/device/kernel_builder.ts";
import { halfWidener } from "./half_linear.ts";

/** Bytes of the scratch memory that `rowWriter` needs. */
export const rowScratchBytes = ({ GROUP }: Constants): number => 4 * GROUP;

/** Writes rows, one at a time. */
export interface RowWriter {
  /** Bytes of a row of blocks. */
  readonly rowBytes: I32;
  /** Emits the copy of the `width` numbers of the row of blocks at `row` to `to`. */
  write(row: I32, to: I32): void;
}

/** What writes rows of `width` numbers, whose last block may be a part of one. */
export function rowWriter(k: KernelBuilder, width: I32): RowWriter {
  const { f, scratch } = k;
  const { GROUP, BITS } = k.constants;
  const writeBlock = blockWriter(k);
  const blockBytes = (BITS === 16 ? 0 : 4) + GROUP * BITS / 8;
  const whole = f.i32(width.divU(GROUP));
  const rest = f.i32(width.remU(GROUP));
  const rowBytes = f.i32(width.add(GROUP - 1).divU(GROUP).mul(blockBytes));
  return {
    rowBytes,
    write(row, to) {
      const [from, target] = [f.i32(row), f.i32(to)];
      f.for(0, whole, 1, () => {
        writeBlock(from, target);
        f.set(from, from.add(blockBytes));
        f.set(target, target.add(4 * GROUP));
      });
      f.if(rest, () => {
        writeBlock(from, scratch);
        f.for(0, rest, 1, (i) => f.storeF32(target.at(i), scratch.at(i).loadF32()));
      });
    },
  };
}

/** Emits the numbers of the block at an address. */
function blockWriter(k: KernelBuilder): (from: I32, to: I32) => void {
  const { f } = k;
  const { GROUP, BITS, F16 } = k.constants;
  if (BITS === 16) {
    const widen = halfWidener(f, F16 === 1);
    return (from, to) =>
      widen(f.v128(from.loadV128())).forEach((four, i) => f.storeV128(to, four, 16 * i));
  }
  return (from, to) => {
    const scale = f.v128(from.loadSplat());
    for (let j = 0; j < GROUP; j += 8) {
      const integers = f.v128(eightIntegers(from, j, BITS));
      f.storeV128(to, integers.widenS16("low").toF().mul(scale), 4 * j);
      f.storeV128(to, integers.widenS16("high").toF().mul(scale), 4 * j + 16);
    }
  };
}

/** Eight integers from the j-th on of the block at an address, as i16x8. */
function eightIntegers(block: I32, j: number, bits: number): V128 {
  if (bits === 8) return block.loadS8x8(4 + j);
  const bytes = block.loadV128(4 + 16 * Math.floor(j / 32));
  const half = j % 32 < 16 ? bytes.shlI8(4).shrSI8(4) : bytes.shrSI8(4);
  return half.widenS8(j % 16 === 0 ? "low" : "high");
}
