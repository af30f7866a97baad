/**
 * c = op(a, b), elementwise with broadcasting. a, b, c: f32.
 *
 * `BROADCAST` 0: all three are [count], and a chunk computes 8,192 elements. `BROADCAST` 1: c is
 * [d0,d1,d2,d3] with a stride of a and of b for each axis (0 where it is stretched), `A_STEP` and
 * `B_STEP` are the last axis's strides (0 or 1), and a chunk computes the rows whose number leaves
 * its own modulo the number of chunks. `OP` is an index into `BINARY`; binary.wgsl numbers its
 * cases alike.
 *
 * @module
 */
import { type FunctionBuilder, type I32, V128 } from "../../lib/wasm/assembler.ts";
import type { CpuKernel } from "../../lib/device/kernel.ts";
import type { KernelBuilder } from "../../lib/device/kernel_builder.ts";
import * as math from "./math.ts";
import { forVectors, mapVectors } from "./rows.ts";
import { CHUNK } from "./unary.ts";

type Vector = (f: FunctionBuilder, a: V128, b: V128) => V128;

const one = V128.of(1);
const flag = (mask: V128) => mask.and(one);

/**
 * The functions of two variables, in the order of their numbers. `…Backward(dy, x)` is dy times the
 * derivative at x.
 */
export const BINARY: Readonly<Record<string, Vector>> = {
  add: (_, a, b) => a.add(b),
  sub: (_, a, b) => a.sub(b),
  mul: (_, a, b) => a.mul(b),
  div: (_, a, b) => a.div(b),
  maximum: (_, a, b) => a.max(b),
  minimum: (_, a, b) => a.min(b),
  greater: (_, a, b) => flag(a.gt(b)),
  greaterEqual: (_, a, b) => flag(a.ge(b)),
  equal: (_, a, b) => flag(a.eq(b)),
  geluBackward: (f, dy, x) => dy.mul(math.geluDerivative(f, x)),
  geluErfBackward: (f, dy, x) => dy.mul(math.geluErfDerivative(f, x)),
  reluBackward: (_, dy, x) => dy.and(x.gt(V128.of(0))),
  siluBackward: (f, dy, x) => dy.mul(math.siluDerivative(f, x)),
};

export const binary: CpuKernel = {
  chunks: ({ count, d3 }, { BROADCAST }) =>
    BROADCAST ? Math.min(count / d3, Math.ceil(count / CHUNK)) : Math.ceil(count / CHUNK),
  emit(k) {
    const op = Object.values(BINARY)[k.constants.OP];
    if (k.constants.BROADCAST) emitRows(k, op);
    else emitContiguous(k, op);
  },
};

function emitContiguous(k: KernelBuilder, op: Vector): void {
  const { f } = k;
  const start = f.i32(k.chunk.mul(CHUNK));
  const left = f.i32(k.integer("count").sub(start));
  const count = f.i32(left.minU(CHUNK));
  const offset = f.i32(start.shl(2));
  const [a, b, c] = ["a", "b", "c"].map((name) => f.i32(k.pointer(name).add(offset)));
  mapVectors(f, count, [a, b], c, (x, y) => op(f, x, y));
}

function emitRows(k: KernelBuilder, op: Vector): void {
  const { f } = k;
  const [aBase, bBase, cBase] = ["a", "b", "c"].map((name) => k.pointer(name));
  const [d1, d2, d3] = ["d1", "d2", "d3"].map((name) => k.integer(name));
  const [a0, a1, a2] = ["a0", "a1", "a2"].map((name) => k.integer(name));
  const [b0, b1, b2] = ["b0", "b1", "b2"].map((name) => k.integer(name));
  const rows = f.i32(k.integer("count").divU(d3));
  const [aStep, bStep] = [k.constants.A_STEP, k.constants.B_STEP];
  const at = (base: I32, i0: I32, i1: I32, i2: I32, s0: I32, s1: I32, s2: I32) =>
    f.i32(base.add(i0.mul(s0).add(i1.mul(s1)).add(i2.mul(s2)).shl(2)));
  f.for(k.chunk, rows, k.chunks, (row) => {
    const i2 = f.i32(row.remU(d2));
    const outer = f.i32(row.divU(d2));
    const i1 = f.i32(outer.remU(d1));
    const i0 = f.i32(outer.divU(d1));
    const a = at(aBase, i0, i1, i2, a0, a1, a2);
    const b = at(bBase, i0, i1, i2, b0, b1, b2);
    const c = f.i32(cBase.add(row.mul(d3).shl(2)));
    const vector = (p: I32, step: number, i: I32) => step ? p.add(i).loadV128() : p.loadSplat();
    const scalar = (p: I32, step: number, i: I32) => (step ? p.add(i) : p).loadSplat();
    forVectors(f, d3, (i) => {
      f.storeV128(c.add(i), op(f, vector(a, aStep, i), vector(b, bStep, i)));
    }, (i) => {
      f.storeF32(c.add(i), op(f, scalar(a, aStep, i), scalar(b, bStep, i)).lane(0));
    });
  });
}
