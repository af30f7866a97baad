/**
 * The header of a GGUF file, read as untrusted input: its metadata and the list of its tensors. No
 * memory is taken for a count that the file states before that count fits what is left of it.
 *
 * The format, little-endian: "GGUF", version 3 (or 2) as u32, the numbers of tensors and of
 * metadata as u64; the metadata as name, type and value; then of each tensor its name, its number
 * of axes and their sizes (the last one first), its type and the offset of its data; then, from the
 * next multiple of `general.alignment` on, the data. A text is its length as u64 and UTF-8. See
 * gguf_types.ts for the types of tensors. Source: docs/gguf.md of github.com/ggml-org/ggml.
 *
 * @module
 */
import { formatShape, type Shape } from "../shape.ts";
import { MAXIMUM_VOCABULARY } from "../text/tokenizer_file.ts";
import type { ByteSource } from "./byte_source.ts";
import { GGUF_TYPES, type GgufType, unknownGgufType } from "./gguf_types.ts";
import { MAX_TENSORS } from "./safetensors_header.ts";

/** A value of the metadata; numbers of 64 bits are rounded to 53. */
export type GgufValue = number | boolean | string | readonly GgufValue[];

/** One tensor's entry. */
export interface GgufTensor {
  /** How its numbers are stored. */
  readonly type: GgufType;
  /** Sizes of its axes, row by row as everywhere in Folio. */
  readonly shape: Shape;
  /** Offset of its first byte from the start of the file. */
  readonly begin: number;
}

/** A checked header. */
export interface GgufHeader {
  /** Values by name. */
  readonly metadata: ReadonlyMap<string, GgufValue>;
  /** Entries in the order of their data. */
  readonly tensors: ReadonlyMap<string, GgufTensor>;
}

/** The longest header that is read, in bytes; those of 256,000 tokens take a tenth. */
const LONGEST_HEADER = 100_000_000;
/** Bytes that are read first; a header that is longer is read again, twice as far. */
const FIRST_BYTES = 1 << 20;
const MOST_VALUES = 10_000, LONGEST_NAME = 65_535, MOST_AXES = 4, DEEPEST_LIST = 4;
/** A list may hold merges, of which there are about as many as tokens. */
const LONGEST_LIST = 2 * MAXIMUM_VOCABULARY;

function malformed(message: string): SyntaxError {
  return new SyntaxError(`GGUF: ${message}`);
}

/** Whether bytes begin as a GGUF file does. */
function isGguf(bytes: Uint8Array): boolean {
  return String.fromCharCode(...bytes.subarray(0, 4)) === "GGUF";
}

/**
 * Reads and checks the header of a file.
 *
 * @throws {SyntaxError} saying what was expected and what it holds
 */
export async function readGgufHeader(source: ByteSource): Promise<GgufHeader> {
  const most = Math.min(source.byteLength, LONGEST_HEADER);
  for (let length = Math.min(FIRST_BYTES, most);; length = Math.min(2 * length, most)) {
    try {
      return parseGgufHeader(await source.read(0, length), source.byteLength);
    } catch (error) {
      if (!(error instanceof MoreNeeded)) throw error;
      if (length < most) continue;
      const end = most < source.byteLength ? "its longest" : "the end of the file";
      throw malformed(`the header goes beyond ${end}, ${most} bytes`);
    }
  }
}

/** The bytes that were read end within the header. */
class MoreNeeded extends Error {}

/** Parses a header at the start of a file of `fileBytes`. */
function parseGgufHeader(bytes: Uint8Array<ArrayBuffer>, fileBytes: number): GgufHeader {
  if (!isGguf(bytes)) throw malformed('expected a file that begins with "GGUF"');
  const reader = new Reader(bytes, fileBytes);
  reader.skip(4);
  const version = reader.u32();
  if (version !== 2 && version !== 3) {
    const isSwapped = version > 0xFFFF && (version >>> 24) + (version & 0xFFFFFF) <= 3;
    throw malformed(`expected version 2 or 3${isSwapped ? ", little-endian" : ""}, got ${version}`);
  }
  const tensorCount = reader.count("tensors", MAX_TENSORS, 24);
  const valueCount = reader.count("metadata", MOST_VALUES, 13);
  const metadata = new Map<string, GgufValue>();
  for (let i = 0; i < valueCount; i++) {
    const name = reader.name();
    if (metadata.has(name)) throw malformed(`${JSON.stringify(name)} is there twice`);
    metadata.set(name, reader.value(reader.u32(), name));
  }
  const tensors = new Map<string, GgufTensor & { readonly end: number }>();
  const { alignment } = alignmentOf(metadata);
  for (let i = 0; i < tensorCount; i++) {
    const name = reader.name();
    if (tensors.has(name)) throw malformed(`tensor ${JSON.stringify(name)} is there twice`);
    tensors.set(name, readTensor(reader, name, alignment));
  }
  const start = Math.ceil(reader.position / alignment) * alignment;
  return { metadata, tensors: checkRanges(tensors, start, fileBytes) };
}

function alignmentOf(metadata: ReadonlyMap<string, GgufValue>): { alignment: number } {
  const alignment = metadata.get("general.alignment") ?? 32;
  const isPower = typeof alignment === "number" && alignment >= 8 && alignment <= 1 << 20 &&
    Number.isInteger(Math.log2(alignment));
  if (!isPower) {
    throw malformed(`general.alignment: expected a power of 2 from 8, got ${alignment}`);
  }
  return { alignment };
}

function readTensor(reader: Reader, name: string, alignment: number) {
  const fail = (message: string) => malformed(`tensor ${JSON.stringify(name)}: ${message}`);
  const axes = reader.u32();
  if (axes < 1 || axes > MOST_AXES) throw fail(`expected 1 to ${MOST_AXES} axes, got ${axes}`);
  const shape = Array.from({ length: axes }, () => reader.u64()).reverse();
  const id = reader.u32();
  const type = GGUF_TYPES.get(id);
  if (!type) throw fail(unknownGgufType(id));
  const elements = shape.reduce((product, length) => product * length, 1);
  if (!Number.isSafeInteger(elements)) throw fail(`shape ${formatShape(shape)} is too large`);
  if (shape[axes - 1] % type.block !== 0) {
    throw fail(
      `${type.name} needs rows of whole blocks of ${type.block}, got ${formatShape(shape)}`,
    );
  }
  const begin = reader.u64();
  if (begin % alignment !== 0) throw fail(`offset ${begin} is no multiple of ${alignment}`);
  return { type, shape, begin, end: begin + elements / type.block * type.bytes };
}

/** Tensors in the order of their data, which are within the file and do not overlap. */
function checkRanges(
  tensors: ReadonlyMap<string, GgufTensor & { readonly end: number }>,
  start: number,
  fileBytes: number,
): Map<string, GgufTensor> {
  const sorted = [...tensors].sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end);
  let covered = 0;
  return new Map(sorted.map(([name, { type, shape, begin, end }]) => {
    const tensor = `tensor ${JSON.stringify(name)}`;
    if (begin < covered) throw malformed(`${tensor} overlaps the one before it`);
    if (!(start + end <= fileBytes)) {
      throw malformed(
        `${tensor} ends at byte ${start + end}, the file at ${fileBytes}; it is truncated`,
      );
    }
    covered = end;
    return [name, { type, shape, begin: start + begin }];
  }));
}

const STRING = 8, LIST = 9;

/** Reads a header's values, each only if its bytes are there. */
class Reader {
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #view: DataView;
  readonly #fileBytes: number;
  readonly #decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  #at = 0;

  constructor(bytes: Uint8Array<ArrayBuffer>, fileBytes: number) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#fileBytes = fileBytes;
  }

  get position(): number {
    return this.#at;
  }

  /** The offset of the next `length` bytes, which are passed. */
  skip(length: number): number {
    const at = this.#at;
    if (at + length > this.#fileBytes) throw malformed(`the file ends within byte ${at}'s value`);
    if (at + length > this.#bytes.length) throw new MoreNeeded();
    this.#at += length;
    return at;
  }

  u32(): number {
    return this.#view.getUint32(this.skip(4), true);
  }

  /** A whole number of 64 bits, at most 2^53. */
  u64(): number {
    const at = this.skip(8);
    const value = this.#view.getUint32(at, true) + this.#view.getUint32(at + 4, true) * 2 ** 32;
    if (!Number.isSafeInteger(value)) throw malformed(`${value} at byte ${at} is too large`);
    return value;
  }

  /** A number of entries that take `least` bytes or more each. */
  count(what: string, most: number, least: number): number {
    const count = this.u64();
    if (count > most) throw malformed(`expected at most ${most} ${what}, got ${count}`);
    if (count * least > this.#fileBytes - this.#at) {
      throw malformed(`${count} ${what} do not fit a file of ${this.#fileBytes} bytes`);
    }
    return count;
  }

  name(): string {
    const at = this.#at, name = this.text(LONGEST_NAME);
    if (name !== "" && !/[\p{Cc}\p{Zl}\p{Zp}]/u.test(name)) return name;
    throw malformed(`the name at byte ${at} is empty, or has a control character`);
  }

  text(most: number = LONGEST_HEADER): string {
    const length = this.u64();
    if (length > most) throw malformed(`a text of ${length} bytes at byte ${this.#at} is too long`);
    const at = this.skip(length);
    try {
      return this.#decoder.decode(this.#bytes.subarray(at, at + length));
    } catch {
      throw malformed(`the text at byte ${at} is not UTF-8`);
    }
  }

  value(type: number, name: string, depth = 0): GgufValue {
    if (type === STRING) return this.text();
    if (type === LIST) return this.#list(name, depth);
    return this.#number(type, name);
  }

  #list(name: string, depth: number): GgufValue[] {
    if (depth === DEEPEST_LIST) throw malformed(`${name}: lists within lists are too deep`);
    const type = this.u32();
    const least = type === STRING ? 8 : type === LIST ? 12 : 1;
    const count = this.count(`values of ${name}`, LONGEST_LIST, least);
    const list: GgufValue[] = [];
    for (let i = 0; i < count; i++) list.push(this.value(type, name, depth + 1));
    return list;
  }

  #number(type: number, name: string): number | boolean {
    const view = this.#view;
    switch (type) {
      case 0:
        return view.getUint8(this.skip(1));
      case 1:
        return view.getInt8(this.skip(1));
      case 2:
        return view.getUint16(this.skip(2), true);
      case 3:
        return view.getInt16(this.skip(2), true);
      case 4:
        return view.getUint32(this.skip(4), true);
      case 5:
        return view.getInt32(this.skip(4), true);
      case 6:
        return view.getFloat32(this.skip(4), true);
      case 7:
        return view.getUint8(this.skip(1)) !== 0;
      case 10:
        return Number(view.getBigUint64(this.skip(8), true));
      case 11:
        return Number(view.getBigInt64(this.skip(8), true));
      case 12:
        return view.getFloat64(this.skip(8), true);
      default:
        throw malformed(`${name}: unknown type of value ${type}`);
    }
  }
}
