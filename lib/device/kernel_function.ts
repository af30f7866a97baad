/**
 * A function of floats in both languages, as a parameter of a kernel's build: WGSL calls it, the
 * CPU form inlines it.
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

/** The functions of a build, by the names under which its kernel calls them. */
export type KernelFunctions = Readonly<Record<string, KernelFunction>>;
