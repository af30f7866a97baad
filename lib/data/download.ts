/**
 * Downloads one file over HTTP, with progress, a size limit and a time limit between chunks.
 * registered_corpus.ts checks and keeps what was downloaded.
 *
 * @module
 */

import { UserError } from "../errors.ts";
import { Patience } from "./patience.ts";
import { readStream, type ReadStreamOptions, tooLarge } from "./read_stream.ts";
import { Silence } from "./silence.ts";
import { reasonOf, refused, UnreachableError } from "./unreachable.ts";

/** How to download a file. */
export interface DownloadOptions extends ReadStreamOptions {
  /** Ends the download; its reason is thrown. */
  signal?: AbortSignal;
  /**
   * Milliseconds until the server must have answered, and three times as many between two chunks,
   * or for a kilobyte a second of them; default 5000.
   */
  timeout?: number;
}

/**
 * The bytes at an `http:` or `https:` address. If the server is busy (429, 5xx), the request is
 * sent once more, after the time that the server names.
 *
 * @throws {UnreachableError} if there is no connection, no answer in time, or no status 2xx
 * @throws {UserError} if the file is larger than the limit: by its announced length before
 *   anything is read, or by the bytes received
 */
export async function download(
  url: string,
  options: DownloadOptions,
): Promise<Uint8Array<ArrayBuffer>> {
  const patience = new Patience({ retries: 1, unanswered: false, signal: options.signal });
  for (;;) {
    try {
      return await downloadOnce(url, options);
    } catch (error) {
      await patience.afterFailure(error);
    }
  }
}

async function downloadOnce(
  url: string,
  { signal, timeout = 5000, ...reading }: DownloadOptions,
): Promise<Uint8Array<ArrayBuffer>> {
  const silence = new Silence(timeout, signal);
  try {
    const response = await silence.fetch(url);
    if (!response.ok || response.body === null) {
      await response.body?.cancel();
      throw refused(reading.what, url, response);
    }
    const total = announcedLength(response);
    if (total !== undefined && total > reading.limit) {
      await response.body.cancel();
      throw tooLarge(`${reading.what} at ${url}`, reading.limit, total);
    }
    return await readStream(silence.body(response.body), { total, ...reading });
  } catch (cause) {
    if (signal?.aborted) throw signal.reason;
    if (cause instanceof UserError) throw cause;
    throw new UnreachableError(reading.what, url, reasonOf(cause), { cause });
  } finally {
    silence.end();
  }
}

/** The length of the body, unless it is compressed on its way. */
function announcedLength({ headers }: Response): number | undefined {
  const length = headers.get("content-length");
  return length === null || headers.has("content-encoding") ? undefined : Number(length);
}
