/**
 * Serves the playground on this machine, cross-origin isolated so that its threads can work.
 *
 * @module
 */
import { isLocal } from "../../lib/cli/live/answer.ts";
import { UserError } from "../../lib/cli/run.ts";

const HEADERS = {
  "cache-control": "no-store",
  "cross-origin-embedder-policy": "credentialless",
  "cross-origin-opener-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
};

/**
 * Serves `html` on a port of 127.0.0.1, 0 for any free one, until the process ends.
 *
 * @throws {UserError} if the port cannot be opened
 */
export function servePage(html: string, port: number): Deno.HttpServer<Deno.NetAddr> {
  const answer = (request: Request): Response => {
    if (!isLocal(request.headers.get("host"))) return plain(403, "this page answers locally only");
    if (request.method !== "GET") return plain(405, "only GET is answered");
    if (new URL(request.url).pathname !== "/") return plain(404, "the page is at /");
    return new Response(html, {
      headers: { ...HEADERS, "content-type": "text/html; charset=utf-8" },
    });
  };
  try {
    return Deno.serve({ hostname: "127.0.0.1", port, onListen: () => {} }, answer);
  } catch (error) {
    if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    throw new UserError(
      `port ${port} is in use; choose another with --port, or 0 for any free one`,
    );
  }
}

function plain(status: number, text: string): Response {
  return new Response(`${text}\n`, { status, headers: HEADERS });
}
