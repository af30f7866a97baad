/**
 * Loops over contiguous floats, vectorized: four floats (one vector) at a time, then the rest one
 * at a time.
 *
 * @module
 */
import { type F32, type FunctionBuilder, I32, V128 } from "../../lib/wasm/assembler.ts";
import type { KernelBuilder } from "../../lib/device/kernel_builder.ts";
import { sumLanes } from "./math.ts";

/** Vectors that `mapVectors` computes in one round of its loop. */
const UNROLL = 2;

/**
 * Calls `body(row)` for the rows of this chunk: `group` of the `rows` that the kernel's scalars
 * name.
 */
export function forRows(k: KernelBuilder, body: (row: I32) => void): void {
  const { start, end } = k.share(k.integer("rows"), k.integer("group"));
  k.f.for(start, end, 1, body);
}

/** Reads and writes of a loop: four floats, or one, which is then in every lane. */
export interface Lanes {
  readonly count: "four" | "one";
  /** The floats at an address plus `offset` bytes. */
  load(address: I32, offset?: number): V128;
  /** Stores four floats, or the first lane. */
  store(address: I32, value: V128, offset?: number): void;
}

/** Four floats at a time. */
export function four(f: FunctionBuilder): Lanes {
  return {
    count: "four",
    load: (address, offset) => address.loadV128(offset),
    store: (address, value, offset) => f.storeV128(address, value, offset),
  };
}

/** One float at a time. */
export function one(f: FunctionBuilder): Lanes {
  return {
    count: "one",
    load: (address, offset) => address.loadSplat(offset),
    store: (address, value, offset) => f.storeF32(address, value.lane(0), offset),
  };
}

/**
 * Calls `body` with byte offsets 0, 16, … while four whole floats are left of `count`, then with
 * offsets in steps of 4, and with the reads and writes of as many floats. `unroll` vectors are
 * computed without a branch between them: each is `at` bytes from the offset.
 */
export function forVectors(
  f: FunctionBuilder,
  count: I32 | number,
  body: (byteOffset: I32, lanes: Lanes, at: number) => void,
  unroll = 1,
): void {
  const bytes = f.i32(I32.of(count).inBytes());
  const i = f.i32(0);
  for (const vectors of new Set([unroll, 1])) {
    const whole = f.i32(bytes.and(-16 * vectors));
    f.while(i.ltU(whole), () => {
      for (let u = 0; u < vectors; u++) body(i, four(f), 16 * u);
      f.set(i, i.add(16 * vectors));
    });
  }
  f.while(i.ltU(bytes), () => {
    body(i, one(f), 0);
    f.set(i, i.add(4));
  });
}

/**
 * output = map(inputs), elementwise: `UNROLL` vectors at a time, then one, then single floats, for
 * which the same vector function is computed and its first lane stored.
 */
export function mapVectors(
  f: FunctionBuilder,
  count: I32 | number,
  inputs: readonly I32[],
  output: I32,
  map: (...values: V128[]) => V128,
): void {
  const step = (i: I32, { load, store }: Lanes, at: number) =>
    store(output.add(i), map(...inputs.map((p) => load(p.add(i), at))), at);
  forVectors(f, count, step, UNROLL);
}

/**
 * The sum of `term` over `count` elements, in four lanes and then the rest; `term` receives byte
 * offsets as the body of `forVectors` does.
 */
export function sumVectors(
  f: FunctionBuilder,
  count: I32 | number,
  term: (byteOffset: I32, lanes: Lanes) => V128,
): F32 {
  const sums = { four: f.v128(V128.of(0)), one: f.v128(V128.of(0)) };
  forVectors(f, count, (i, lanes) => {
    const sum = sums[lanes.count];
    f.set(sum, sum.add(term(i, lanes)));
  });
  return f.f32(sumLanes(f, sums.four).add(sums.one.lane(0)));
}
