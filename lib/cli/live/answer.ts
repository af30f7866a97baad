/**
 * Answers a request to the live page's server: the page's files, the stream of events and
 * the scripts of the part that plays, to requests from this machine only.
 *
 * @module
 */
import { ASSETS } from "./assets.ts";
import type { Feed } from "./feed.ts";

/** Maximum number of open pages. */
const MAX_VIEWERS = 64;

/**
 * Headers of every answer: the page runs only its own files and the workers that they make, whose
 * threads may share memory; nobody may frame or embed it, and nothing is cached.
 */
const HEADERS = {
  "cache-control": "no-store, no-transform",
  "content-security-policy":
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval' blob:; worker-src blob:; " +
    "style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; " +
    "frame-ancestors 'none'",
  "cross-origin-embedder-policy": "require-corp",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
};

/**
 * The answer to a request: 200 with a file, the events or, if there is `play`, one of the two
 * scripts that it builds; 403 for a host name that is not this machine's (DNS rebinding); 404; 405
 * for methods other than GET; 503 beyond {@linkcode MAX_VIEWERS}, or with the reason why `play`
 * fails.
 */
export function answer(
  request: Request,
  feed: Feed,
  play?: () => Promise<readonly [script: string, worker: string]>,
): Response | Promise<Response> {
  if (!isLocal(request.headers.get("host"))) {
    return plain(403, "this page answers to 127.0.0.1 and localhost only");
  }
  if (request.method !== "GET") return plain(405, "only GET is answered", { allow: "GET" });
  const { pathname } = new URL(request.url);
  if (pathname === "/events") return events(feed);
  const script = ["/playground.js", "/engine.js"].indexOf(pathname);
  if (script >= 0 && play) return built(play().then((scripts) => scripts[script]));
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

async function built(script: Promise<string>): Promise<Response> {
  try {
    const type = "text/javascript; charset=utf-8";
    return new Response(await script, { headers: { ...HEADERS, "content-type": type } });
  } catch (error) {
    return plain(503, (error as Error).message);
  }
}

/**
 * Whether a request is for this machine; any port passes, because a tunnel to this machine may use
 * another one.
 */
export function isLocal(host: string | null): boolean {
  return /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/i.test(host ?? "");
}

function plain(status: number, text: string, headers: Record<string, string> = {}): Response {
  const type = { "content-type": "text/plain; charset=utf-8" };
  return new Response(`${text}\n`, { status, headers: { ...HEADERS, ...type, ...headers } });
}
