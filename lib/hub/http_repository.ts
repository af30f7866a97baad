/**
 * A model on a server: each file is downloaded once, kept in the Web Cache, and downloaded again
 * only if it has changed.
 *
 * If the server cannot be reached, the files in the cache are used.
 *
 * @module
 */
import { UnreachableError } from "../data/unreachable.ts";
import type { ByteSource } from "./byte_source.ts";
import { BLOCK, cachedSource } from "./cached_source.ts";
import type { HttpOptions } from "./http_request.ts";
import { httpSource } from "./http_source.ts";
import {
  isKnownMissing,
  type KeptFile,
  keptFile,
  rememberFile,
  rememberMissing,
} from "./model_cache.ts";
import { describeRemote } from "./remote_file.ts";
import type { Repository } from "./repository.ts";

/** How to reach a model on a server. */
export interface HttpRepositoryOptions extends HttpOptions {
  /** Whether its files never change, so that cached ones are not requested again. Default false. */
  readonly isFixed?: boolean;
}

/** The files below an address that ends with a slash. */
export function httpRepository(
  name: string,
  folder: URL,
  options: HttpRepositoryOptions = {},
): Repository {
  let isOffline = false;
  const find = async (url: string): Promise<KeptFile | undefined> => {
    const kept = await keptFile(url);
    if (isOffline || options.isFixed && (kept || await isKnownMissing(url))) return kept;
    try {
      const file = await describeRemote(url, { ...options, retries: kept ? 0 : undefined });
      if (!file && options.isFixed) await rememberMissing(url);
      if (!file) return undefined;
      const isSame = kept?.tag !== undefined && kept.tag === file.tag;
      const known = { ...file, blockBytes: BLOCK, isVerified: isSame && kept.isVerified };
      await rememberFile(known);
      return known;
    } catch (error) {
      if (!kept || !(error instanceof UnreachableError)) throw error;
      isOffline = true;
      return kept;
    }
  };
  return {
    name,
    async open(file): Promise<ByteSource | undefined> {
      const path = file.split("/").map(encodeURIComponent).join("/");
      const found = await find(new URL(path, folder).href);
      return found && cachedSource(found, httpSource(found, options), found);
    },
  };
}
