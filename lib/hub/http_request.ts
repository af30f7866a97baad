/**
 * One request for a file of a model: token, time limit, and statuses as errors.
 *
 * @module
 */
import { reasonOf, type Silence, statusOf, UnreachableError } from "../data/download.ts";
import { UserError } from "../errors.ts";

/** How to ask a server. */
export interface HttpOptions {
  /** Sent to the file's own server, and to no other that it redirects to. */
  readonly token?: string;
  /** Ends reading; its reason is thrown. */
  readonly signal?: AbortSignal;
  /**
   * Milliseconds until an answer must have come, and three times as many between pieces; default
   * 10,000.
   */
  readonly timeout?: number;
}

/** What is asked, besides the address. */
export interface HttpRequest {
  /** Default: GET. */
  readonly method?: "GET" | "HEAD";
  /** Further headers. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Default: follow. */
  readonly redirect?: "manual" | "follow";
}

/** The time limit where the options name none. */
export const TIMEOUT = 10_000;

/**
 * Asks, and waits for the head of the answer, whatever its status.
 *
 * @param silence ends the request, and the reading of its body, when it has heard nothing for too
 *   long
 * @throws {UnreachableError} where no answer came
 */
export async function request(
  url: string,
  { method, headers = {}, redirect }: HttpRequest,
  { token, signal }: HttpOptions,
  silence: Silence,
): Promise<Response> {
  const sent: Record<string, string> = { "accept-encoding": "identity", ...headers };
  if (token) sent.authorization = `Bearer ${token}`; // fetch drops it where a redirect leads elsewhere
  const signals = [silence.signal, ...signal ? [signal] : []];
  try {
    return await fetch(url, { method, headers: sent, redirect, signal: AbortSignal.any(signals) });
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    throw new UnreachableError("model file", url, reasonOf(error), error);
  }
}

/**
 * Passes where the status is 2xx.
 *
 * @throws {UserError} for 401 and 403, saying how to give a token
 * @throws {UnreachableError} for all else
 */
export function expectSuccess(url: string, response: Response): void {
  if (response.ok) return;
  if (response.status === 401 || response.status === 403) {
    throw new UserError(
      `${url}: the server answers ${response.status}: there is no such model, or it wants a token ` +
        "or your consent to its terms; set HF_TOKEN, allow it with --allow-env=HF_TOKEN, and " +
        "accept the terms on the model's page",
    );
  }
  throw new UnreachableError("model file", url, `the server answers ${statusOf(response)}`);
}

/** Where an answer to a range begins and how long the whole is; undefined where it does not say. */
export function contentRange({ headers }: Response): { start: number; total: number } | undefined {
  const match = /^bytes (\d+)-\d+\/(\d+)$/.exec(headers.get("content-range") ?? "");
  return match ? { start: Number(match[1]), total: Number(match[2]) } : undefined;
}
