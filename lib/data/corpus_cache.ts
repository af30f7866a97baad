/**
 * Keeps downloaded corpora in the Web Cache, which outlives the process. Nothing depends on it:
 * if there is no cache, or it cannot be written, a corpus is downloaded again.
 *
 * @module
 */

const CACHE = "folio-corpora";

/** The bytes kept for an address, or undefined. */
export async function readCached(url: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
  return await quietly(async (cache) => {
    const response = await cache.match(url);
    return response && new Uint8Array(await response.arrayBuffer());
  });
}

/** Keeps the bytes for an address. */
export async function writeCached(url: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
  await quietly((cache) => cache.put(url, new Response(bytes)));
}

/** Deletes the bytes of an address. */
export async function deleteCached(url: string): Promise<void> {
  await quietly((cache) => cache.delete(url));
}

async function quietly<Result>(
  use: (cache: Cache) => Promise<Result>,
): Promise<Result | undefined> {
  try {
    return await use(await caches.open(CACHE));
  } catch {
    return undefined; // no cache here, a full disk, a folder that is read-only
  }
}
