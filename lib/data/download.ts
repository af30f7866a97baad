/**
 * Downloads one file over HTTP, with progress, a size limit and a time limit between chunks.
 * registered_corpus.ts checks and keeps what was downloaded.
 *
 * @module
 */

import { UserError } from "../errors.ts";
import { readStream, type ReadStreamOptions, tooLarge } from "./read_stream.ts";

/** A download that failed because the network, the server or the file could not be reached. */
export class UnreachableError extends UserError {
  /** Why, in a few words. */
  readonly reason: string;

  /** An error about `what`, such as "corpus names", at an address. */
  constructor(what: string, url: string, reason: string, cause?: unknown) {
    super(`${what}: ${url} cannot be reached: ${reason}`, { cause });
    this.reason = reason;
  }
}

/** How to download a file. */
export interface DownloadOptions extends ReadStreamOptions {
  /** Ends the download; its reason is thrown. */
  signal?: AbortSignal;
  /**
   * Milliseconds until the first byte must arrive, and three times as many between later ones;
   * default 5000.
   */
  timeout?: number;
}

/**
 * The bytes at an `http:` or `https:` address.
 *
 * @throws {UnreachableError} if there is no connection, no answer in time, or no status 2xx
 * @throws {UserError} if the file is larger than the limit: by its announced length before
 *   anything is read, or by the bytes received
 */
export async function download(
  url: string,
  { signal, timeout = 5000, ...reading }: DownloadOptions,
): Promise<Uint8Array<ArrayBuffer>> {
  const silence = new Silence(timeout);
  try {
    const signals = [silence.signal, signal].filter((one) => one !== undefined);
    const response = await fetch(url, { signal: AbortSignal.any(signals) });
    if (!response.ok || response.body === null) {
      await response.body?.cancel();
      throw new UnreachableError(reading.what, url, `the server answers ${statusOf(response)}`);
    }
    const total = announcedLength(response);
    if (total !== undefined && total > reading.limit) {
      await response.body.cancel();
      throw tooLarge(`${reading.what} at ${url}`, reading.limit, total);
    }
    const onProgress: ReadStreamOptions["onProgress"] = (progress) => {
      silence.expect(3 * timeout);
      reading.onProgress?.(progress);
    };
    return await readStream(response.body, { total, ...reading, onProgress });
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    if (error instanceof UserError) throw error;
    throw new UnreachableError(reading.what, url, reasonOf(error), error);
  } finally {
    silence.end();
  }
}

/** Aborts if no data arrives for too long. */
export class Silence {
  readonly #controller = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Starts the timeout. */
  constructor(milliseconds: number) {
    this.expect(milliseconds);
  }

  /** Aborted if nothing arrived in time. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Data arrived: restarts the timeout, at `milliseconds`. */
  expect(milliseconds: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#controller.abort(new Error(`no answer for ${milliseconds / 1000} s`));
    }, milliseconds);
  }

  /** Stops the timeout. */
  end(): void {
    clearTimeout(this.#timer);
  }
}

/** The length of the body, unless it is compressed on its way. */
function announcedLength({ headers }: Response): number | undefined {
  const length = headers.get("content-length");
  return length === null || headers.has("content-encoding") ? undefined : Number(length);
}

/** A response's status in words. */
export function statusOf({ status, statusText }: Response): string {
  return statusText === "" ? `${status}` : `${status} ${statusText}`;
}

/** The innermost reason of an error, without the address that fetch puts before it. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.cause instanceof Error) return reasonOf(error.cause);
  return error.message.replace(
    /^error sending request for url \(.*?\): (client error \(\w+\): )?/,
    "",
  );
}
