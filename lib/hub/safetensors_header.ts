/**
 * The header of a safetensors file, read as untrusted input: nothing is allocated by a number that
 * the file states before that number is checked against the file's own size.
 *
 * The format: 8 bytes of header length N (u64, little-endian), N bytes of UTF-8 JSON `{"name":
 * {"dtype", "shape", "data_offsets": [begin, end]}, …, "__metadata__": {string: string}}`, padded
 * with spaces, then the data. The ranges must cover the data with no hole and no overlap. Data need
 * not be aligned: some published files are older than the padding rule. The JSON itself is read by
 * header_json.ts. Source: github.com/huggingface/safetensors.
 *
 * @module
 */
import { formatShape, type Shape } from "../shape.ts";
import { HeaderJson } from "./header_json.ts";
import { DTYPE_BYTES, type SafetensorsDtype } from "./safetensors_dtype.ts";

/**
 * Longest header that is read and written, in bytes; one of `MAX_TENSORS` tensors takes about half.
 * The reference implementation's limit is four times as large.
 */
export const MAX_HEADER_BYTES = 25_000_000;
/** Maximum number of tensors of a model; the largest published ones have about as many. */
export const MAX_TENSORS = 100_000;
const MAX_RANK = 64;

/** One tensor's entry. */
export interface TensorInfo {
  /** Type of its elements. */
  readonly dtype: SafetensorsDtype;
  /** Sizes of its axes; empty for a scalar. */
  readonly shape: Shape;
  /** Offset of its first byte from the start of the data. */
  readonly begin: number;
  /** Offset of the byte after its last. */
  readonly end: number;
}

/** A checked header. */
export interface SafetensorsHeader {
  /** Entries in the order of their data. */
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  /** The free texts under `__metadata__`; empty if there are none. */
  readonly metadata: ReadonlyMap<string, string>;
  /** Offset of the data from the start of the file, in bytes. */
  readonly dataStart: number;
}

function malformed(message: string): SyntaxError {
  return new SyntaxError(`safetensors: ${message}`);
}

/**
 * The header's length N, from the file's first 8 bytes.
 *
 * @throws {SyntaxError} if there are fewer bytes, or N passes the limit or the file's end
 */
export function readHeaderLength(start: Uint8Array, fileBytes: number): number {
  if (start.length < 8) {
    throw malformed(`expected 8 bytes of header length, the file has ${start.length}`);
  }
  const view = new DataView(start.buffer, start.byteOffset, 8);
  const length = view.getUint32(0, true) + view.getUint32(4, true) * 2 ** 32;
  if (length > MAX_HEADER_BYTES) {
    throw malformed(`header length ${length} is over the limit of ${MAX_HEADER_BYTES} bytes`);
  }
  if (length < 2 || length > fileBytes - 8) {
    throw malformed(`header length ${length} does not fit a file of ${fileBytes} bytes`);
  }
  return length;
}

/**
 * Reads and checks the header of a whole file in memory.
 *
 * @throws {SyntaxError} saying what was expected and what it holds
 */
export function readSafetensorsHeader(bytes: Uint8Array): SafetensorsHeader {
  const length = readHeaderLength(bytes.subarray(0, 8), bytes.length);
  return parseSafetensorsHeader(bytes.subarray(8, 8 + length), bytes.length - 8 - length);
}

/**
 * Checks a header given its JSON bytes and the number of bytes of data that follow it.
 *
 * @throws {SyntaxError} saying what was expected and what it holds
 */
export function parseSafetensorsHeader(json: Uint8Array, dataBytes: number): SafetensorsHeader {
  const reader = new HeaderJson(decodeText(json));
  const tensors = new Map<string, TensorInfo>();
  const metadata = new Map<string, string>();
  reader.object((name) => {
    if (name === "__metadata__") reader.object((key) => metadata.set(key, reader.string()));
    else if (tensors.size === MAX_TENSORS) throw malformed(`more than ${MAX_TENSORS} tensors`);
    else tensors.set(name, checkTensor(name, readTensor(reader, name), dataBytes));
  });
  reader.end();
  return { tensors: checkCover(tensors, dataBytes), metadata, dataStart: 8 + json.length };
}

function decodeText(json: Uint8Array): string {
  if (json[0] !== 0x7B) {
    throw malformed(`the header must begin with "{" (0x7b), got 0x${json[0].toString(16)}`);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(json);
  } catch (cause) {
    throw new SyntaxError("safetensors: the header is not UTF-8", { cause });
  }
}

interface TensorFields {
  dtype?: string;
  shape?: number[];
  offsets?: number[];
}

function readTensor(reader: HeaderJson, name: string): TensorFields {
  const fields: TensorFields = {};
  const tensor = `tensor ${JSON.stringify(name)}`;
  reader.object((key) => {
    if (key === "dtype") fields.dtype = reader.string();
    else if (key === "shape") fields.shape = reader.wholeNumbers(`${tensor}: shape`, MAX_RANK);
    else if (key === "data_offsets") fields.offsets = reader.wholeNumbers(`${tensor}: offsets`, 2);
    else {
      throw malformed(
        `${tensor}: expected dtype, shape and data_offsets, got ${JSON.stringify(key)}`,
      );
    }
  });
  return fields;
}

function checkTensor(name: string, fields: TensorFields, dataBytes: number): TensorInfo {
  const { dtype, shape, offsets } = fields;
  const fail = (message: string) => malformed(`tensor ${JSON.stringify(name)}: ${message}`);
  if (dtype === undefined) throw fail("dtype is missing");
  if (shape === undefined) throw fail("shape is missing");
  if (offsets === undefined) throw fail("data_offsets is missing");
  if (!Object.hasOwn(DTYPE_BYTES, dtype)) {
    const known = Object.keys(DTYPE_BYTES).join(", ");
    throw fail(`expected a dtype of ${known}, got ${JSON.stringify(dtype)}`);
  }
  if (offsets.length !== 2) {
    throw fail(`expected data_offsets [begin, end], got ${offsets.length} numbers`);
  }
  const [begin, end] = offsets;
  if (begin > end) throw fail(`data_offsets end ${end} before they begin ${begin}`);
  if (end > dataBytes) {
    throw fail(`data_offsets end at ${end}, the file has ${dataBytes} bytes of data`);
  }
  const bytes = byteLength(shape, dtype as SafetensorsDtype);
  if (bytes === undefined) throw fail(`shape ${formatShape(shape)} overflows: 2^53 bytes or more`);
  if (bytes !== end - begin) {
    throw fail(
      `${dtype} ${formatShape(shape)} takes ${bytes} bytes, data_offsets give ${end - begin}`,
    );
  }
  return { dtype: dtype as SafetensorsDtype, shape, begin, end };
}

/** Bytes of a tensor; undefined if a number does not hold the count exactly. */
function byteLength(shape: Shape, dtype: SafetensorsDtype): number | undefined {
  let bytes: number = DTYPE_BYTES[dtype];
  for (const length of shape) {
    bytes *= length;
    if (!Number.isSafeInteger(bytes)) return undefined;
  }
  return bytes;
}

/**
 * Checks that the ranges cover the data without a gap, and returns the tensors in that order.
 */
function checkCover(
  tensors: ReadonlyMap<string, TensorInfo>,
  dataBytes: number,
): Map<string, TensorInfo> {
  const ranges = [...tensors].sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end);
  let covered = 0;
  let previous = "the start of the data";
  for (const [name, { begin, end }] of ranges) {
    const tensor = `tensor ${JSON.stringify(name)}`;
    if (begin > covered) {
      throw malformed(`bytes ${covered} to ${begin} before ${tensor} are a hole`);
    }
    if (begin < covered) {
      throw malformed(
        `${tensor} begins at ${begin} and overlaps ${previous}, which ends at ${covered}`,
      );
    }
    covered = end;
    previous = tensor;
  }
  if (covered !== dataBytes) {
    throw malformed(`the file has ${dataBytes} bytes of data, tensors cover ${covered}`);
  }
  return new Map(ranges);
}
