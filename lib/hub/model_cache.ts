/**
 * The Web Cache of models. One cache holds the server's description of the file at each address; a
 * cache for each version of a file holds its blocks, because only deleting a whole cache frees its
 * disk space.
 *
 * Without a cache, or if it cannot be written, files are downloaded again.
 *
 * @module
 */
import type { RemoteFile } from "./remote_file.ts";

const INDEX = "folio-models";

/** A file's description, as it is kept. */
export interface KeptFile extends RemoteFile {
  /** Bytes of each block. */
  readonly blockBytes: number;
  /** Whether the whole file was checked by its hash. */
  readonly isVerified?: boolean;
}

/** A block of a file, with the hash of these bytes. */
export interface Block {
  /** The bytes. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Their SHA-256. */
  readonly sha256: string;
}

/** The kept description of the file at an address. */
export async function keptFile(url: string): Promise<KeptFile | undefined> {
  return await quietly(async (cache) => {
    const response = await cache.match(entry(url, "about"));
    return response && readKept(url, await response.json());
  });
}

/** Keeps a file's description; the blocks of an earlier version are deleted. */
export async function rememberFile(file: KeptFile): Promise<void> {
  if (file.tag === undefined) return; // nothing would distinguish its versions
  const before = await keptFile(file.url);
  if (before && before.tag === file.tag && before.blockBytes === file.blockBytes) return;
  if (before) await forget(before);
  await write(file);
}

/** Notes that a file was checked by its hash. */
export async function markVerified(file: RemoteFile): Promise<void> {
  const kept = await keptFile(file.url);
  if (kept && kept.tag === file.tag) await write({ ...kept, isVerified: true });
}

/** Whether it was noted that there is no file at an address. */
export async function isKnownMissing(url: string): Promise<boolean> {
  return await quietly(async (cache) => await cache.match(entry(url, "missing"))) !== undefined;
}

/** Notes that there is no file at an address whose files never change. */
export async function rememberMissing(url: string): Promise<void> {
  await quietly((cache) => cache.put(entry(url, "missing"), new Response("")));
}

/** A block of this version of a file. */
export async function keptBlock(file: RemoteFile, index: number): Promise<Block | undefined> {
  if (file.tag === undefined) return undefined;
  return await quietly(async (cache) => {
    const response = await cache.match(entry(file.url, `block ${index}`));
    const sha256 = response?.headers.get("x-sha256");
    if (!response || !sha256) return undefined;
    return { sha256, bytes: new Uint8Array(await response.arrayBuffer()) };
  }, blocksOf(file));
}

/** Keeps a block. */
export async function keepBlock(file: RemoteFile, index: number, block: Block): Promise<void> {
  if (file.tag === undefined) return;
  const headers = { "x-sha256": block.sha256 };
  const response = new Response(block.bytes, { headers });
  await quietly((cache) => cache.put(entry(file.url, `block ${index}`), response), blocksOf(file));
}

/** Deletes all that is kept of a file. */
export async function forget(file: RemoteFile): Promise<void> {
  const kept = await keptFile(file.url);
  await quietly(async (cache) => {
    await cache.delete(entry(file.url, "about"));
    if (kept) await caches.delete(blocksOf(kept));
  });
}

async function write(file: KeptFile): Promise<void> {
  await quietly((cache) => cache.put(entry(file.url, "about"), Response.json(file)));
}

function readKept(url: string, json: Record<string, unknown>): KeptFile | undefined {
  const { byteLength, blockBytes, tag } = json;
  const isWhole = [byteLength, blockBytes].every((n) => Number.isSafeInteger(n) && Number(n) >= 0);
  if (!isWhole || !blockBytes || typeof tag !== "string") return undefined;
  return { ...json as unknown as KeptFile, url };
}

/** The key of an entry: the file's address with its own query. */
function entry(url: string, what: string): string {
  const key = new URL(url);
  key.searchParams.set("folio", what);
  return key.href;
}

/** The name of the cache of a version's blocks. */
function blocksOf({ url, tag }: RemoteFile): string {
  return `${INDEX} ${url} ${tag}`;
}

async function quietly<Result>(
  use: (cache: Cache) => Promise<Result>,
  name: string = INDEX,
): Promise<Result | undefined> {
  try {
    return await use(await caches.open(name));
  } catch {
    return undefined; // no cache here, a full disk, a folder that is read-only
  }
}
