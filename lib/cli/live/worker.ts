/**
 * The thread that serves the live page, so that training does not wait for viewers, nor viewers for
 * training.
 *
 * Its first message holds the port to listen on; each later one is a list of updates, or `close`.
 *
 * @module
 */
import { answer } from "./answer.ts";
import { Checkpoints } from "./checkpoints.ts";
import { Feed } from "./feed.ts";
import type { Answer, LiveUpdate, Player, Start } from "./messages.ts";

interface WorkerScope {
  onmessage: ((event: MessageEvent<Start>) => void) | null;
  postMessage(message: Answer): void;
}

const scope = globalThis as unknown as WorkerScope;

scope.onmessage = ({ data: { port, viewers, player } }) => {
  const feed = new Feed((count) => {
    Atomics.store(viewers, 0, count);
    checkpoints?.note(false);
  });
  const load = (): Promise<Player> => import(player!);
  const checkpoints = player === undefined ? undefined : new Checkpoints(feed, load);
  const scripts = player === undefined ? undefined : once(async () => {
    return await (await load()).buildScripts();
  });
  let server: Deno.HttpServer<Deno.NetAddr>;
  try {
    server = Deno.serve(
      { hostname: "127.0.0.1", port, onListen: () => {} },
      (request) => answer(request, feed, scripts),
    );
  } catch (error) {
    const { name, message } = error as Error;
    return scope.postMessage({ kind: "refused", name, message });
  }
  const receive = async (updates: LiveUpdate[]) => {
    if (updates.some(({ kind }) => kind === "saved")) checkpoints?.note(true);
    if (updates.some(({ kind }) => kind === "end")) await checkpoints?.read();
    feed.update(updates.filter((update) => update.kind !== "saved"));
  };
  let last = Promise.resolve();
  scope.onmessage = ({ data }: MessageEvent<unknown>) => {
    last = last.then(async () => {
      if (data !== "close") return receive(data as LiveUpdate[]);
      await server.shutdown(); // waits for the streams, which end once their viewers have the end
      scope.postMessage({ kind: "closed" });
    });
  };
  scope.postMessage({ kind: "listening", port: server.addr.port });
};

/** Makes something once, when it is first asked for; after a failure the next one tries again. */
function once<Made>(make: () => Promise<Made>): () => Promise<Made> {
  let made: Promise<Made> | undefined;
  return () => {
    made ??= make();
    made.catch(() => made = undefined);
    return made;
  };
}
