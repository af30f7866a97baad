/**
 * y = op(x), elementwise. x, y: [count] f32. A chunk computes 8,192 elements.
 *
 * `OP` is an index into `UNARY`; unary.wgsl numbers its cases alike.
 *
 * @module
 */
import { type FunctionBuilder, V128 } from "../../lib/wasm/assembler.ts";
import * as math from "./math.ts";
import { mapVectors } from "./rows.ts";
import type { CpuKernel } from "../../lib/device/kernel.ts";

type Vector = (f: FunctionBuilder, x: V128) => V128;

/** The functions of one variable, in the order of their numbers. */
export const UNARY: Readonly<Record<string, Vector>> = {
  negate: (_, x) => x.neg(),
  exp: math.exp,
  log: math.log,
  tanh: math.tanh,
  sqrt: (_, x) => x.sqrt(),
  rsqrt: (_, x) => V128.of(1).div(x.sqrt()),
  gelu: math.gelu,
  geluErf: math.geluErf,
  relu: (_, x) => x.max(V128.of(0)),
  silu: math.silu,
  sigmoid: math.sigmoid,
  abs: (_, x) => x.abs(),
  square: (f, x) => {
    const value = f.v128(x);
    return value.mul(value);
  },
  reciprocal: (_, x) => V128.of(1).div(x),
};

/** Elements in a chunk of an elementwise kernel. */
export const CHUNK = 8192;

export const unary: CpuKernel = {
  chunks: ({ count }) => Math.ceil(count / CHUNK),
  emit(k) {
    const { f } = k;
    const start = f.i32(k.chunk.mul(CHUNK));
    const left = f.i32(k.integer("count").sub(start));
    const count = f.i32(left.minU(CHUNK));
    const offset = f.i32(start.shl(2));
    const x = f.i32(k.pointer("x").add(offset));
    const y = f.i32(k.pointer("y").add(offset));
    const op = Object.values(UNARY)[k.constants.OP];
    mapVectors(f, count, [x], y, (value) => op(f, value));
  },
};
