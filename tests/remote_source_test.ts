/**
 * Files over HTTP: resumed, kept, checked; and servers that break off, send wrong data, change
 * files or require authorization.
 */
import assert from "node:assert/strict";
import { UnreachableError } from "../lib/data/unreachable.ts";
import { BLOCK, cachedSource } from "../lib/hub/cached_source.ts";
import { httpSource } from "../lib/hub/http_source.ts";
import { keptFile, rememberFile } from "../lib/hub/model_cache.ts";
import { describeRemote, type RemoteFile } from "../lib/hub/remote_file.ts";
import { Sha256 } from "../lib/hub/sha256.ts";
import { UserError } from "../lib/errors.ts";
import { closedAddress } from "./support/file_server.ts";
import { serveModel } from "./support/model_server.ts";

function noise(length: number): Uint8Array<ArrayBuffer> {
  let state = 1;
  return Uint8Array.from({ length }, () => (state = Math.imul(state, 48271) >>> 0) >>> 24);
}

const DATA = noise(3 * BLOCK + 1000);
const HASH = sha256(DATA);

function sha256(bytes: Uint8Array): string {
  const hash = new Sha256();
  hash.update(bytes);
  return hash.hex();
}

async function described(url: string): Promise<RemoteFile> {
  const file = await describeRemote(url);
  assert.ok(file);
  return file;
}

Deno.test("SHA-256 in pieces is the platform's", async () => {
  for (const length of [0, 1, 55, 56, 63, 64, 65, 119, 120, 1000]) {
    const bytes = noise(length);
    for (const cut of [0, 1, length >> 1, length]) {
      const hash = new Sha256();
      hash.update(bytes.subarray(0, cut));
      hash.update(bytes.subarray(cut));
      const expected = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
      assert.equal(hash.hex(), expected, `${length} bytes`);
    }
  }
});

Deno.test("sequential reads share one connection, others open a new one", async () => {
  await using server = serveModel({ f: DATA });
  const source = httpSource(await described(`${server.url}f`));
  assert.equal(source.byteLength, DATA.length);
  assert.deepEqual(await source.read(10, 1000), DATA.slice(10, 1010));
  assert.deepEqual(await source.read(1010, 5), DATA.slice(1010, 1015));
  assert.deepEqual(await source.read(5000, 5), DATA.slice(5000, 5005)); // a short way on
  assert.deepEqual(server.log, ["HEAD f", "GET f bytes=10-"]);
  assert.deepEqual(await source.read(2 * BLOCK, 5), DATA.slice(2 * BLOCK, 2 * BLOCK + 5));
  assert.deepEqual(await source.read(0, 5), DATA.slice(0, 5));
  assert.deepEqual(server.log.slice(2), [`GET f bytes=${2 * BLOCK}-`, "GET f bytes=0-"]);
  assert.equal((await source.read(DATA.length, 0)).length, 0);
  await assert.rejects(source.read(DATA.length, 1), RangeError);
  source.close();
});

Deno.test("a broken connection resumes at the byte where it ended", async () => {
  await using server = serveModel({ f: DATA });
  const source = httpSource(await described(`${server.url}f`));
  server.behavior.cuts = [0, 1000, 2_000_000];
  assert.deepEqual(await source.read(0, DATA.length), DATA);
  assert.deepEqual(server.log.slice(1), [
    "GET f bytes=0-",
    "GET f bytes=0-",
    "GET f bytes=1000-",
    "GET f bytes=2001000-",
  ]);
  source.close();
});

Deno.test("servers without ranges, or without HEAD, serve all the same", async () => {
  await using server = serveModel({ f: DATA });
  server.behavior = { knowsNoHead: true };
  assert.equal((await described(`${server.url}f`)).byteLength, DATA.length);
  server.behavior = { knowsNoRanges: true };
  const source = httpSource(await described(`${server.url}f`));
  assert.deepEqual(await source.read(100, 5), DATA.slice(100, 105));
  server.behavior.cuts = [50];
  assert.deepEqual(await source.read(0, 1000), DATA.slice(0, 1000));
  source.close();
});

Deno.test("persistent failures end with an error that says so", async () => {
  await using server = serveModel({ f: "text" });
  const file = await described(`${server.url}f`);
  server.behavior.status = 404;
  await assert.rejects(httpSource(file).read(0, 4), UnreachableError);
  assert.equal(server.log.length, 2); // it is not requested again
  server.behavior.status = 401;
  await assert.rejects(httpSource(file).read(0, 4), /requires a token.*HF_TOKEN/);
  await assert.rejects(describeRemote(`${server.url}f`), /requires a token.*HF_TOKEN/);
  server.behavior.status = 500;
  const stop = new AbortController();
  const reading = httpSource(file, { signal: stop.signal }).read(0, 4);
  setTimeout(() => stop.abort(new Error("enough")), 500);
  await assert.rejects(reading, /^Error: enough$/);
  assert.ok(server.log.length > 5); // it was tried again until then
  await assert.rejects(describeRemote(closedAddress()), UnreachableError);
  server.behavior = {};
  assert.equal(await describeRemote(`${server.url}g`), undefined);
});

Deno.test("a file that changes while it is read is refused", async () => {
  await using server = serveModel({ f: DATA });
  const file = await described(`${server.url}f`);
  const changes = async (behavior: typeof server.behavior, message: RegExp) => {
    server.behavior = {};
    const source = httpSource(file);
    await source.read(0, 10);
    source.rest!();
    server.behavior = behavior;
    await assert.rejects(source.read(10, 10), (error: Error) => {
      assert.match(error.message, message);
      return error instanceof UserError && !(error instanceof UnreachableError);
    });
  };
  await changes({ tag: '"2"' }, /another version/);
  await changes({ size: 7_000_000 }, /has 7000000 bytes now/);
  await changes({ status: 416 }, /shorter now/);
});

Deno.test("a server that sends more than it named is refused", async () => {
  await using server = serveModel({ f: DATA });
  server.behavior = { knowsNoRanges: true, cuts: [5000] }; // a stream names no length
  const file = { ...await described(`${server.url}f`), byteLength: 1000 };
  await assert.rejects(
    httpSource(file).read(0, 1000),
    /expected 1000 bytes, as the server announced, got more/,
  );
});

Deno.test("blocks are kept: read again, they are served from the cache, and only the others are fetched", async () => {
  await using server = serveModel({ f: DATA });
  const file = { ...await described(`${server.url}f`), sha256: HASH };
  await rememberFile({ ...file, blockBytes: BLOCK });
  const open = (isVerified = false) => cachedSource(file, httpSource(file), { isVerified });
  const gets = () => server.log.filter((line) => line.startsWith("GET")).length;

  const first = open();
  assert.deepEqual(await first.read(BLOCK - 5, 10), DATA.slice(BLOCK - 5, BLOCK + 5));
  first.close(); // as if the process had ended
  const second = open();
  assert.deepEqual(await second.read(0, DATA.length), DATA);
  await second.verify!();
  second.close();
  assert.deepEqual(server.log.slice(1), ["GET f bytes=0-", `GET f bytes=${2 * BLOCK}-`]);
  assert.equal((await keptFile(file.url))?.isVerified, true);
  const third = open(true);
  assert.deepEqual(await third.read(0, DATA.length), DATA);
  third.close();
  assert.equal(gets(), 2);
});

Deno.test("what was left out is fetched for the hash; a wrong hash is refused and nothing kept", async () => {
  await using server = serveModel({ f: DATA });
  const file = await described(`${server.url}f`);
  await rememberFile({ ...file, blockBytes: BLOCK });
  const right = { ...file, sha256: HASH };
  const source = cachedSource(right, httpSource(right));
  await source.read(2 * BLOCK, 5);
  await source.verify!();
  source.close();
  const wrong = { ...file, sha256: "0".repeat(64) };
  const refused = cachedSource(wrong, httpSource(wrong));
  await refused.read(0, 5);
  await assert.rejects(refused.verify!(), {
    name: "SyntaxError",
    message: /expected SHA-256 0000/,
  });
  refused.close();
  assert.equal(await keptFile(file.url), undefined);
  await rememberFile({ ...right, blockBytes: BLOCK });
  const before = server.log.length;
  const again = cachedSource(right, httpSource(right));
  await again.read(0, 5);
  again.close();
  assert.ok(server.log.length > before);
});

Deno.test("a damaged block of the cache is fetched again, a new version throws away the old one", async () => {
  await using server = serveModel({ f: DATA });
  const file = await described(`${server.url}f`);
  await rememberFile({ ...file, blockBytes: BLOCK });
  const read = async (of: RemoteFile) => {
    const source = cachedSource(of, httpSource(of));
    const bytes = await source.read(0, 100);
    source.close();
    return bytes;
  };
  await read(file);
  const cache = await caches.open(`folio-models ${file.url} ${file.tag}`);
  const key = new URL(file.url);
  key.searchParams.set("folio", "block 0");
  const kept = await cache.match(key);
  const bytes = new Uint8Array(await kept!.arrayBuffer());
  bytes[7] ^= 1;
  await cache.put(key, new Response(bytes, { headers: kept!.headers }));
  assert.deepEqual(await read(file), DATA.slice(0, 100));
  const newer = { ...file, tag: '"2"' };
  await rememberFile({ ...newer, blockBytes: BLOCK });
  assert.equal(await caches.has(`folio-models ${file.url} ${file.tag}`), false);
});
