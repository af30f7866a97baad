/**
 * An empty package registry that records requests, to see which packages a program fetches into an
 * empty cache.
 *
 * @module
 */

/** A running registry and an empty cache folder; both go at the end of the scope. */
export interface EmptyRegistry extends AsyncDisposable {
  /** The environment in which a Deno process uses both. */
  readonly env: Record<string, string>;
  /** Names of the packages requested so far, in order. */
  readonly packages: readonly string[];
}

/** Starts a registry on a free port of 127.0.0.1. */
export async function emptyRegistry(): Promise<EmptyRegistry> {
  const packages: string[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
    packages.push(decodeURIComponent(new URL(request.url).pathname.slice(1)));
    return new Response("not found", { status: 404 });
  });
  const cache = await Deno.makeTempDir({ prefix: "folio-cache-" });
  return {
    env: { DENO_DIR: cache, NPM_CONFIG_REGISTRY: `http://127.0.0.1:${server.addr.port}` },
    packages,
    [Symbol.asyncDispose]: async () => {
      await server.shutdown();
      await Deno.remove(cache, { recursive: true });
    },
  };
}
