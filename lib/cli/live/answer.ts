/**
 * Answers a request to the live page's server: the page's files, the stream of events and
 * the page to play with, to requests from this machine only.
 *
 * @module
 */
import { ASSETS } from "./assets.ts";
import type { Feed } from "./feed.ts";

/** Maximum number of open pages. */
export const MAX_VIEWERS = 64;

/**
 * Headers of every answer: the page runs only its own files, nobody may frame or embed it, and
 * nothing is cached.
 */
const HEADERS = {
  "cache-control": "no-store, no-transform",
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
};

/**
 * The answer to a request: 200 with a file, the events or, if there is `play`, its page; 403 for a
 * host name that is not this machine's (DNS rebinding); 404; 405 for methods other than GET; 503
 * beyond {@linkcode MAX_VIEWERS}, or with the reason why `play` fails.
 */
export function answer(
  request: Request,
  feed: Feed,
  play?: () => Promise<string>,
): Response | Promise<Response> {
  if (!isLocal(request.headers.get("host"))) {
    return plain(403, "this page answers to 127.0.0.1 and localhost only");
  }
  if (request.method !== "GET") return plain(405, "only GET is answered", { allow: "GET" });
  const { pathname } = new URL(request.url);
  if (pathname === "/events") return events(feed);
  if (pathname === "/play" && play) return page(play);
  const asset = ASSETS.get(pathname);
  if (!asset) return plain(404, "there is no such page; the chart is at /");
  return new Response(asset.text, { headers: { ...HEADERS, "content-type": asset.type } });
}

function events(feed: Feed): Response {
  if (feed.viewers >= MAX_VIEWERS) return plain(503, `${MAX_VIEWERS} pages are open already`);
  return new Response(feed.open(), {
    headers: { ...HEADERS, "content-type": "text/event-stream" },
  });
}

/** A page whose own policy says what it may do; it is not cached, so that it can be loaded anew. */
async function page(make: () => Promise<string>): Promise<Response> {
  try {
    const type = "text/html; charset=utf-8";
    const policy = "frame-ancestors 'none'";
    const headers = { ...HEADERS, "content-type": type, "content-security-policy": policy };
    return new Response(await make(), { headers });
  } catch (error) {
    return plain(503, (error as Error).message);
  }
}

/** Whether a request is for this machine; any port passes, because a tunnel to this machine may use another one. */
export function isLocal(host: string | null): boolean {
  return /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/i.test(host ?? "");
}

function plain(status: number, text: string, headers: Record<string, string> = {}): Response {
  const type = { "content-type": "text/plain; charset=utf-8" };
  return new Response(`${text}\n`, { status, headers: { ...HEADERS, ...type, ...headers } });
}
