/**
 * Random access to bytes: the interface that readers of file formats read from.
 * See file_source.ts for files, http_source.ts for servers.
 *
 * @module
 */

/** Bytes that can be read in any order. */
export interface ByteSource {
  /** Name for errors, usually its path. */
  readonly name: string;
  /** Size in bytes. */
  readonly byteLength: number;
  /**
   * `length` bytes from `offset`, in memory that the caller owns.
   *
   * @throws {RangeError} if the range is not within the source
   */
  read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>>;
  /**
   * Fills the caller's buffer with the bytes from `offset` on. Default: by `read`.
   *
   * @throws {RangeError} if the range is not within the source
   */
  readInto?(offset: number, bytes: Uint8Array): Promise<void>;
  /**
   * Releases what only speeds up the next read, such as a connection. Default: nothing.
   */
  rest?(): void;
  /**
   * Reads the rest of the source, if there is a hash to check it by.
   *
   * @throws {SyntaxError} if the bytes have another hash
   */
  verify?(): Promise<void>;
  /** Releases what the source holds. */
  close(): void;
}

/**
 * Checks that [offset, offset + length) is within the source.
 *
 * @throws {RangeError} naming the range and the source's size
 */
export function checkRange(source: ByteSource, offset: number, length: number): void {
  if (offset < 0 || length < 0 || !(offset + length <= source.byteLength)) {
    throw new RangeError(
      `${source.name}: reading ${length} bytes from ${offset}: it has ${source.byteLength}`,
    );
  }
}

/** Fills an existing buffer with the source's bytes from `offset` on. */
export async function readInto(
  source: ByteSource,
  offset: number,
  bytes: Uint8Array,
): Promise<void> {
  if (source.readInto) await source.readInto(offset, bytes);
  else bytes.set(await source.read(offset, bytes.length));
}

/** `read` for a source that reads into an existing buffer. */
export async function readNew(
  source: ByteSource,
  offset: number,
  length: number,
): Promise<Uint8Array<ArrayBuffer>> {
  checkRange(source, offset, length); // before memory is allocated
  const bytes = new Uint8Array(length);
  await readInto(source, offset, bytes);
  return bytes;
}

/** A source over bytes in memory; a read returns a copy. */
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
