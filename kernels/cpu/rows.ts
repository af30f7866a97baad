/**
 * Walking contiguous floats four at a time, the rest one at a time: shared by the kernels that go
 * over rows.
 *
 * @module
 */
import { type FunctionBuilder, I32, type V128 } from "../../lib/wasm/assembler.ts";
import type { KernelBuilder } from "../../lib/device/kernel_builder.ts";

/** Vectors that `mapVectors` computes in one round of its loop. */
const UNROLL = 2;

/**
 * Calls `body(row)` for the rows of this chunk: `group` of the `rows` that the kernel's scalars
 * name.
 */
export function forRows(k: KernelBuilder, body: (row: I32) => void): void {
  const { f } = k;
  const [rows, group] = [k.integer("rows"), k.integer("group")];
  const first = f.i32(k.chunk.mul(group));
  const end = f.i32(first.add(group));
  f.for(first, f.i32(end.minU(rows)), 1, body);
}

/**
 * Calls `body(i)` with byte offsets i = 0, 16, … while four whole floats are left of `count`, then
 * `tail(i)` with i in steps of 4. `count` is a local or a constant.
 */
export function forVectors(
  f: FunctionBuilder,
  count: I32 | number,
  body: (byteOffset: I32) => void,
  tail: (byteOffset: I32) => void,
): void {
  const bytes = f.i32(I32.of(count).shl(2));
  const whole = f.i32(bytes.and(-16));
  const i = f.i32(0);
  f.while(i.ltU(whole), () => {
    body(i);
    f.set(i, i.add(16));
  });
  f.while(i.ltU(bytes), () => {
    tail(i);
    f.set(i, i.add(4));
  });
}

/**
 * output = map(inputs), elementwise: `UNROLL` vectors at a time, then one, then single floats, for
 * which the same vector function is computed and its first lane kept. `count` is a local or a
 * constant.
 */
export function mapVectors(
  f: FunctionBuilder,
  count: I32 | number,
  inputs: readonly I32[],
  output: I32,
  map: (...values: V128[]) => V128,
): void {
  const bytes = f.i32(I32.of(count).shl(2));
  const unrolled = f.i32(bytes.and(-16 * UNROLL));
  const whole = f.i32(bytes.and(-16));
  const i = f.i32(0);
  const vector = (offset: number) => {
    const value = map(...inputs.map((p) => p.add(i).loadV128(offset)));
    f.storeV128(output.add(i), value, offset);
  };
  f.while(i.ltU(unrolled), () => {
    for (let u = 0; u < UNROLL; u++) vector(16 * u);
    f.set(i, i.add(16 * UNROLL));
  });
  f.while(i.ltU(whole), () => {
    vector(0);
    f.set(i, i.add(16));
  });
  f.while(i.ltU(bytes), () => {
    f.storeF32(output.add(i), map(...inputs.map((p) => p.add(i).loadSplat())).lane(0));
    f.set(i, i.add(4));
  });
}
