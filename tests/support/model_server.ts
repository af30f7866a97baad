/**
 * A server of a model's files on 127.0.0.1, with ranges and versions, that can misbehave on
 * request.
 *
 * @module
 */
import { forget } from "../../lib/hub/model_cache.ts";

/** What it does wrong, or differently. */
export interface Behavior {
  /** Demanded as a bearer token; without it the answer is 401. */
  token?: string;
  /**
   * Ends the connection of each request after this many bytes of the body, one entry per request.
   */
  cuts?: number[];
  /** Answers the first requests with these, one each. */
  refusals?: { status: number; retryAfter?: string }[];
  /** Sends a byte each so many milliseconds. */
  drip?: number;
  /** Says that a body is packed so, and sends it unpacked. */
  encoding?: string;
  /** Answers every request for a range with the whole file. */
  knowsNoRanges?: boolean;
  /** Answers HEAD with 405. */
  knowsNoHead?: boolean;
  /** Sends large files elsewhere, as Hugging Face does, naming size and SHA-256 in the redirect. */
  storage?: { url: string; sha256: Record<string, string> };
  /** Reported as the file's size instead of the real one. */
  size?: number;
  /** The version of every file. Default `"1"`. */
  tag?: string;
  /** Answers everything with this status. */
  status?: number;
  /** Sent as `X-Error-Code` with that status, as Hugging Face does. */
  errorCode?: string;
}

/** A running server. */
export interface ModelServer extends AsyncDisposable {
  /** Its origin and a path that no other server has had, with a final slash. */
  readonly url: string;
  /** The requests received, such as `GET config.json bytes=0-`. */
  readonly log: string[];
  /** The authorization headers received. */
  readonly tokens: (string | null)[];
  /** Ends it, and leaves what was kept of its files. */
  close(): Promise<void>;
  /** May be changed while it runs. */
  behavior: Behavior;
}

/** Serves `files`, named by their path below the server's address. */
export function serveModel(
  files: Record<string, Uint8Array<ArrayBuffer> | string>,
  behavior: Behavior = {},
): ModelServer {
  // A new prefix, so that entries of other servers in the Web Cache do not match.
  const prefix = `/${crypto.randomUUID()}/`;
  const urls = new Set<string>();
  const log: string[] = [];
  const tokens: (string | null)[] = [];
  const options = { hostname: "127.0.0.1", port: 0, onListen: () => {}, onError: () => failed() };
  const server = Deno.serve(options, (request) => {
    const path = new URL(request.url).pathname.slice(prefix.length);
    // An encoded slash is part of a file's name, as for most servers.
    const name = /%2f[^/]*$/i.test(path) ? path : decodeURIComponent(path);
    const range = request.headers.get("range");
    urls.add(request.url);
    log.push(`${request.method} ${name}${range ? ` ${range}` : ""}`);
    tokens.push(request.headers.get("authorization"));
    return answer(request, name, files[name], model.behavior);
  });
  const model: ModelServer = {
    url: `http://127.0.0.1:${server.addr.port}${prefix}`,
    log,
    tokens,
    behavior,
    close: () => server.shutdown(),
    async [Symbol.asyncDispose]() {
      await server.shutdown();
      // The Web Cache outlives the process.
      for (const url of urls) await forget({ url, byteLength: 0 });
    },
  };
  return model;
}

const failed = () => new Response(null, { status: 500 });

function answer(
  request: Request,
  name: string,
  file: Uint8Array<ArrayBuffer> | string | undefined,
  behavior: Behavior,
): Response {
  const { token, status, storage, tag = '"1"' } = behavior;
  const refusal = behavior.refusals?.shift();
  if (refusal) {
    const { status, retryAfter } = refusal;
    const headers = retryAfter === undefined ? undefined : { "retry-after": retryAfter };
    return new Response(null, { status, headers });
  }
  if (status !== undefined) {
    const { errorCode } = behavior;
    return new Response(null, {
      status,
      headers: errorCode === undefined ? undefined : { "x-error-code": errorCode },
    });
  }
  if (token !== undefined && request.headers.get("authorization") !== `Bearer ${token}`) {
    return new Response(null, { status: 401 });
  }
  if (file === undefined) return new Response(null, { status: 404 });
  const isHead = request.method === "HEAD";
  if (isHead && behavior.knowsNoHead) return new Response(null, { status: 405 });
  const bytes = typeof file === "string" ? new TextEncoder().encode(file) : file;
  if (storage && name in storage.sha256) {
    const headers = {
      location: storage.url + name.slice(name.lastIndexOf("/") + 1),
      "x-linked-size": String(bytes.length),
      "x-linked-etag": `"${storage.sha256[name]}"`,
    };
    return new Response(null, { status: 302, headers });
  }
  const headers = new Headers({
    etag: tag,
    "content-length": String(behavior.size ?? bytes.length),
  });
  if (isHead) return new Response(null, { headers });
  const start = /^bytes=(\d+)-/.exec(request.headers.get("range") ?? "")?.[1];
  const isPart = start !== undefined && !behavior.knowsNoRanges;
  const body = isPart ? bytes.subarray(Number(start)) : bytes;
  headers.delete("content-length");
  if (isPart) {
    const total = behavior.size ?? bytes.length;
    headers.set("content-range", `bytes ${start}-${total - 1}/${total}`);
  }
  if (behavior.encoding) headers.set("content-encoding", behavior.encoding);
  const { drip } = behavior;
  const cut = behavior.cuts?.shift();
  const sent = drip !== undefined
    ? dripped(body, drip)
    : cut === undefined
    ? body
    : cutShort(body, cut);
  return new Response(sent, {
    status: isPart ? 206 : 200,
    headers,
  });
}

/** The first bytes, and then the end of the connection. */
function cutShort(bytes: Uint8Array<ArrayBuffer>, length: number): ReadableStream {
  let isSent = false;
  return new ReadableStream({
    pull(controller) {
      if (isSent) controller.error(new Error("cut"));
      else controller.enqueue(bytes.slice(0, length));
      isSent = true;
    },
  });
}

/** One byte after another, until the connection ends. */
function dripped(bytes: Uint8Array<ArrayBuffer>, milliseconds: number): ReadableStream {
  let at = 0;
  return new ReadableStream({
    async pull(controller) {
      await new Promise((resolve) => setTimeout(resolve, milliseconds));
      controller.enqueue(bytes.slice(at, ++at));
      if (at === bytes.length) controller.close();
    },
  });
}
