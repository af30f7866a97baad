/**
 * A local file as a ByteSource.
 *
 * @module
 */
import { UserError } from "../errors.ts";
import { expectRegularFile } from "../regular_file.ts";
import { type ByteSource, checkRange, readNew } from "./byte_source.ts";

/**
 * Opens a file for reading in any order. It stays open until `close()`.
 *
 * @throws {UserError} naming the path, if it cannot be opened or is no regular file
 */
export function fileSource(path: string): ByteSource {
  const file = open(path);
  const { size } = file.statSync();
  const source: ByteSource = {
    name: path,
    byteLength: size,
    read: (offset, length) => readNew(source, offset, length),
    readInto(offset, bytes) {
      return new Promise((resolve) => {
        checkRange(source, offset, bytes.length);
        resolve(readFully(file, path, offset, bytes));
      });
    },
    close: () => file.close(),
  };
  return source;
}

function open(path: string): Deno.FsFile {
  try {
    expectRegularFile(path);
    return Deno.openSync(path, { read: true });
  } catch (cause) {
    if (cause instanceof UserError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new UserError(`reading ${path}: ${reason}`, { cause });
  }
}

/** Synchronous, so that two concurrent reads cannot move each other's position. */
function readFully(file: Deno.FsFile, path: string, offset: number, bytes: Uint8Array): void {
  file.seekSync(offset, Deno.SeekMode.Start);
  for (let filled = 0; filled < bytes.length;) {
    const count = file.readSync(bytes.subarray(filled));
    if (count === null) {
      throw new SyntaxError(
        `${path}: the file ended after ${offset + filled} bytes; it is truncated`,
      );
    }
    filled += count;
  }
}
