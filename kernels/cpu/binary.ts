/**
 * c = apply(a, b), elementwise with broadcasting. a, b, c: f32.
 *
 * `BROADCAST` 0: all three are [count], and a chunk computes 8,192 elements. `BROADCAST` 1: c is
 * [d0,d1,d2,d3] with a stride of a and of b for each axis (0 if it is broadcast), `A_STEP` and
 * `B_STEP` are the last axis's strides (0 or 1), and a chunk computes a share of the rows.
 * `apply` is a function of the build, such as those in ../elementwise.ts.
 *
 * @module
 */
import type { V128 } from "../../lib/wasm/assembler.ts";
import type { CpuKernel } from "../../lib/device/kernel.ts";
import type { KernelBuilder } from "../../lib/device/kernel_builder.ts";
import { forVectors, mapVectors } from "./rows.ts";
import { CHUNK } from "./unary.ts";

export const binary: CpuKernel = {
  chunks: ({ count, d3 }, { BROADCAST }) =>
    BROADCAST ? Math.min(count / d3, Math.ceil(count / CHUNK)) : Math.ceil(count / CHUNK),
  emit(k) {
    const { f, functions: { apply } } = k;
    emitElementwise(k, { inputs: ["a", "b"], output: "c" }, (a, b) => apply.cpu(f, a, b));
  },
};

/** The names of a kernel's buffers; an input `a` has the strides `a0`, `a1`, `a2` and `A_STEP`. */
interface Operands {
  readonly inputs: readonly string[];
  readonly output: string;
}

/** output = map(inputs), elementwise with broadcasting, as lib/tensor/broadcast.ts lays it out. */
export function emitElementwise(
  k: KernelBuilder,
  operands: Operands,
  map: (...values: V128[]) => V128,
): void {
  if (k.constants.BROADCAST) emitRows(k, operands, map);
  else emitContiguous(k, operands, map);
}

function emitContiguous(
  k: KernelBuilder,
  { inputs, output }: Operands,
  map: (...values: V128[]) => V128,
): void {
  const { f } = k;
  const { start, count } = k.share(k.integer("count"), CHUNK);
  const at = (name: string) => f.i32(k.pointer(name).at(start));
  mapVectors(f, count, inputs.map(at), at(output), map);
}

function emitRows(
  k: KernelBuilder,
  { inputs, output }: Operands,
  map: (...values: V128[]) => V128,
): void {
  const { f } = k;
  const { d1, d2, d3 } = k.integers("d1", "d2", "d3");
  const sources = inputs.map((name) => ({
    base: k.pointer(name),
    strides: [0, 1, 2].map((axis) => k.integer(`${name}${axis}`)),
    step: k.constants[`${name.toUpperCase()}_STEP`],
  }));
  const target = k.pointer(output);
  const rows = f.i32(k.integer("count").divU(d3));
  k.forShare(rows, (row) => {
    const [i0, i1, i2] = f.unravel(row, d1, d2);
    const starts = sources.map(({ base, strides: [s0, s1, s2] }) =>
      f.i32(base.at(i0.mul(s0).add(i1.mul(s1)).add(i2.mul(s2))))
    );
    const to = f.i32(target.at(row.mul(d3)));
    forVectors(f, d3, (i, { load, store }) => {
      const values = sources.map(({ step }, n) =>
        step ? load(starts[n].add(i)) : starts[n].loadSplat()
      );
      store(to.add(i), map(...values));
    });
  });
}
