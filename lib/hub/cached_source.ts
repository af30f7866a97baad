/**
 * A remote file that is read in blocks, each stored in the Web Cache when it arrives: a block is
 * downloaded once, for this process and later ones, also if a download is interrupted.
 *
 * A block is stored with its own SHA-256, so that a damaged one is downloaded again; if the server
 * names the SHA-256 of the whole file, that is checked when all of it has been read. Without a Web
 * Cache everything works, and nothing is stored.
 *
 * @module
 */
import { sha256 } from "../data/checked_text.ts";
import { type ByteSource, checkRange, readNew } from "./byte_source.ts";
import { forget, keepBlock, keptBlock, type KeptFile, markVerified } from "./model_cache.ts";
import type { RemoteFile } from "./remote_file.ts";
import { Sha256 } from "./sha256.ts";

/** Bytes of a block. */
export const BLOCK = 4 << 20;

/**
 * Reads `inner`, the file itself, through the cache. `isVerified` says that an earlier process
 * checked the whole file by its hash.
 */
export function cachedSource(
  file: RemoteFile,
  inner: ByteSource,
  { isVerified = false }: Pick<KeptFile, "isVerified"> = {},
): ByteSource {
  return new CachedSource(file, inner, isVerified);
}

class CachedSource implements ByteSource {
  readonly #file: RemoteFile;
  readonly #inner: ByteSource;
  /** The hash of the blocks so far, in order; undefined if there is nothing to check. */
  #hash: Sha256 | undefined;
  /** Number of blocks hashed so far. */
  #hashed = 0;
  #latest: { index: number; bytes: Uint8Array } | undefined;

  constructor(file: RemoteFile, inner: ByteSource, isVerified: boolean) {
    this.#file = file;
    this.#inner = inner;
    this.#hash = file.sha256 === undefined || isVerified ? undefined : new Sha256();
  }

  get name(): string {
    return this.#file.url;
  }

  get byteLength(): number {
    return this.#file.byteLength;
  }

  read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    return readNew(this, offset, length);
  }

  async readInto(offset: number, bytes: Uint8Array): Promise<void> {
    checkRange(this, offset, bytes.length);
    for (let filled = 0; filled < bytes.length;) {
      const at = offset + filled;
      const index = Math.floor(at / BLOCK);
      const block = await this.#block(index);
      const piece = block.subarray(at - index * BLOCK, at - index * BLOCK + bytes.length - filled);
      bytes.set(piece, filled);
      filled += piece.length;
    }
  }

  async verify(): Promise<void> {
    if (!this.#hash) return;
    const blocks = Math.ceil(this.byteLength / BLOCK);
    if (this.#hashed < blocks) await this.#block(blocks - 1);
    const hash = this.#hash.hex();
    this.#hash = undefined;
    if (hash === this.#file.sha256) return await markVerified(this.#file);
    await forget(this.#file);
    throw new SyntaxError(
      `${this.name}: expected SHA-256 ${this.#file.sha256}, got ${hash}; the file was damaged or ` +
        "altered on its way and is not kept; try again",
    );
  }

  rest(): void {
    this.#latest = undefined;
    this.#inner.rest?.();
  }

  close(): void {
    this.rest();
    this.#inner.close();
  }

  /** A block; if there is a hash to check, the unread blocks before it are read first. */
  async #block(index: number): Promise<Uint8Array> {
    if (this.#latest?.index === index) return this.#latest.bytes;
    while (this.#hash && this.#hashed < index) await this.#take(this.#hashed);
    return await this.#take(index);
  }

  async #take(index: number): Promise<Uint8Array> {
    const bytes = await this.#kept(index) ?? await this.#fetched(index);
    if (this.#hash && this.#hashed === index) {
      this.#hash.update(bytes);
      this.#hashed++;
    }
    this.#latest = { index, bytes };
    return bytes;
  }

  async #kept(index: number): Promise<Uint8Array | undefined> {
    const kept = await keptBlock(this.#file, index);
    if (!kept || kept.bytes.length !== this.#lengthOf(index)) return undefined;
    return await sha256(kept.bytes) === kept.sha256 ? kept.bytes : undefined;
  }

  async #fetched(index: number): Promise<Uint8Array> {
    const bytes = await this.#inner.read(index * BLOCK, this.#lengthOf(index));
    await keepBlock(this.#file, index, { bytes, sha256: await sha256(bytes) });
    return bytes;
  }

  #lengthOf(index: number): number {
    return Math.min(BLOCK, this.byteLength - index * BLOCK);
  }
}
