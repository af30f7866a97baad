/**
 * What becomes of a product before it is stored: bias, activation, an activation's derivative,
 * residual.
 *
 * v = product + bias; saved = v; c = activation(v)·activationBackward'(pre) + residual, each part
 * where its constant asks for it. bias: [n]; saved, pre, residual, c: [batch,m,n].
 *
 * @module
 */
import type { FunctionBuilder, I32, V128 } from "../../lib/wasm/assembler.ts";
import { V128 as Vector } from "../../lib/wasm/assembler.ts";
import type { KernelBuilder } from "../../lib/device/kernel_builder.ts";
import * as math from "./math.ts";

type Map = (f: FunctionBuilder, x: V128) => V128;

/** Activations in the order of their numbers; 0 is none. */
const ACTIVATIONS: readonly (Map | undefined)[] = [
  undefined,
  math.gelu,
  math.geluErf,
  (f, x) => x.pmax(f.constant(Vector.of(0))),
  math.silu,
];

const DERIVATIVES: readonly (Map | undefined)[] = [
  undefined,
  math.geluDerivative,
  math.geluErfDerivative,
  (f, x) => x.gt(f.constant(Vector.of(0))).and(f.constant(Vector.of(1))),
  math.siluDerivative,
];

/**
 * Emits the end of some products: `product` holds four of them, or one in its first lane; `column`
 * and `offset` are locals with the byte offsets in a row and in C.
 */
export type Epilogue = (product: V128, column: I32, offset: I32, count: "four" | "one") => void;

/** The epilogue that this build of the kernel asks for. Call it before any loop. */
export function epilogue(k: KernelBuilder): Epilogue {
  const { f } = k;
  const { BIAS, RESIDUAL, SAVE } = k.constants;
  const activation = ACTIVATIONS[k.constants.ACTIVATION];
  const derivative = DERIVATIVES[k.constants.ACTIVATION_BACKWARD];
  const pointer = (name: string, used: unknown) => used ? k.pointer(name) : undefined;
  const bias = pointer("bias", BIAS);
  const residual = pointer("residual", RESIDUAL);
  const pre = pointer("pre", derivative);
  const saved = pointer("saved", SAVE);
  const c = k.pointer("c");
  return (product, column, offset, count) => {
    const load = (p: I32) => count === "four" ? p.loadV128() : p.loadSplat();
    const store = (p: I32, value: V128) => {
      if (count === "four") f.storeV128(p, value);
      else f.storeF32(p, value.lane(0));
    };
    let value = product;
    if (bias) value = value.add(load(bias.add(column)));
    if (saved) store(saved.add(offset), value = f.v128(value));
    if (activation) value = activation(f, value);
    if (pre && derivative) value = value.mul(derivative(f, load(pre.add(offset))));
    if (residual) value = value.add(load(residual.add(offset)));
    store(c.add(offset), value);
  };
}
