/**
 * The thread that serves the live page, so that training does not wait for viewers, nor viewers for
 * training.
 *
 * Its first message holds the port to listen on; each later one is a list of updates, or `close`.
 *
 * @module
 */
import { UserError } from "../../errors.ts";
import { answer } from "./answer.ts";
import { Feed } from "./feed.ts";
import type { Answer, LiveUpdate, Start } from "./messages.ts";

interface WorkerScope {
  onmessage: ((event: MessageEvent<Start>) => void) | null;
  postMessage(message: Answer): void;
}

const scope = globalThis as unknown as WorkerScope;

scope.onmessage = ({ data: { port, viewers, player } }) => {
  const feed = new Feed((count) => Atomics.store(viewers, 0, count));
  const play = player === undefined ? undefined : playing(player, feed);
  let server: Deno.HttpServer<Deno.NetAddr>;
  try {
    server = Deno.serve(
      { hostname: "127.0.0.1", port, onListen: () => {} },
      (request) => answer(request, feed, play),
    );
  } catch (error) {
    const { name, message } = error as Error;
    return scope.postMessage({ kind: "refused", name, message });
  }
  scope.onmessage = async ({ data }: MessageEvent<unknown>) => {
    if (data !== "close") return feed.update(data as LiveUpdate[]);
    await server.shutdown(); // waits for the streams, which end once their viewers have the end
    scope.postMessage({ kind: "closed" });
  };
  scope.postMessage({ kind: "listening", port: server.addr.port });
};

/** Makes the page to play with; requests that come meanwhile share it. */
function playing(player: string, feed: Feed): () => Promise<string> {
  let page: Promise<string> | undefined;
  const make = async () => {
    const { playPage } = await import(player);
    if (!feed.run) throw new UserError("training has not begun yet; load this page again");
    return await playPage(feed.run.folder);
  };
  return () => page ??= make().finally(() => page = undefined);
}
