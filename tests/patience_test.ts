/**
 * Servers that stall, drip, cut, refuse or pack: each is given up in a bounded time, and why is
 * said.
 */
import assert from "node:assert/strict";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { download } from "../lib/data/download.ts";
import { Patience } from "../lib/data/patience.ts";
import { UnreachableError } from "../lib/data/unreachable.ts";
import { httpSource } from "../lib/hub/http_source.ts";
import { describeRemote } from "../lib/hub/remote_file.ts";
import { openWeights } from "../lib/hub/weight_files.ts";
import { openRepository } from "../lib/hub/open_repository.ts";
import { encodeSafetensors } from "../lib/hub/safetensors.ts";
import { serveModel } from "./support/model_server.ts";

const DATA = new Uint8Array(300_000).fill(7);

/** The error of reading a file from a server that behaves so, and the seconds that it took. */
async function failure(
  behavior: Parameters<typeof serveModel>[1],
): Promise<[Error, number, number]> {
  await using server = serveModel({ f: DATA });
  const file = await describeRemote(`${server.url}f`);
  server.behavior = behavior!;
  const start = performance.now();
  const source = httpSource(file!, { timeout: 500 });
  const error: Error = await source.read(0, DATA.length).then(
    () => assert.fail("expected an error"),
    (error) => error,
  );
  source.close();
  return [error, (performance.now() - start) / 1000, server.log.length - 1];
}

Deno.test("a byte now and then is no progress", async () => {
  const [error, seconds, requests] = await failure({ drip: 50 });
  assert.match(error.message, /cannot be reached: (only \d+ bytes in 1\.5 s|no answer for 0\.5 s)/);
  assert.ok(seconds < 60 && requests <= 6, `${seconds} s, ${requests} requests`);
});

Deno.test("a byte before each cut is no progress", async () => {
  const [error, seconds, requests] = await failure({ cuts: Array(1000).fill(1) });
  assert.match(error.message, /cannot be reached: /);
  assert.ok(seconds < 60 && requests <= 6, `${seconds} s, ${requests} requests`);
});

Deno.test("a connection that is cut after enough bytes is taken up as often as it takes", async () => {
  await using server = serveModel({ f: DATA });
  const file = await describeRemote(`${server.url}f`);
  server.behavior.cuts = Array(7).fill(40_000);
  assert.deepEqual(await httpSource(file!).read(0, DATA.length), DATA);
});

Deno.test("a silent body is given up although the garbage collector runs", async () => {
  const server = serveSilence();
  setFlagsFromString("--expose-gc");
  const collectGarbage = runInNewContext("gc");
  const onProgress = () => setTimeout(collectGarbage, 10);
  const options = { what: "corpus x", limit: 1000, timeout: 1000, onProgress };
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise((resolve) => timer = setTimeout(resolve, 20_000, "it waits"));
  await assert.rejects(
    Promise.race([download(server.url, options), late]),
    /cannot be reached: (only 10 bytes in 3 s|no answer for 1 s)/,
  );
  clearTimeout(timer);
  await server.close();
});

Deno.test("a busy server is asked again, for a file's description too", async () => {
  await using server = serveModel({ f: "text" });
  server.behavior.refusals = [{ status: 500 }, { status: 503, retryAfter: "1" }];
  const start = performance.now();
  const file = await describeRemote(`${server.url}f`);
  assert.ok(performance.now() - start >= 1000);
  assert.deepEqual(server.log, ["HEAD f", "HEAD f", "HEAD f"]);
  server.behavior.refusals = [{ status: 429, retryAfter: "0" }, { status: 502 }];
  assert.equal((await httpSource(file!).read(0, 4)).length, 4);
  server.behavior.refusals = [{ status: 429, retryAfter: "0" }];
  const bytes = await download(`${server.url}f`, { what: "corpus x", limit: 1000 });
  assert.equal(bytes.length, 4);
});

Deno.test("what a server decides is not asked again, and its wait is said", async () => {
  await using server = serveModel({ f: "text" });
  const refusals = (...all: { status: number; retryAfter?: string }[]) => {
    server.behavior.refusals = all;
    server.log.length = 0;
    return describeRemote(`${server.url}f`).then(() => assert.fail("no error"), (error) => error);
  };
  const hour = await refusals({ status: 429, retryAfter: "3600" });
  assert.match(hour.reason, /^the server answers 429 Too Many Requests and asks to wait 3600 s$/);
  assert.equal(server.log.length, 1);
  const date = new Date(Date.now() + 7_200_000).toUTCString();
  const later = await refusals({ status: 503, retryAfter: date });
  assert.match(later.reason, /asks to wait 7[12]\d\d s/);
  const twice = await refusals(...Array(2).fill({ status: 429, retryAfter: "0" }));
  assert.match(twice.reason, /asks to wait 0 s \(tried 2 times\)$/);
  const busy = await refusals(...Array(4).fill({ status: 500 }));
  assert.match(busy.reason, /answers 500 Internal Server Error \(tried 4 times\)$/);
  await refusals({ status: 400 });
  assert.equal(server.log.length, 1);
});

Deno.test("progress renews the tries, and time without progress ends them", async () => {
  const failed = new UnreachableError("model file", "http://x/", "cut");
  const patience = new Patience({ retries: 1 });
  for (let i = 0; i < 3; i++) {
    await patience.afterFailure(failed);
    patience.received(1 << 16);
  }
  await patience.afterFailure(failed);
  await assert.rejects(patience.afterFailure(failed), /cut \(tried 2 times\)/);
  await assert.rejects(new Patience({ retries: 9, time: -1 }).afterFailure(failed), /cut$/);
  const unanswered = new Patience({ retries: 9, unanswered: false });
  await assert.rejects(unanswered.afterFailure(failed), /cut$/);
  const stop = new AbortController();
  const waiting = new Patience({ retries: 9, signal: stop.signal }).afterFailure(failed);
  stop.abort(new Error("enough"));
  await assert.rejects(waiting, /^Error: enough$/);
});

Deno.test("a packed body is refused: nothing bounds its size", async () => {
  const [error] = await failure({ encoding: "br" });
  assert.match(error.message, /sends it compressed \(br\), which was not requested/);
});

Deno.test("a shard without tensors is refused at the first", async () => {
  const empty = new Uint8Array(await new Blob([...encodeSafetensors([])]).arrayBuffer());
  const shards = Array.from({ length: 300 }, (_, i) => `model-${100 + i}.safetensors`);
  const map = Object.fromEntries(shards.map((shard, i) => [`t${i}`, shard]));
  await using server = serveModel({
    ...Object.fromEntries(shards.map((shard) => [shard, empty])),
    "model.safetensors.index.json": JSON.stringify({ weight_map: map }),
  });
  await assert.rejects(
    openWeights(openRepository(server.url)),
    /model-100\.safetensors: it holds no tensor, though model\.safetensors\.index\.json names it/,
  );
  assert.ok(server.log.length < 10);
});

/** A server that sends ten bytes and nothing more. */
function serveSilence(): { url: string; close(): Promise<void> } {
  const body = () => new ReadableStream({ start: (body) => body.enqueue(new Uint8Array(10)) });
  const options = { hostname: "127.0.0.1", port: 0, onListen: () => {} };
  const server = Deno.serve(options, () => new Response(body()));
  return { url: `http://127.0.0.1:${server.addr.port}/`, close: () => server.shutdown() };
}
