/**
 * A server on a free port of 127.0.0.1 whose answers a test makes up, for tests of downloads.
 *
 * @module
 */

/** A running server. */
export interface FileServer extends AsyncDisposable {
  /** Its address, with a final slash and a path that no other server has had. */
  readonly url: string;
  /** Number of requests received. */
  readonly requests: () => number;
}

/** Serves until it is disposed of. */
export function serveFiles(answer: (name: string) => Response | Promise<Response>): FileServer {
  let requests = 0;
  const prefix = `/${crypto.randomUUID()}/`; // the Web Cache outlives the test
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
    requests++;
    return answer(new URL(request.url).pathname.slice(prefix.length));
  });
  return {
    url: `http://127.0.0.1:${server.addr.port}${prefix}`,
    requests: () => requests,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

/** An address at which nothing listens. */
export function closedAddress(): string {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return `http://127.0.0.1:${listener.addr.port}/${crypto.randomUUID()}`;
}

/** A listener below HTTP. */
export interface RawServer extends Disposable {
  /** Its address. */
  readonly url: string;
}

/** Accepts connections and sends nothing, or sends `reply`, if passed, and closes them. */
export function rawServer(reply?: string): RawServer {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const open: Deno.Conn[] = [];
  (async () => {
    for await (const connection of listener) {
      if (reply === undefined) {
        open.push(connection);
      } else {
        await connection.read(new Uint8Array(4096)); // the request
        await connection.write(new TextEncoder().encode(reply));
        connection.close();
      }
    }
  })();
  return {
    url: `http://127.0.0.1:${listener.addr.port}/${crypto.randomUUID()}`,
    [Symbol.dispose]() {
      listener.close();
      for (const connection of open) connection.close();
    },
  };
}
