/**
 * Rows of a table in 16, 8 or 4 bits, selected by ids: y[i] = table[ids[i]]. table: rows of blocks
 * as in half_linear.ts and quantized_linear.ts, whole ones; ids: i32 [count], clamped into the table; y: [count, width]
 * f32, GROUP dividing width. A chunk computes a share of the rows.
 *
 * @module
 */
import type { I32, V128 } from "../../lib/wasm/assembler.ts";
import type { CpuKernel } from "../../lib/device/kernel.ts";
import type { KernelBuilder } from "../../lib/device/kernel_builder.ts";
import { halfWidener } from "./half_linear.ts";

export const quantizedEmbedding: CpuKernel = {
  chunks: ({ count, width }) => Math.max(1, Math.min(count, Math.ceil(count * width / 16384))),
  emit(k) {
    const { f } = k;
    const { GROUP, BITS } = k.constants;
    const writeBlock = blockWriter(k);
    const { rows, width, count } = k.integers("rows", "width", "count");
    const { ids, table, y } = k.pointers("ids", "table", "y");
    const blockBytes = (BITS === 16 ? 0 : 4) + GROUP * BITS / 8;
    k.forShare(count, (i) => {
      const id = f.clamp(ids.at(i).loadI32(), 0, rows.sub(1));
      const from = f.i32(table.add(id.mul(width.divU(GROUP).mul(blockBytes))));
      const to = f.i32(y.at(i.mul(width)));
      f.for(0, width, GROUP, () => {
        writeBlock(from, to);
        f.set(from, from.add(blockBytes));
        f.set(to, to.add(4 * GROUP));
      });
    });
  },
};

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
