/**
 * A server's description of a file before any of it is read: size, version, hash.
 *
 * @module
 */
import { Patience } from "../data/patience.ts";
import { Silence } from "../data/silence.ts";
import { UnreachableError } from "../data/unreachable.ts";
import {
  contentRange,
  expectSuccess,
  type HttpOptions,
  type HttpRequest,
  isMissing,
  request,
  TIMEOUT,
} from "./http_request.ts";

/** A file on a server. */
export interface RemoteFile {
  /** The address from which it is requested. */
  readonly url: string;
  /** Size in bytes. */
  readonly byteLength: number;
  /** The server's mark of this version of the file. */
  readonly tag?: string;
  /** SHA-256 in lower-case hexadecimal, if the server names it. */
  readonly sha256?: string;
}

/** How to request a file's description. */
export interface DescribeOptions extends HttpOptions {
  /** Number of further requests to a server that is busy (429, 5xx). Default 3. */
  readonly retries?: number;
}

const REDIRECTS = 5;
const SHA256 = /^[0-9a-f]{64}$/;

/**
 * Requests a file's size and version. Undefined if the server has no such file.
 *
 * Hugging Face redirects large files to another server: the redirect names size and SHA-256
 * (`X-Linked-Size`, `X-Linked-ETag`), so redirects are followed one by one if the platform allows
 * it.
 *
 * @throws {UnreachableError} if there is no usable answer
 * @throws {UserError} if the server requires a token, or another one
 */
export async function describeRemote(
  url: string,
  { retries = 3, ...options }: DescribeOptions = {},
): Promise<RemoteFile | undefined> {
  const { signal } = options;
  const patience = new Patience({ retries, unanswered: false, signal });
  for (;;) {
    try {
      return await describeOnce(url, options);
    } catch (error) {
      await patience.afterFailure(error);
    }
  }
}

async function describeOnce(url: string, options: HttpOptions): Promise<RemoteFile | undefined> {
  for (let at = url, hops = 0; hops <= REDIRECTS; hops++) {
    const response = await requestHeaders(at, { method: "HEAD", redirect: "manual" }, options);
    const linked = readHeaders(url, response, "x-linked-size", "x-linked-etag");
    if (linked) return linked;
    if (response.type === "opaqueredirect") break;
    const next = response.status >= 300 && response.status < 400
      ? response.headers.get("location")
      : null;
    if (next === null) return await describe(url, response, options);
    const target = new URL(next, at);
    if (target.origin !== new URL(at).origin) break;
    at = target.href;
  }
  return await describe(url, await requestHeaders(url, { method: "HEAD" }, options), options);
}

async function describe(
  url: string,
  response: Response,
  options: HttpOptions,
): Promise<RemoteFile | undefined> {
  if (isMissing(url, response)) return undefined;
  const knowsNoHead = response.status === 405 || response.status === 501;
  if (!knowsNoHead) {
    expectSuccess(url, response);
    const file = readHeaders(url, response, "content-length", "etag");
    if (file) return file;
  }
  return await describeByFirstByte(url, options);
}

/** For a server that does not support HEAD, or names no length in its answer. */
async function describeByFirstByte(
  url: string,
  options: HttpOptions,
): Promise<RemoteFile | undefined> {
  const response = await requestHeaders(url, { headers: { range: "bytes=0-0" } }, options);
  if (isMissing(url, response)) return undefined;
  expectSuccess(url, response);
  const range = response.status === 206 ? contentRange(response) : undefined;
  const file = range
    ? { url, byteLength: range.total, ...tagOf(response, "etag") }
    : readHeaders(url, response, "content-length", "etag");
  if (!file) {
    throw new UnreachableError("model file", url, "the server does not name its length");
  }
  return file;
}

async function requestHeaders(
  url: string,
  what: HttpRequest,
  options: HttpOptions,
): Promise<Response> {
  const silence = new Silence(options.timeout ?? TIMEOUT, options.signal);
  try {
    const response = await request(url, what, options, silence);
    await response.body?.cancel();
    return response;
  } finally {
    silence.end();
  }
}

function readHeaders(
  url: string,
  response: Response,
  sizeHeader: string,
  tagHeader: string,
): RemoteFile | undefined {
  const size = response.headers.get(sizeHeader) ?? "";
  if (!/^\d{1,15}$/.test(size)) return undefined;
  return { url, byteLength: Number(size), ...tagOf(response, tagHeader) };
}

function tagOf({ headers }: Response, name: string): { tag?: string; sha256?: string } {
  const tag = headers.get(name) ?? headers.get("last-modified");
  if (tag === null) return {};
  const bare = tag.replace(/^(W\/)?"(.*)"$/, "$2");
  return name === "x-linked-etag" && SHA256.test(bare) ? { tag, sha256: bare } : { tag };
}
