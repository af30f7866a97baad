/**
 * Reading and writing safetensors files, one tensor at a time. safetensors_header.ts checks the
 * header, safetensors_dtype.ts has the element types; see parameters.ts for the names that a model
 * expects, byte_source.ts for the places of files.
 *
 * @module
 */
import { nearest } from "../nearest.ts";
import { formatShape, type Shape, size } from "../shape.ts";
import { type ByteSource, bytesSource } from "./byte_source.ts";
import {
  decodeFloat32,
  decodeInt32,
  DTYPE_BYTES,
  dtypeOfArray,
  type SafetensorsArray,
  type SafetensorsDtype,
} from "./safetensors_dtype.ts";
import {
  MAX_HEADER_BYTES,
  parseSafetensorsHeader,
  readHeaderLength,
  type SafetensorsHeader,
  type TensorInfo,
} from "./safetensors_header.ts";

/** A tensor to be written: row-major data of `size(shape)` elements. */
export interface SafetensorsEntry {
  /** Sizes of the axes. */
  readonly shape: Shape;
  /** The elements. */
  readonly data: SafetensorsArray;
  /**
   * The type to write, for the same bytes: F16, BF16 or BOOL. Default: the array's own type.
   */
  readonly dtype?: SafetensorsDtype;
}

/** Elements of a tensor, counted row by row. */
export interface ElementRange {
  /** Index of the first element. */
  readonly first: number;
  /** Number of elements. */
  readonly count: number;
}

/** An open safetensors file: its header is checked; each tensor's data is read on demand. */
export class SafetensorsFile {
  readonly #source: ByteSource;
  readonly #header: SafetensorsHeader;

  private constructor(source: ByteSource, header: SafetensorsHeader) {
    this.#source = source;
    this.#header = header;
  }

  /**
   * Reads and checks the header.
   *
   * ```ts
   * const chunks = encodeSafetensors([["w", { shape: [2], data: new Float32Array([1, 2]) }]]);
   * const file = await SafetensorsFile.open(await new Blob([...chunks]).bytes());
   * console.log(file.tensors.get("w")?.dtype, await file.float32("w")); // F32 Float32Array(2) [ 1, 2 ]
   * ```
   *
   * @throws {SyntaxError} naming the source, what was expected and what it holds
   */
  static async open(from: ByteSource | Uint8Array): Promise<SafetensorsFile> {
    const source = from instanceof Uint8Array ? bytesSource(from) : from;
    try {
      const start = await source.read(0, Math.min(8, source.byteLength));
      const length = readHeaderLength(start, source.byteLength);
      const json = await source.read(8, length);
      return new SafetensorsFile(
        source,
        parseSafetensorsHeader(json, source.byteLength - 8 - length),
      );
    } catch (cause) {
      if (!(cause instanceof SyntaxError)) throw cause;
      throw new SyntaxError(`${source.name}: ${cause.message}`, { cause });
    }
  }

  /** The file's name in errors. */
  get name(): string {
    return this.#source.name;
  }

  /** The tensors' entries, in the order of their data. */
  get tensors(): ReadonlyMap<string, TensorInfo> {
    return this.#header.tensors;
  }

  /** The header's free texts. */
  get metadata(): ReadonlyMap<string, string> {
    return this.#header.metadata;
  }

  /**
   * A tensor's bytes, or those of a range of its elements, in their own buffer.
   *
   * @throws {RangeError} if the file has no such tensor, or the tensor no such range
   */
  async bytes(name: string, range?: ElementRange): Promise<Uint8Array<ArrayBuffer>> {
    const { begin, end, dtype } = this.#info(name);
    const step = DTYPE_BYTES[dtype];
    const { first = 0, count = (end - begin) / step } = range ?? {};
    if (first < 0 || count < 0 || step * (first + count) > end - begin) {
      throw new RangeError(`${this.name}: ${name} has no ${count} elements from ${first} on`);
    }
    return await this.#source.read(this.#header.dataStart + begin + step * first, step * count);
  }

  /**
   * A floating-point tensor, or a range of its elements, as float32 in its own buffer; F64 is
   * rounded.
   *
   * @throws {RangeError} if the file has no such tensor, or the tensor no such range
   * @throws {TypeError} if it holds integers
   */
  async float32(name: string, range?: ElementRange): Promise<Float32Array<ArrayBuffer>> {
    const { dtype } = this.#info(name);
    const bytes = await this.bytes(name, range);
    return this.#convert(name, () => decodeFloat32(dtype, bytes));
  }

  /**
   * An integer or boolean tensor as int32, in its own buffer.
   *
   * @throws {RangeError} if the file has no such tensor, or a value does not fit
   * @throws {TypeError} if it holds floating-point numbers
   */
  async int32(name: string): Promise<Int32Array<ArrayBuffer>> {
    const { dtype } = this.#info(name);
    const bytes = await this.bytes(name);
    return this.#convert(name, () => decodeInt32(dtype, bytes));
  }

  /** Releases what only speeds up the next read. */
  rest(): void {
    this.#source.rest?.();
  }

  /**
   * Checks the whole file by its hash, if its source knows one.
   *
   * @throws {SyntaxError} if the hash differs
   */
  async verify(): Promise<void> {
    await this.#source.verify?.();
  }

  /** Closes the source. */
  close(): void {
    this.#source.close();
  }

  #info(name: string): TensorInfo {
    const info = this.tensors.get(name);
    if (info) return info;
    const close = nearest(name, this.tensors.keys());
    throw new RangeError(
      `${this.name}: no tensor ${JSON.stringify(name)} among ${this.tensors.size}` +
        (close ? `; the nearest is ${JSON.stringify(close)}` : ""),
    );
  }

  /** Prefixes a conversion's error with the file and the tensor. */
  #convert<Result>(name: string, conversion: () => Result): Result {
    try {
      return conversion();
    } catch (cause) {
      if (!(cause instanceof TypeError || cause instanceof RangeError)) throw cause;
      const Same = cause instanceof TypeError ? TypeError : RangeError;
      throw new Same(`${this.name}: tensor ${JSON.stringify(name)}: ${cause.message}`, { cause });
    }
  }
}

/**
 * The bytes before the data: header length and header, padded with spaces to a multiple of 8. The
 * data that follow must be these tensors' bytes, in this order, with nothing between them.
 *
 * @throws {TypeError} if a name occurs twice or is `__metadata__`
 * @throws {RangeError} if the header would pass the limit that readers set
 */
export function encodeSafetensorsHeader(
  tensors: Iterable<readonly [string, { dtype: SafetensorsDtype; shape: Shape }]>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  const fields: string[] = [];
  if (Object.keys(metadata).length > 0) fields.push(`"__metadata__":${JSON.stringify(metadata)}`);
  const names = new Set(["__metadata__"]);
  let begin = 0;
  for (const [name, { dtype, shape }] of tensors) {
    if (names.has(name)) {
      throw new TypeError(`safetensors: the name ${JSON.stringify(name)} is taken`);
    }
    names.add(name);
    const end = begin + size(shape) * DTYPE_BYTES[dtype];
    const info = JSON.stringify({ dtype, shape, data_offsets: [begin, end] });
    fields.push(`${JSON.stringify(name)}:${info}`);
    begin = end;
  }
  const json = new TextEncoder().encode(`{${fields.join(",")}}`);
  const length = Math.ceil(json.length / 8) * 8;
  if (length > MAX_HEADER_BYTES) {
    throw new RangeError(`safetensors: a header of ${length} bytes is over ${MAX_HEADER_BYTES}`);
  }
  const bytes = new Uint8Array(8 + length).fill(0x20, 8);
  new DataView(bytes.buffer).setUint32(0, length, true); // the limit fits 32 bits
  bytes.set(json, 8);
  return bytes;
}

/**
 * A whole file as chunks to be written sequentially: the header, then each tensor's own buffer, not
 * copied (shared memory is, one tensor at a time as the chunks are read). Tensors keep their order,
 * except that wider elements are first, so that every tensor is aligned.
 *
 * @throws {TypeError} if data do not match their shape and dtype, or a name occurs twice
 */
export function encodeSafetensors(
  tensors: Iterable<readonly [string, SafetensorsEntry]>,
  metadata: Readonly<Record<string, string>> = {},
): Iterable<Uint8Array<ArrayBuffer>> {
  const entries = [...tensors].map(([name, { shape, data, dtype = dtypeOfArray(data) }]) => {
    const expected = size(shape) * DTYPE_BYTES[dtype];
    if (data.byteLength !== expected) {
      throw new TypeError(
        `safetensors: tensor ${JSON.stringify(name)}: ${dtype} ${formatShape(shape)} takes ` +
          `${expected} bytes, its array has ${data.byteLength}`,
      );
    }
    return [name, { shape, data, dtype }] as const;
  });
  entries.sort(([, a], [, b]) => DTYPE_BYTES[b.dtype] - DTYPE_BYTES[a.dtype]);
  return chunks(encodeSafetensorsHeader(entries, metadata), entries.map(([, { data }]) => data));
}

function* chunks(header: Uint8Array<ArrayBuffer>, arrays: SafetensorsArray[]) {
  yield header;
  for (const array of arrays) yield bytesOf(array);
}

/** The array's memory as bytes; files and blobs do not take shared memory, so that is copied. */
function bytesOf(data: SafetensorsArray): Uint8Array<ArrayBuffer> {
  const { buffer, byteOffset, byteLength } = data;
  if (buffer instanceof ArrayBuffer) return new Uint8Array(buffer, byteOffset, byteLength);
  return new Uint8Array(new Uint8Array(buffer, byteOffset, byteLength));
}

/**
 * Checks that an array holds no NaN and no infinity, as a diverged run or a damaged file does.
 *
 * @throws {RangeError} naming the tensor, the first such element and how many there are
 */
export function assertFinite(name: string, array: Float32Array): void {
  let zero = 0; // NaN once an element is not finite: the fastest test, and every save needs it
  for (let i = 0; i < array.length; i++) zero += 0 * array[i];
  if (zero === 0) return;
  const first = array.findIndex((value) => !Number.isFinite(value));
  const count = array.reduce((sum, value) => sum + (Number.isFinite(value) ? 0 : 1), 0);
  throw new RangeError(
    `tensor ${name}: element ${first} is ${
      array[first]
    } (${count} of ${array.length} are not finite)`,
  );
}
