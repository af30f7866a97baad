/**
 * From an operation to its device: buffers by name become a launch, which runs immediately or is
 * recorded; and the checks of tensors that operations share.
 *
 * @module
 */
import type { Device } from "../device/device.ts";
import type { Constants, ElementType, Kernel, Scalars } from "../device/kernel.ts";
import { describe } from "../errors.ts";
import { type DType, Tensor } from "./tensor.ts";

/** A tensor for each of a kernel's buffers, by name, without those that a build does not touch. */
export type KernelTensors = Readonly<Record<string, Tensor | undefined>>;

/** The values that a kernel reads as each element type; `u32` reads the bits of either. */
const DTYPES: Readonly<Record<ElementType, DType | undefined>> = {
  f32: "f32",
  vec4f: "f32",
  i32: "i32",
  u32: undefined,
};

/**
 * Runs a kernel, or records it.
 *
 * @throws {TypeError} if the tensors are on different devices, or one holds values of a type that
 *   the kernel does not read
 */
export function launch(
  kernel: Kernel,
  buffers: KernelTensors,
  scalars: Scalars = {},
  constants: Constants = {},
): void {
  const types = Object.entries({ ...kernel.reads, ...kernel.updates, ...kernel.writes });
  const tensors = types.map(([name, type]) => {
    const tensor = buffers[name], dtype = DTYPES[type];
    if (tensor && dtype && tensor.dtype !== dtype) {
      expectType(`${kernel.name}: ${name}`, tensor, dtype);
    }
    return tensor;
  });
  const device = deviceOf(kernel.name, tensors);
  const storages = tensors.map((tensor) => tensor?.storage);
  const made = { kernel, constants, scalars, buffers: storages };
  if (device.recorder) device.recorder.launch(made);
  else device.launch(made);
}

/**
 * The one device of some tensors.
 *
 * @throws {TypeError} if they are on different ones
 */
export function deviceOf(operation: string, tensors: readonly (Tensor | undefined)[]): Device {
  let device: Device | undefined;
  for (const tensor of tensors) {
    if (!tensor || tensor.device === device) continue;
    if (!device) device = tensor.device;
    else {
      throw new TypeError(
        `${operation}: its tensors are on different devices, ${device.kind} and ${tensor.device.kind}; ` +
          "copy one over: tensor(await x.data(), { shape: x.shape, device })",
      );
    }
  }
  if (!device) throw new TypeError(`${operation}: expected at least one tensor, got none`);
  return device;
}

/** Throws a TypeError unless `value` is a tensor. */
export function expectTensor(operation: string, value: unknown): asserts value is Tensor {
  if (value instanceof Tensor) return;
  const numbers = Array.isArray(value) || ArrayBuffer.isView(value);
  const advice = numbers ? "; make one with tensor(values)" : "";
  throw new TypeError(`${operation}: expected a tensor, got ${describe(value)}${advice}`);
}

/** Throws a TypeError unless `f` is a function. */
export function expectFunction(operation: string, f: unknown): void {
  if (typeof f === "function") return;
  throw new TypeError(`${operation}: expected a function of tensors, got ${describe(f)}`);
}

/** Throws a TypeError unless `tensor` is one and holds `dtype`. */
export function expectType(operation: string, tensor: Tensor, dtype: DType): void {
  expectTensor(operation, tensor);
  if (tensor.dtype !== dtype) {
    const advice = dtype === "i32" ? '; make it with the option dtype: "i32"' : "";
    throw new TypeError(`${operation}: expected ${dtype} values, got ${tensor}${advice}`);
  }
}
