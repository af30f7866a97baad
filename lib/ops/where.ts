/**
 * `where`: selects each element from one of two tensors by a condition.
 *
 * Nothing is multiplied, so the branch that is not selected may contain NaN or infinities. See
 * binary.ts for broadcasting, and for `greater` and `equal`, which compute conditions.
 *
 * @module
 */
import { where as cpu } from "../../kernels/cpu/where.ts";
import { wgsl } from "../../kernels/webgpu/wgsl.ts";
import type { Kernel } from "../device/kernel.ts";
import { differentiable, isTracked } from "../tensor/autograd.ts";
import { broadcast, broadcastScalars } from "../tensor/broadcast.ts";
import { expectTensor, launch } from "../tensor/launch.ts";
import { empty, full, type Tensor } from "../tensor/tensor.ts";
import type { Operand } from "./binary.ts";
import { sumTo } from "./reduce.ts";

const KERNEL: Kernel = {
  name: "where",
  reads: { c: "u32", a: "u32", b: "u32" },
  writes: { y: "u32" },
  scalars: Object.fromEntries(broadcastScalars(["c", "a", "b"]).map((name) => [name, "u32"])),
  webgpu: { code: wgsl("where"), threads: ({ count }) => count },
  cpu,
};

/** The bits in which a number differs from 0; −0 counts as 0. */
const BITS = { f32: 0x7fffffff, i32: 0xffffffff };

/**
 * a if the condition is not 0, otherwise b, elementwise with broadcasting. condition: f32 or i32;
 * a, b: both f32 or both i32, or numbers.
 *
 * The gradient of an f32 branch is that of the result for the elements selected from it, and 0 for
 * the others; the condition gets none.
 *
 * ```ts
 * import { openDevice, tensor, where } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const x = where(tensor([1, 0]), tensor([5, NaN]), -Infinity);
 * console.log(x); // f32 [2] on cpu: [5, -Infinity]
 * device.close();
 * ```
 *
 * @throws {TypeError} if shapes or dtypes do not fit
 */
export function where(condition: Tensor, a: Operand, b: Operand): Tensor {
  expectTensor("where: condition", condition);
  const [yes, no] = branches(condition, a, b);
  const y = select(condition, yes, no);
  if (y.dtype === "i32") return y;
  const [needsYes, needsNo] = [yes, no].map(isTracked);
  return differentiable(y, [yes, no], (dy) => {
    const zero = full([], 0, { device: dy.device });
    return [
      needsYes ? sumTo(select(condition, dy, zero), yes.shape) : undefined,
      needsNo ? sumTo(select(condition, zero, dy), no.shape) : undefined,
    ];
  });
}

/** The two branches as tensors of one dtype; a number takes the other's. */
function branches(condition: Tensor, a: Operand, b: Operand): Tensor[] {
  const tensors = [a, b].filter((branch) => typeof branch !== "number");
  for (const branch of tensors) expectTensor("where", branch);
  const { device } = condition;
  const dtype = tensors[0]?.dtype ?? "f32";
  if (tensors.some((branch) => branch.dtype !== dtype)) {
    throw new TypeError(`where: expected branches of one dtype, got ${a} and ${b}`);
  }
  return [a, b].map((x) => typeof x === "number" ? full([], x, { dtype, device }) : x);
}

/** The kernel without a derivative. */
function select(condition: Tensor, a: Tensor, b: Tensor): Tensor {
  const { shape, scalars, constants } = broadcast("where", { c: condition, a, b });
  const y = empty(shape, { dtype: a.dtype, device: a.device });
  const MASK = BITS[condition.dtype];
  launch(KERNEL, { c: condition, a, b, y }, scalars, { MASK, ...constants });
  return y;
}
