/**
 * Tensor: a shape over device memory. Making tensors, writing and reading them.
 *
 * A tensor is always contiguous, row by row. See lib/ops for the operations, one per file,
 * autograd.ts for derivatives, and nested_array.ts for arrays on the host.
 *
 * @module
 */
import type { Device } from "../device/device.ts";
import { currentDevice, expectDevice } from "../device/current_device.ts";
import { Storage } from "../device/storage.ts";
import { describe } from "../errors.ts";
import { checkOptions, type OptionNames } from "../options.ts";
import { expectShape, formatShape, resolveShape, type Shape, size } from "../shape.ts";
import { yieldToEvents } from "../yield_to_events.ts";
import { flatten, formatNested, nest, type NestedArray, nestedShape } from "./nested_array.ts";
import { noteCreated } from "./scope.ts";
import { differentiable, isTracked } from "./tape.ts";

/** The element types: 32-bit floats, and 32-bit signed integers for ids and indices. */
export type DType = "f32" | "i32";
/** The values of a tensor on the host. */
export type TensorData = Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer>;

/** The dtype and device of a new tensor. */
export interface TensorOptions {
  /** Default: `i32` for an Int32Array, otherwise `f32`. */
  dtype?: DType;
  /** Default: the device opened last. */
  device?: Device;
}

/** Options of `tensor`. */
export interface ShapedTensorOptions extends TensorOptions {
  /** Default: one dimension for a flat array, the nesting for nested ones. */
  shape?: Shape;
}

/** Values that `console.log` shows nested, and the first ones it shows of a larger tensor. */
const SHOWN = { nested: 24, flat: 8 };

/**
 * Numbers on a device, in a shape.
 *
 * ```ts
 * import { openDevice, tensor } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const x = tensor([[1, 2, 3], [4, 5, 6]]);
 * console.log(x.shape, x.dtype); // [2, 3] f32
 * console.log(await x.view([3, -1]).toArray()); // [[1, 2], [3, 4], [5, 6]]
 * x.write([0, 0, 0, 0, 0, 7]);
 * console.log((await x.data())[5]); // 7
 * device.close();
 * ```
 */
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
  ) {}
  /** The device that the values are on. */
  get device(): Device {
    return this.storage.device;
  }
  /** The number of elements. */
  get size(): number {
    return size(this.shape);
  }
  /**
   * Copies the values to the host, row by row, and yields to events now and then, so that a loop
   * handles signals and frees the memory of tensors that were collected.
   *
   * @throws {Error} while a program is recorded
   */
  async data(): Promise<TensorData> {
    if (this.device.recorder) {
      throw new Error(
        "tensor: a value cannot be read inside a compiled function, which is recorded once and replayed; return the tensor and read it outside",
      );
    }
    const bytes = await this.device.read(this.#range(this.size));
    await yieldToEvents();
    return this.#typed(bytes);
  }
  /**
   * The value of a tensor of one element.
   *
   * @throws {TypeError} if it has more
   */
  async item(): Promise<number> {
    if (this.size !== 1) {
      throw new TypeError(`item: expected one element, got ${this}; use data()`);
    }
    return (await this.data())[0];
  }
  /**
   * Copies the values to the host as arrays nested by the shape: `number[][]` for two axes, a
   * number for a scalar. `Values` is that type, as the caller states it.
   */
  async toArray<Values extends NestedArray = NestedArray>(): Promise<Values> {
    return nest(await this.data(), this.shape) as Values;
  }
  /**
   * Replaces the values, row by row.
   *
   * @throws {TypeError} if the count differs
   * @throws {RangeError} if a value for an i32 tensor is no 32-bit integer
   * @throws {Error} while a program is recorded
   */
  write(values: ArrayLike<number>): void {
    if (this.device.recorder) {
      throw new Error(
        `write: ${this} cannot be written inside a compiled function, which is recorded once and replayed; write before each call`,
      );
    }
    if (values?.length !== this.size) {
      const given = typeof values?.length === "number" ? values.length : describe(values);
      throw new TypeError(`write: expected ${this.size} values for ${this}, got ${given}`);
    }
    this.storage.allocate();
    this.device.write(this.#range(this.size), toTyped(values, this.dtype));
  }
  /**
   * The same memory under another shape of the same size; one length may be −1 and is inferred.
   * Costs nothing; gradients flow back in this shape.
   *
   * @throws {TypeError} if the sizes differ
   */
  view(shape: Shape): Tensor {
    const x = new Tensor(this.storage, resolveShape("view", this, shape), this.dtype);
    return differentiable(x, [this], (dx) => [dx.view(this.shape)]);
  }
  /**
   * `shape` of the elements from `start` on, a multiple of 64; the memory is shared. No gradient
   * flows: `slice` differentiates.
   *
   * @throws {RangeError} if `start` is no multiple of 64 from 0, or the part exceeds the tensor
   * @throws {Error} if the tensor should get a gradient
   */
  part(start: number, shape: Shape): Tensor {
    expectShape("part", shape);
    if (!(start >= 0)) {
      throw new RangeError(`part: expected a start from 0, got ${describe(start)}`);
    }
    if (isTracked(this)) {
      throw new Error(`part: no gradient flows through a part of ${this}; use slice`);
    }
    return new Tensor(this.storage.part(4 * start, 4 * size(shape)), shape, this.dtype);
  }
  /** Frees the memory now rather than when the tensor is collected. */
  dispose(): void {
    this.storage.dispose();
  }
  /** Dtype and shape, for example `f32 [2,3]`. */
  toString(): string {
    return `${this.dtype} ${formatShape(this.shape)}`;
  }
  /**
   * Refuses `a * 2` and `a > b`, which would be NaN and false: TypeError. A text is `toString`'s.
   */
  [Symbol.toPrimitive](hint: string): string {
    if (hint === "string") return this.toString();
    throw new TypeError(
      `tensor: ${this} is no number, so that JavaScript's operators do not apply; use add, mul, ` +
        "greater, … or read its value with await item()",
    );
  }
  /** For `console.log`: dtype, shape, device and, on the CPU, the first values. */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return `${this} on ${this.device.kind}: ${this.#shownValues()}`;
  }

  #shownValues(): string {
    if (this.storage.disposed) return "its memory was freed";
    if (this.storage.pending) return "no values yet, it belongs to a function being compiled";
    const nested = this.size <= SHOWN.nested;
    const bytes = this.device.peek?.(this.#range(nested ? this.size : SHOWN.flat));
    if (!bytes) return "read its values with await tensor.data()";
    const values = this.#typed(bytes);
    if (nested) return formatNested(nest(values, this.shape));
    return `${[...values].map(formatNested).join(", ")}, …`;
  }

  /** The place of the first `count` elements. */
  #range(count: number) {
    const { allocation, byteOffset } = this.storage;
    return { allocation, byteOffset, bytes: 4 * count };
  }

  #typed(bytes: ArrayBuffer): TensorData {
    return this.dtype === "f32" ? new Float32Array(bytes) : new Int32Array(bytes);
  }
}

function toTyped(values: ArrayLike<number>, dtype: DType): Float32Array | Int32Array {
  return dtype === "f32" ? toFloats(values) : toIntegers(values);
}

function toFloats(values: ArrayLike<number>): Float32Array {
  return values instanceof Float32Array ? values : Float32Array.from(values);
}

function toIntegers(values: ArrayLike<number>): Int32Array {
  if (values instanceof Int32Array) return values;
  const integers = Int32Array.from(values);
  const wrong = integers.findIndex((integer, i) => integer !== values[i]);
  if (wrong < 0) return integers;
  throw new RangeError(
    `tensor: expected 32-bit integers for i32, got ${describe(values[wrong])} at index ${wrong}`,
  );
}

/** A tensor of new memory, which the open scope frees. */
function newTensor(storage: Storage, shape: Shape, dtype: DType | undefined): Tensor {
  noteCreated(storage);
  return new Tensor(storage, shape, dtype);
}

const OPTIONS = { dtype: true, device: true };

/** Throws a TypeError for unknown options or an unknown dtype. */
function checkTensorOptions<Options extends TensorOptions>(
  operation: string,
  options: Options,
  known: OptionNames<Options>,
): void {
  checkOptions(operation, options, known);
  const { dtype = "f32", device } = options;
  if (dtype !== "f32" && dtype !== "i32") {
    throw new TypeError(
      `${operation}: expected the dtype 'f32' (floats) or 'i32' (integers), got ${describe(dtype)}`,
    );
  }
  if (device !== undefined) expectDevice(operation, device);
}

/**
 * Makes a tensor from numbers: nested arrays, a flat or typed array, or one number.
 *
 * ```ts
 * import { openDevice, tensor } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * console.log(tensor([[1, 2, 3], [4, 5, 6]])); // f32 [2,3] on cpu: [[1, 2, 3], [4, 5, 6]]
 * device.close();
 * ```
 *
 * @throws {TypeError} if the values do not fill the shape, rows differ in length or an element is
 * no number
 * @throws {RangeError} if a value for `i32` is no 32-bit integer
 */
export function tensor(
  values: NestedArray | Float32Array | Int32Array | ArrayLike<number>,
  options: ShapedTensorOptions = {},
): Tensor {
  checkTensorOptions("tensor", options, { shape: true, ...OPTIONS });
  const flat = flatValues(values);
  const shape = options.shape ?? nestedShape(values);
  expectShape("tensor", shape);
  const dtype = options.dtype ?? (values instanceof Int32Array ? "i32" : "f32");
  if (size(shape) !== flat.length) {
    throw new TypeError(
      `tensor: the shape ${formatShape(shape)} holds ${size(shape)} values, got ${flat.length}`,
    );
  }
  const device = options.device ?? currentDevice();
  const made = newTensor(Storage.persistent(device, 4 * flat.length), shape, dtype);
  device.write(made.storage, toTyped(flat, dtype));
  return made;
}

function flatValues(values: unknown): ArrayLike<number> {
  if (typeof values === "number") return [values];
  if (Array.isArray(values)) return flatten(values);
  const typed = ArrayBuffer.isView(values) && "length" in values;
  if (typed) return values as unknown as ArrayLike<number>;
  throw new TypeError(`tensor: expected numbers in an array, got ${describe(values)}`);
}

/** A tensor for a kernel to write in full: its values are undefined until then. */
export function empty(shape: Shape, options: TensorOptions = {}): Tensor {
  expectShape("empty", shape);
  checkTensorOptions("empty", options, OPTIONS);
  const { dtype, device = currentDevice() } = options;
  return newTensor(Storage.make(device, 4 * size(shape)), shape, dtype);
}

/**
 * Elements that `full` writes at a time: an optimizer's state can be large, and needs no array of
 * its size on the host.
 */
const CHUNK = 65536;

/**
 * A tensor whose every element is `value`.
 *
 * @throws {TypeError} if `value` is no number
 * @throws {RangeError} if it is no 32-bit integer for `i32`
 */
export function full(shape: Shape, value: number, options: TensorOptions = {}): Tensor {
  return filled("full", shape, value, options);
}

/** A tensor of zeros. */
export function zeros(shape: Shape, options: TensorOptions = {}): Tensor {
  return filled("zeros", shape, 0, options);
}

/** A tensor of ones. */
export function ones(shape: Shape, options: TensorOptions = {}): Tensor {
  return filled("ones", shape, 1, options);
}

function filled(operation: string, shape: Shape, value: number, options: TensorOptions): Tensor {
  expectShape(operation, shape);
  checkTensorOptions(operation, options, OPTIONS);
  if (typeof value !== "number") {
    throw new TypeError(`${operation}: expected a number to fill with, got ${describe(value)}`);
  }
  const { dtype = "f32", device = currentDevice() } = options;
  const length = size(shape);
  const made = newTensor(Storage.persistent(device, 4 * length), shape, dtype);
  const { allocation } = made.storage;
  if (Object.is(value, 0) && allocation.zeroed) return made;
  const count = Math.min(length, CHUNK);
  const numbers = new Array<number>(count).fill(value);
  const chunk = toTyped(numbers, dtype);
  for (let start = 0; start < length; start += count) {
    const data = chunk.subarray(0, length - start);
    device.write({ allocation, byteOffset: 4 * start, bytes: data.byteLength }, data);
  }
  return made;
}
