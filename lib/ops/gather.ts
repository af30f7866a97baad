/**
 * Gather: elements of each row, selected by indices.
 *
 * @module
 */
import * as cpu from "../../kernels/cpu/gather.ts";
import { wgsl } from "../../kernels/webgpu/wgsl.ts";
import type { Kernel } from "../device/kernel.ts";
import { sameShape } from "../shape.ts";
import { differentiable } from "../tensor/autograd.ts";
import { consume } from "../tensor/copy.ts";
import { expectType, launch } from "../tensor/launch.ts";
import { stridedCopy } from "./strided_copy.ts";
import { empty, type Tensor } from "../tensor/tensor.ts";

const KERNEL: Kernel = {
  name: "gather",
  reads: { x: "u32", indices: "i32" },
  writes: { y: "u32" },
  scalars: { rows: "u32", width: "u32", picks: "u32" },
  webgpu: { code: wgsl("gather"), threads: ({ rows, picks }) => rows * picks },
  cpu: cpu.gather,
};

const BACKWARD: Kernel = {
  name: "gather_backward",
  reads: { dy: "f32", indices: "i32" },
  updates: { dx: "f32" },
  scalars: { rows: "u32", width: "u32", picks: "u32", group: "u32" },
  webgpu: {
    code: wgsl("gather_backward"),
    threads: ({ rows, picks }) => rows * picks,
  },
  cpu: cpu.gatherBackward,
};

/** Minimum of elements that a chunk on the CPU should scatter. */
const CHUNK = 16384;

/**
 * y[…,j] = x[…, indices[…,j]]: x f32 or i32 [...,V], indices i32 [...,n] with the same leading axes
 * → [...,n]. i32 gets no gradient.
 *
 * An index outside the row counts as the nearest one inside: indices on a device are not read, so
 * check them on the host. The gradient is summed in the order of the indices; on WebGPU that takes
 * n² comparisons per row.
 *
 * ```ts
 * import { gather, openDevice, tensor } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const x = tensor([[1, 2, 3], [4, 5, 6]]);
 * const indices = tensor(new Int32Array([2, 0]), { shape: [2, 1] });
 * console.log(await gather(x, indices).data()); // [3, 4]
 * device.close();
 * ```
 *
 * @throws {TypeError} if a shape or dtype does not fit
 */
export function gather(x: Tensor, indices: Tensor): Tensor {
  expectType("gather", indices, "i32");
  const [width, picks] = [x.shape.at(-1), indices.shape.at(-1)];
  if (!width || picks === undefined || !sameShape(x.shape.with(-1, picks), indices.shape)) {
    throw new TypeError(
      `gather: expected x [...,V] and indices [...,n] with the same leading axes, got ${x} and ${indices}`,
    );
  }
  const y = empty(indices.shape, { dtype: x.dtype, device: x.device });
  const scalars = { rows: x.size / width, width, picks };
  launch(KERNEL, { x, indices, y }, scalars);
  if (x.dtype === "i32") return y;
  return differentiable(y, [x], (dy, [gathered]) => {
    const dx = gathered ? consume(gathered) : empty(x.shape, { device: x.device });
    if (!gathered) stridedCopy([x.size], undefined, { tensor: dx, steps: [1] });
    const group = Math.ceil(CHUNK / Math.max(1, picks));
    launch(BACKWARD, { dy, indices, dx }, { ...scalars, group });
    return [dx];
  }, { sums: [0] });
}
