/**
 * A ByteSource that reports how much was read, chunk by chunk, and can be stopped between chunks.
 *
 * @module
 */
import { type ByteSource, checkRange, readInto } from "./byte_source.ts";

const PIECE = 4 << 20;

/** Reads `inner` in pieces of at most 4 MiB, and calls `onBytes` with the length of each. */
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
        const piece = bytes.subarray(filled, filled + PIECE);
        await readInto(inner, offset + filled, piece);
        filled += piece.length;
        onBytes(piece.length);
      }
      return bytes;
    },
    rest: () => inner.rest?.(),
    verify: async () => await inner.verify?.(),
    close: () => inner.close(),
  };
  return source;
}
