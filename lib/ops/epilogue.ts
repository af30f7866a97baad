/**
 * The epilogue of a matrix product: operations on it before it is stored, in the same launch.
 *
 * See gemm.ts and quantized_linear.ts for the products, kernels/cpu/matmul_epilogue.ts and
 * kernels/webgpu/matmul_epilogue.wgsl for the code.
 *
 * @module
 */
import { type Activation, epilogueFunctions } from "../../kernels/elementwise.ts";
import type { Constants } from "../device/kernel.ts";
import type { KernelFunctions } from "../device/kernel_function.ts";
import type { KernelTensors } from "../tensor/launch.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** Operations on a product [m,n], in this order; none by default. */
export interface Epilogue {
  /** f32 [n], added to each row. */
  bias?: Tensor;
  /** f32 [m,n], receives product + bias, before the activation, or `slopeOf` there. */
  saved?: Tensor;
  /** The activation whose derivative at product + bias is saved; see `hasSlope`. Default: none. */
  slopeOf?: Activation;
  /** Activation after the bias. */
  activation?: Activation;
  /** Multiplies by the derivative of `of` at `at`, f32 [m,n]. */
  derivative?: { of: Activation; at: Tensor };
  /** f32 [m,n], multiplies, instead of `derivative`. */
  factor?: Tensor;
  /** f32 [m,n], added last. */
  residual?: Tensor;
}

/** An epilogue in the terms of a kernel. */
export interface EpilogueBuild {
  readonly buffers: KernelTensors;
  readonly constants: Constants;
  readonly functions: KernelFunctions;
}

/** The buffers, constants and functions of a build with this epilogue. */
export function buildEpilogue(epilogue: Epilogue): EpilogueBuild {
  const { bias, saved, slopeOf, activation, derivative, factor, residual } = epilogue;
  const derivativeOf = derivative?.of;
  return {
    buffers: { bias, residual, saved, pre: factor ?? derivative?.at },
    constants: {
      BIAS: bias ? 1 : 0,
      RESIDUAL: residual ? 1 : 0,
      SAVE: saved ? 1 : 0,
      ACTIVATE: activation ? 1 : 0,
      BACKWARD: factor || derivative ? 1 : 0,
    },
    functions: epilogueFunctions({ activation, slopeOf, derivativeOf, multiplies: !!factor }),
  };
}

/** Whether the epilogue does anything. */
export function hasEpilogue(epilogue: Epilogue): boolean {
  const { bias, saved, activation, derivative, factor, residual } = epilogue;
  return [bias, saved, activation, derivative, factor, residual].some((each) => each !== undefined);
}
