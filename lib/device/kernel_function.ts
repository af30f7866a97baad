/**
 * A function of floats in both languages, which a kernel is built with: WGSL calls it, the CPU form
 * writes it in place.
 *
 * @module
 */
import type { FunctionBuilder, V128 } from "../wasm/assembler.ts";

/** A function from floats to a float. */
export interface KernelFunction {
  /** The names of its parameters in `wgsl`. */
  readonly parameters: readonly string[];
  /** Its value, an expression in WGSL. */
  readonly wgsl: string;
  /** Writes the same in WebAssembly, for four floats at a time. */
  readonly cpu: (f: FunctionBuilder, ...values: V128[]) => V128;
}

/** The functions of a build, by the names that its kernel calls them by. */
export type KernelFunctions = Readonly<Record<string, KernelFunction>>;
