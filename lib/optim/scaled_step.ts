/**
 * A step of a batch of matrices along their updates, in one launch.
 *
 * @module
 */
import { scaledStep as cpu } from "../../kernels/cpu/scaled_step.ts";
import { wgsl } from "../../kernels/webgpu/wgsl.ts";
import type { Kernel } from "../device/kernel.ts";
import { launch } from "../tensor/launch.ts";
import type { Tensor } from "../tensor/tensor.ts";

const KERNEL: Kernel = {
  name: "scaled_step",
  reads: { update: "f32", factors: "f32", hyper: "f32" },
  updates: { parameter: "f32" },
  scalars: { batch: "u32", size: "u32", stride: "u32", first: "u32", scale: "f32" },
  webgpu: { code: wgsl("scaled_step"), threads: ({ batch, size }) => batch * size },
  cpu,
};

/** What a step reads and writes. */
export interface ScaledStepBuffers {
  /** `batch` matrices of `size` elements, `stride` elements apart. */
  readonly parameter: Tensor;
  /** [batch,size]. */
  readonly update: Tensor;
  /** One for each matrix, after the first `first`. */
  readonly factors: Tensor;
  /** [3]: anything, the rate, and the decay's factor. */
  readonly hyper: Tensor;
}

/** The sizes of a step. */
export interface ScaledStepSizes {
  readonly batch: number;
  readonly size: number;
  readonly stride: number;
  readonly first: number;
  readonly scale: number;
}

/** parameter ← decay·parameter − rate·scale·factor·update. */
export function scaledStep(
  { parameter, update, factors, hyper }: ScaledStepBuffers,
  { batch, size, stride, first, scale }: ScaledStepSizes,
): void {
  launch(
    KERNEL,
    { update, factors, hyper, parameter },
    { batch, size, stride, first, scale },
  );
}
