/**
 * Reads a stream to its end, within a limit.
 *
 * @module
 */

import { UserError } from "../errors.ts";
import type { Progress } from "../progress.ts";

/** How to read a stream. */
export interface ReadStreamOptions {
  /** What is being read, for errors: "corpus notes.txt". */
  what: string;
  /** The maximum number of bytes. */
  limit: number;
  /** Bytes expected in all, if known; passed on to `onProgress`. */
  total?: number;
  /** Called after each chunk. */
  onProgress?: (progress: Progress) => void;
}

/**
 * All bytes of a stream.
 *
 * @throws {UserError} as soon as more than `limit` bytes are read; the stream is then canceled
 */
export async function readStream(
  stream: ReadableStream<Uint8Array>,
  { what, limit, total, onProgress }: ReadStreamOptions,
): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let loaded = 0;
  for await (const chunk of stream) { // leaving the loop by an error cancels the stream
    loaded += chunk.length;
    if (loaded > limit) throw tooLarge(what, limit, loaded);
    chunks.push(chunk);
    onProgress?.({ loaded, total });
  }
  const bytes = new Uint8Array(loaded);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

/** The error of something that has, or announces, more bytes than allowed. */
export function tooLarge(what: string, limit: number, bytes: number): UserError {
  return new UserError(
    `${what}: expected at most ${limit} bytes, got ${bytes} or more; take a smaller part of it`,
  );
}
