/**
 * A small assembler of WebAssembly for kernels: `ModuleBuilder` defines functions,
 * `FunctionBuilder` writes their statements, and `I32`, `F32` and `V128` are typed expressions.
 *
 * kernels/cpu imports only this module of it. lib/device/cpu runs the emitted code.
 *
 * ```ts
 * import { ModuleBuilder } from "./assembler.ts";
 * const module = new ModuleBuilder();
 * const square = module.define({ x: "f32" }, (_, { x }) => x.mul(x));
 * const norm = module.define({ x: "f32", y: "f32" }, (f, { x, y }) => {
 *   return f.call(square, { x }).add(f.call(square, { x: y })).sqrt();
 * });
 * module.export("norm", norm);
 * const memory = new WebAssembly.Memory({ initial: 1, maximum: 65536, shared: true });
 * const compiled = new WebAssembly.Module(module.encode());
 * const { exports } = new WebAssembly.Instance(compiled, { env: { memory } });
 * console.log((exports.norm as (x: number, y: number) => number)(3, 4)); // 5
 * ```
 *
 * @module
 */
export type { Code } from "./encoding.ts";
export { F32, I32, V128 } from "./expressions.ts";
export type { Expression, F32Like, I32Like, ValueType } from "./expressions.ts";
export { FunctionBuilder, type FunctionContext } from "./function_builder.ts";
export {
  ModuleBuilder,
  type ModuleOptions,
  PRIVATE_PAGES,
  relaxedSimdSupported,
} from "./module_builder.ts";
export type {
  ExpressionOf,
  FunctionHandle,
  OperandOf,
  OperandsOf,
  ParametersOf,
  ParameterTypes,
  ResultOf,
  TypeOf,
} from "./signature.ts";
