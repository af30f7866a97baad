/**
 * Random access to bytes, wherever they lie: what the readers of file formats ask of a source.
 * Files are in file_source.ts.
 *
 * @module
 */

/** Bytes that can be read in any order. */
export interface ByteSource {
  /** What to call it in an error, usually its path. */
  readonly name: string;
  /** Size of the whole, in bytes. */
  readonly byteLength: number;
  /**
   * `length` bytes from `offset`, in memory that the caller owns.
   *
   * @throws {RangeError} where the range does not lie within the source
   */
  read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>>;
  /**
   * The bytes from `offset` on into memory of the caller's, as many as it holds. Default: by
   * `read`.
   *
   * @throws {RangeError} where the range does not lie within the source
   */
  readInto?(offset: number, bytes: Uint8Array): Promise<void>;
  /**
   * Gives back what the source holds only to go on faster, such as a connection. Default: nothing.
   */
  rest?(): void;
  /**
   * Reads what is left of the whole, where there is a hash to check it by.
   *
   * @throws {SyntaxError} where the bytes have another hash
   */
  verify?(): Promise<void>;
  /** Releases what the source holds. */
  close(): void;
}

/**
 * Throws where [offset, offset + length) does not lie within the source.
 *
 * @throws {RangeError} naming the range and the source's size
 */
export function checkRange(source: ByteSource, offset: number, length: number): void {
  if (offset < 0 || length < 0 || !(offset + length <= source.byteLength)) {
    throw new RangeError(
      `${source.name}: reading ${length} bytes from ${offset}: there are ${source.byteLength}`,
    );
  }
}

/** The bytes from `offset` on into memory that is there, as many as it holds. */
export async function readInto(
  source: ByteSource,
  offset: number,
  bytes: Uint8Array,
): Promise<void> {
  if (source.readInto) await source.readInto(offset, bytes);
  else bytes.set(await source.read(offset, bytes.length));
}

/** `read` for a source that reads into memory that is there. */
export async function readNew(
  source: ByteSource,
  offset: number,
  length: number,
): Promise<Uint8Array<ArrayBuffer>> {
  checkRange(source, offset, length); // before memory is taken
  const bytes = new Uint8Array(length);
  await readInto(source, offset, bytes);
  return bytes;
}

/** A source over bytes in memory; what is read is a copy. */
export function bytesSource(bytes: Uint8Array, name = "bytes"): ByteSource {
  const source: ByteSource = {
    name,
    byteLength: bytes.byteLength,
    read(offset, length) {
      return new Promise((resolve) => {
        checkRange(source, offset, length);
        resolve(new Uint8Array(bytes.subarray(offset, offset + length)));
      });
    },
    close() {},
  };
  return source;
}
