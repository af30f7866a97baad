/**
 * One request for a file of a model: token, time limit, and statuses as errors.
 *
 * @module
 */
import type { Silence } from "../data/silence.ts";
import { reasonOf, refused, UnreachableError } from "../data/unreachable.ts";
import { UserError } from "../errors.ts";

/** How to send requests to a server. */
export interface HttpOptions {
  /** Sent to the file's own server, but not to servers that it redirects to. */
  readonly token?: string;
  /** Ends reading; its reason is thrown. */
  readonly signal?: AbortSignal;
  /**
   * Milliseconds until the server must have answered, and three times as many between two chunks;
   * default 10,000.
   */
  readonly timeout?: number;
}

/** A request without its address. */
export interface HttpRequest {
  /** Default: GET. */
  readonly method?: "GET" | "HEAD";
  /** Further headers. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Default: follow. */
  readonly redirect?: "manual" | "follow";
}

/** The default time limit, in milliseconds. */
export const TIMEOUT = 10_000;

/**
 * Sends a request and waits for the head of the answer, whatever its status, within the time that
 * `silence` allows.
 *
 * @throws {UnreachableError} if there is no answer
 */
export async function request(
  url: string,
  { method, headers = {}, redirect }: HttpRequest,
  { token, signal }: HttpOptions,
  silence: Silence,
): Promise<Response> {
  const sent: Record<string, string> = { "accept-encoding": "identity", ...headers };
  // fetch drops the token if a redirect leads to another server.
  if (token) sent.authorization = `Bearer ${token}`;
  try {
    return await silence.fetch(url, { method, headers: sent, redirect });
  } catch (cause) {
    if (signal?.aborted) throw signal.reason;
    throw new UnreachableError("model file", url, reasonOf(cause), { cause });
  }
}

/**
 * Checks that the status is 2xx.
 *
 * @throws {UserError} for 401 and 403, saying how to give a token
 * @throws {UnreachableError} for every other status
 */
export function expectSuccess(url: string, response: Response): void {
  if (response.ok) return;
  if (response.status === 401 || response.status === 403) {
    const isGated = response.headers.get("x-error-code") === "GatedRepo";
    const reason = isGated
      ? "the model is gated; accept its terms on its page, and give a token of that account"
      : "there is no such model, or it requires a token or your consent to its terms";
    throw new UserError(
      `${url}: the server answers ${response.status}: ${reason}: set HF_TOKEN and allow it with ` +
        "--allow-env=HF_TOKEN, or pass the option token",
    );
  }
  throw refused("model file", url, response);
}

/** Start of the range in an answer, and the file's length; undefined if the answer names none. */
export function contentRange({ headers }: Response): { start: number; total: number } | undefined {
  const match = /^bytes (\d+)-\d+\/(\d+)$/.exec(headers.get("content-range") ?? "");
  return match ? { start: Number(match[1]), total: Number(match[2]) } : undefined;
}

/**
 * Whether the answer is that there is no such file.
 *
 * @throws {UserError} if the hub says that there is no such revision of the model
 */
export function isMissing(url: string, { status, headers }: Response): boolean {
  if (status !== 404 && status !== 410) return false;
  if (headers.get("x-error-code") !== "RevisionNotFound") return true;
  const revision = /\/resolve\/([^/]+)\//.exec(url)?.[1] ?? "";
  throw new UserError(
    `${url}: the model has no revision "${
      decodeURIComponent(revision)
    }"; its page on the hub lists ` +
      "its branches, tags and commits",
  );
}
