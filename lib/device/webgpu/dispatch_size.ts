/**
 * Number of workgroups of a launch, within WebGPU's limit for each dimension.
 *
 * @module
 */
import type { Constants, Scalars, WebGpuKernel } from "../kernel.ts";
import { WORKGROUP_SIZE } from "./wgsl_module.ts";

/** Maximum of workgroups in a dimension that every adapter allows. */
const LIMIT = 65535;

/**
 * Workgroups in x, y and z. A first dimension over 65,535 is folded into the second; the generated
 * entry point computes the index from both.
 *
 * @throws {RangeError} if both are too large to fold
 */
export function dispatchSize(
  webgpu: WebGpuKernel,
  scalars: Scalars,
  constants: Constants,
): [number, number, number] {
  const [x, y = 1, z = 1] = grid(webgpu, scalars, constants);
  if (x <= LIMIT) return [x, y, z];
  if (y !== 1) throw new RangeError(`webgpu: too many workgroups: ${x} × ${y}`);
  return [LIMIT, Math.ceil(x / LIMIT), z];
}

function grid(webgpu: WebGpuKernel, scalars: Scalars, constants: Constants): readonly number[] {
  if ("grid" in webgpu) return webgpu.grid(scalars, constants);
  if ("workgroups" in webgpu) return [webgpu.workgroups(scalars, constants)];
  return [Math.ceil(webgpu.threads(scalars, constants) / WORKGROUP_SIZE)];
}
