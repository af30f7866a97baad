import assert from "node:assert/strict";
import { download } from "../lib/data/download.ts";
import { UnreachableError } from "../lib/data/unreachable.ts";
import { UserError } from "../lib/errors.ts";
import { closedAddress, rawServer, serveFiles } from "./support/file_server.ts";

const reading = { what: "corpus x", limit: 1000 };

async function rejection(promise: Promise<unknown>): Promise<Error> {
  return await promise.then(() => assert.fail("expected an error"), (error) => error);
}

Deno.test("a download arrives whole, with progress", async () => {
  await using server = serveFiles(() => new Response("hello"));
  const seen: unknown[] = [];
  const bytes = await download(server.url, { ...reading, onProgress: (at) => seen.push(at) });
  assert.equal(new TextDecoder().decode(bytes), "hello");
  assert.deepEqual(seen.at(-1), { loaded: 5, total: 5 });
});

Deno.test("a compressed answer is measured unpacked", async () => {
  const text = "abc".repeat(300);
  const packed = new Response(text).body!.pipeThrough(new CompressionStream("gzip"));
  const body = await new Response(packed).bytes();
  await using server = serveFiles(() =>
    new Response(body, { headers: { "content-encoding": "gzip" } })
  );
  assert.equal((await download(server.url, reading)).length, 900);
  const error = await rejection(download(server.url, { ...reading, limit: 899 }));
  assert.match(error.message, /^corpus x: expected at most 899 bytes, got 900 or more/);
});

Deno.test("an announced length above the limit is refused before reading", async () => {
  await using server = serveFiles(() => new Response(new Uint8Array(1001)));
  const seen: unknown[] = [];
  const error = await rejection(
    download(server.url, { ...reading, onProgress: (at) => seen.push(at) }),
  );
  assert.ok(error instanceof UserError && !(error instanceof UnreachableError));
  assert.match(error.message, /corpus x at http.*expected at most 1000 bytes, got 1001/);
  assert.deepEqual(seen, []);
});

Deno.test("a body without a length is cut off at the limit", async () => {
  let canceled = false;
  const endless = new ReadableStream<Uint8Array>({
    pull: (body) => body.enqueue(new Uint8Array(400)),
    cancel: () => void (canceled = true),
  });
  await using server = serveFiles(() => new Response(endless));
  const error = await rejection(download(server.url, reading));
  assert.match(error.message, /expected at most 1000 bytes/);
  while (!canceled) await new Promise((resolve) => setTimeout(resolve, 5));
});

Deno.test("no server, or another status than 2xx, is unreachable", async () => {
  const error = await rejection(download(closedAddress(), reading)) as UnreachableError;
  assert.ok(error instanceof UnreachableError);
  assert.match(error.reason, /refused/);
  assert.match(error.message, /^corpus x: http:\/\/127\.0\.0\.1:\d+\/\S+ cannot be reached: /);
  await using server = serveFiles(() => new Response("gone", { status: 404 }));
  const missing = await rejection(download(server.url, reading)) as UnreachableError;
  assert.ok(missing instanceof UnreachableError);
  assert.equal(missing.reason, "the server answers 404 Not Found");
});

Deno.test("silence before the first byte ends the download", async () => {
  using server = rawServer();
  const error = await rejection(download(server.url, { ...reading, timeout: 50 }));
  assert.ok(error instanceof UnreachableError);
  assert.equal(error.reason, "no answer for 0.05 s");
});

Deno.test("silence in the middle ends the download", async () => {
  const body = new ReadableStream({ start: (body) => body.enqueue(new Uint8Array(10)) });
  await using server = serveFiles(() => new Response(body));
  const error = await rejection(download(server.url, { ...reading, timeout: 100 }));
  assert.ok(error instanceof UnreachableError);
  assert.equal(error.reason, "only 10 bytes in 0.3 s");
});

Deno.test("a connection lost in the middle is unreachable, not a short file", async () => {
  using server = rawServer("HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n0123456789");
  assert.ok(await rejection(download(server.url, reading)) instanceof UnreachableError);
});

Deno.test("the caller's signal ends the download with its reason", async () => {
  using server = rawServer();
  const controller = new AbortController();
  const promise = download(server.url, { ...reading, signal: controller.signal });
  controller.abort(new Error("enough"));
  assert.equal((await rejection(promise)).message, "enough");
});
