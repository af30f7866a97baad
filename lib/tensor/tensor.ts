/**
 * Tensor: a shape over device memory. Making tensors, writing and reading them.
 *
 * A tensor is always contiguous, row by row. What can be computed is in the files beside this one,
 * an operation in each; derivatives are recorded by autograd.ts.
 *
 * @module
 */
import type { Device } from "../device/device.ts";
import { currentDevice } from "../device/current_device.ts";
import { Storage } from "../device/storage.ts";
import { formatShape, type Shape, size } from "../shape.ts";
import { noteCreated } from "./scope.ts";

/** The element types: 32-bit floats, and 32-bit signed integers for ids and indices. */
export type DType = "f32" | "i32";
/** Nested arrays of numbers, all of the same length at each level. */
export type NestedArray = number | readonly NestedArray[];
/** The values of a tensor on the host. */
export type TensorData = Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer>;

/** Options for making a tensor. */
export interface TensorOptions {
  /** Default: one dimension for a flat array, the nesting for nested ones. */
  shape?: Shape;
  /** Default: `i32` for an Int32Array, else `f32`. */
  dtype?: DType;
  /** Default: the device opened last. */
  device?: Device;
}

/** Numbers on a device, in a shape. */
export class Tensor {
  /**
   * Wraps memory that holds size(shape) elements, row by row; to make a tensor from numbers, call
   * `tensor`.
   */
  constructor(
    /** @internal */
    readonly storage: Storage,
    readonly shape: Shape,
    readonly dtype: DType = "f32",
  ) {
    noteCreated(this);
  }
  /** The device that the values are on. */
  get device(): Device {
    return this.storage.device;
  }
  /** The number of elements. */
  get size(): number {
    return size(this.shape);
  }
  /** Copies the values to the host, row by row. Error while a program is recorded. */
  async data(): Promise<TensorData> {
    if (this.device.recorder) {
      throw new Error(
        "tensor: a value cannot be read inside a compiled function, which is recorded once and replayed; return the tensor and read it outside",
      );
    }
    const { allocation, byteOffset } = this.storage;
    const bytes = await this.device.read({ allocation, byteOffset, bytes: 4 * this.size });
    return this.dtype === "f32" ? new Float32Array(bytes) : new Int32Array(bytes);
  }
  /** The value of a tensor of one element. TypeError when it has more. */
  async item(): Promise<number> {
    if (this.size !== 1) {
      throw new TypeError(`item: expected one element, got ${this}; use data()`);
    }
    return (await this.data())[0];
  }
  /** Replaces the values, row by row. TypeError when the count differs. */
  write(values: ArrayLike<number>): void {
    if (values.length !== this.size) {
      throw new TypeError(`write: expected ${this.size} values for ${this}, got ${values.length}`);
    }
    const typed = this.dtype === "f32" ? toFloats(values) : toIntegers(values);
    const { allocation, byteOffset } = this.storage;
    this.device.write({ allocation, byteOffset, bytes: typed.byteLength }, typed);
  }
  /** The same memory under another shape of the same size. Free. */
  view(shape: Shape): Tensor {
    return new Tensor(this.storage, shape, this.dtype);
  }
  /**
   * `shape` of the elements from `start` on, which 64 divides; the memory is shared. RangeError
   * when it does not fit.
   */
  part(start: number, shape: Shape): Tensor {
    return new Tensor(this.storage.part(4 * start, 4 * size(shape)), shape, this.dtype);
  }
  /** Gives the memory back now rather than when the tensor is collected. */
  dispose(): void {
    this.storage.dispose();
  }
  /** For example `f32 [2,3]`. */
  toString(): string {
    return `${this.dtype} ${formatShape(this.shape)}`;
  }
}

function toFloats(values: ArrayLike<number>): Float32Array {
  return values instanceof Float32Array ? values : Float32Array.from(values);
}
function toIntegers(values: ArrayLike<number>): Int32Array {
  return values instanceof Int32Array ? values : Int32Array.from(values);
}

/**
 * Makes a tensor from numbers. TypeError when the values do not fill the shape, or rows differ in
 * length.
 *
 * ```ts
 * import { openDevice, tensor } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * console.log(`${tensor([[1, 2, 3], [4, 5, 6]])}`); // f32 [2,3]
 * device.close();
 * ```
 */
export function tensor(
  values: NestedArray | Float32Array | Int32Array | ArrayLike<number>,
  options: TensorOptions = {},
): Tensor {
  const nested = Array.isArray(values) && Array.isArray(values[0]);
  const flat = typeof values === "number"
    ? [values]
    : nested
    ? flatten(values as NestedArray[])
    : values as ArrayLike<number>;
  const shape = options.shape ?? nestedShape(values);
  const dtype = options.dtype ?? (values instanceof Int32Array ? "i32" : "f32");
  if (size(shape) !== flat.length) {
    throw new TypeError(
      `tensor: the shape ${formatShape(shape)} holds ${size(shape)} values, got ${flat.length}`,
    );
  }
  const device = options.device ?? currentDevice();
  const made = new Tensor(Storage.persistent(device, 4 * flat.length), shape, dtype);
  made.write(flat);
  return made;
}

function nestedShape(values: unknown): number[] {
  if (typeof values === "number") return [];
  const { length } = values as ArrayLike<unknown>;
  const first = (values as ArrayLike<unknown>)[0];
  return Array.isArray(first) ? [length, ...nestedShape(first)] : [length];
}

function flatten(rows: NestedArray[]): number[] {
  const lengths = new Set(rows.map((row) => Array.isArray(row) ? row.length : -1));
  if (lengths.size > 1) {
    throw new TypeError(`tensor: rows differ in length: ${[...lengths].join(", ")}`);
  }
  return rows.flatMap((row) =>
    typeof row === "number" ? [row] : flatten([...row as NestedArray[]])
  );
}

/** A tensor for a kernel to write in full: its values are undefined until then. */
export function empty(
  shape: Shape,
  dtype: DType = "f32",
  device: Device = currentDevice(),
): Tensor {
  return new Tensor(Storage.make(device, 4 * size(shape)), shape, dtype);
}

/**
 * Elements that `full` writes at once: an optimizer's state can be large, and needs no such array
 * on the host.
 */
const PIECE = 65536;

/** A tensor whose every element is `value`. */
export function full(shape: Shape, value: number, options: TensorOptions = {}): Tensor {
  const { dtype = "f32", device = currentDevice() } = options;
  const length = size(shape);
  const made = new Tensor(Storage.persistent(device, 4 * length), shape, dtype);
  const { allocation } = made.storage;
  const count = Math.min(length, PIECE);
  const piece = (dtype === "f32" ? new Float32Array(count) : new Int32Array(count)).fill(value);
  for (let start = 0; start < length; start += count) {
    const data = piece.subarray(0, length - start);
    device.write({ allocation, byteOffset: 4 * start, bytes: data.byteLength }, data);
  }
  return made;
}

/** A tensor of zeros. */
export function zeros(shape: Shape, options: TensorOptions = {}): Tensor {
  return full(shape, 0, options);
}

/** A tensor of ones. */
export function ones(shape: Shape, options: TensorOptions = {}): Tensor {
  return full(shape, 1, options);
}
