/**
 * The epilogue of a product: bias, activation, an activation's gradient, residual.
 *
 * v = product + bias; saved = save(v); c = backward(activate(v), pre) + residual, each part if its
 * constant is 1. bias: [n]; saved, pre, residual, c: [batch,m,n].
 *
 * @module
 */
import type { I32, V128 } from "../../lib/wasm/assembler.ts";
import type { KernelBuilder } from "../../lib/device/kernel_builder.ts";

/**
 * Emits the epilogue of some products: `product` holds four of them, or one in its first lane;
 * `column` and `offset` are locals with the byte offsets in a row and in C, which are `at` bytes
 * further on.
 */
export type Epilogue = (
  product: V128,
  column: I32,
  offset: I32,
  count: "four" | "one",
  at?: number,
) => void;

/** Whether this build of a kernel has an epilogue; otherwise a product is stored unchanged. */
export function hasEpilogue({ constants }: KernelBuilder): boolean {
  const { BIAS, RESIDUAL, SAVE, ACTIVATE, BACKWARD } = constants;
  return Boolean(BIAS || RESIDUAL || SAVE || ACTIVATE || BACKWARD);
}

/** The epilogue of this build of the kernel. Call it before any loop. */
export function epilogue(k: KernelBuilder): Epilogue {
  const { f, functions: { activate, save, backward } } = k;
  const { BIAS, RESIDUAL, SAVE, ACTIVATE, BACKWARD } = k.constants;
  const pointer = (name: string, used: number) => used ? k.pointer(name) : undefined;
  const bias = pointer("bias", BIAS);
  const residual = pointer("residual", RESIDUAL);
  const pre = pointer("pre", BACKWARD);
  const saved = pointer("saved", SAVE);
  const c = k.pointer("c");
  return (product, column, offset, count, at = 0) => {
    const load = (p: I32) => count === "four" ? p.loadV128(at) : p.loadSplat(at);
    const store = (p: I32, value: V128) => {
      if (count === "four") f.storeV128(p, value, at);
      else f.storeF32(p, value.lane(0), at);
    };
    let value = product;
    if (bias) value = value.add(load(bias.add(column)));
    if (saved) {
      value = f.v128(value);
      store(saved.add(offset), save.cpu(f, value));
    }
    if (ACTIVATE) value = activate.cpu(f, value);
    if (pre) value = backward.cpu(f, value, load(pre.add(offset)));
    if (residual) value = value.add(load(residual.add(offset)));
    store(c.add(offset), value);
  };
}
