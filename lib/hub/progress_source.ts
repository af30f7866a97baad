/**
 * A ByteSource that reports the number of bytes read after each chunk, and can be stopped between
 * chunks.
 *
 * @module
 */
import { type ByteSource, checkRange, readInto } from "./byte_source.ts";

const CHUNK = 4 << 20;

/** Reads `inner` in chunks of at most 4 MiB, and calls `onBytes` with the length of each. */
export function progressSource(
  inner: ByteSource,
  onBytes: (bytes: number) => void,
  signal?: AbortSignal,
): ByteSource {
  const source: ByteSource = {
    name: inner.name,
    byteLength: inner.byteLength,
    async read(offset, length) {
      checkRange(source, offset, length);
      const bytes = new Uint8Array(length);
      for (let filled = 0; filled < length;) {
        signal?.throwIfAborted();
        const chunk = bytes.subarray(filled, filled + CHUNK);
        await readInto(inner, offset + filled, chunk);
        filled += chunk.length;
        onBytes(chunk.length);
      }
      return bytes;
    },
    rest: () => inner.rest?.(),
    verify: async () => await inner.verify?.(),
    close: () => inner.close(),
  };
  return source;
}
