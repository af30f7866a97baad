/**
 * The error of a file that cannot be reached over the network, with its reason.
 *
 * See patience.ts for retries.
 *
 * @module
 */
import { UserError } from "../errors.ts";

/** A server's refusal. */
export interface Refusal {
  /** The status, such as 503. */
  readonly status: number;
  /** Seconds to wait before the next request, if the server names them. */
  readonly retryAfter?: number;
}

/** A download that failed because the network, the server or the file could not be reached. */
export class UnreachableError extends UserError {
  /** Why, in a few words. */
  readonly reason: string;
  /** The server's answer, if it answered. */
  readonly refusal?: Refusal;

  readonly #what: string;
  readonly #url: string;

  /** An error about `what`, such as "corpus names", at an address. */
  constructor(what: string, url: string, reason: string, { cause, refusal }: Causes = {}) {
    super(`${what}: ${url} cannot be reached: ${reason}`, { cause });
    this.#what = what;
    this.#url = url;
    this.reason = reason;
    this.refusal = refusal;
  }

  /** The same error, after `count` tries. */
  triedTimes(count: number): UnreachableError {
    const reason = `${this.reason} (tried ${count} times)`;
    const { refusal } = this;
    return new UnreachableError(this.#what, this.#url, reason, { cause: this, refusal });
  }
}

/** What an `UnreachableError` keeps of its cause. */
export interface Causes {
  readonly cause?: unknown;
  readonly refusal?: Refusal;
}

/** The error of an answer whose status is not 2xx. */
export function refused(what: string, url: string, response: Response): UnreachableError {
  const retryAfter = secondsToWait(response.headers.get("retry-after"));
  const { status, statusText } = response;
  const asks = retryAfter === undefined ? "" : ` and asks to wait ${retryAfter} s`;
  const words = statusText === "" ? `${status}` : `${status} ${statusText}`;
  const refusal = { status, retryAfter };
  return new UnreachableError(what, url, `the server answers ${words}${asks}`, { refusal });
}

/** `Retry-After` in seconds: a number of them, or a date. */
function secondsToWait(value: string | null): number | undefined {
  if (value === null) return undefined;
  const seconds = /^\d{1,9}$/.test(value) ? Number(value) : (Date.parse(value) - Date.now()) / 1000;
  return Number.isFinite(seconds) ? Math.max(0, Math.ceil(seconds)) : undefined;
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
