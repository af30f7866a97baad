/**
 * Everything for writing kernels: `customOp`, the builder of CPU kernels with its expressions, and
 * the tuning that measures the library's matmul kernels.
 *
 * A kernel in WGSL is text and needs only `customOp`, which ../../mod.ts exports, too. A kernel for
 * the CPU is a function that writes WebAssembly through a `KernelBuilder`. The library's own
 * kernels are in kernels/, one operation per file.
 *
 * ```ts
 * import { customOp, type F32, type KernelBuilder } from "./mod.ts";
 * import { openDevice, tensor } from "../../mod.ts";
 *
 * const cube = (x: F32): F32 => x.mul(x).mul(x);
 * const cubed = customOp({
 *   name: "cubed",
 *   inputs: { x: "f32" },
 *   cpu: {
 *     chunks: () => 1,
 *     emit(k: KernelBuilder) {
 *       const { x, output } = k.pointers("x", "output");
 *       k.f.for(0, k.integer("count"), 1, (i) => {
 *         k.f.storeF32(output.at(i), cube(k.f.f32(x.at(i).loadF32())));
 *       });
 *     },
 *   },
 * });
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * console.log(await cubed({ x: tensor([1, 2, 3]) }).data()); // [ 1, 8, 27 ]
 * device.close();
 * ```
 *
 * @module
 */

// Custom operations
export { customOp } from "../tensor/custom_op.ts";
export type { ByName, CustomOp, CustomOpDefinition } from "../tensor/custom_op.ts";
export type {
  Buffers,
  Constants,
  CpuKernel,
  EachThread,
  EachWorkgroup,
  ElementType,
  Grid,
  Kernel,
  KernelForms,
  KernelLibrary,
  Scalars,
  ScalarType,
  Tiling,
  WebGpuKernel,
} from "../device/kernel.ts";
export type { KernelFunction, KernelFunctions } from "../device/kernel_function.ts";

// The WebAssembly of CPU kernels
export type { KernelBuild, KernelBuilder, KernelTarget, Share } from "../device/kernel_builder.ts";
export { F32, I32, V128 } from "../wasm/assembler.ts";
export type {
  Code,
  Expression,
  ExpressionOf,
  F32Like,
  FunctionBuilder,
  FunctionContext,
  FunctionHandle,
  I32Like,
  ModuleBuilder,
  ModuleOptions,
  OperandOf,
  OperandsOf,
  ParametersOf,
  ParameterTypes,
  ResultOf,
  TypeOf,
  ValueType,
} from "../wasm/assembler.ts";

// Tuning: the choice of matmul kernels by measurement
export type { GemmSizes, GemvKernel, TileKernel } from "../device/gemm.ts";
export type { GemmKernels } from "../device/webgpu/gemm_choice.ts";
export { forgetTuning, keepTuning } from "../device/webgpu/tuning.ts";
export {
  chooseGroups,
  chooseKernels,
  gemmKernelsOf,
  type GroupTiming,
  type KernelField,
  layerProducts,
  measureGroups,
  type ProductTiming,
  type TunedProduct,
  tuneProducts,
} from "../ops/tune_products.ts";
