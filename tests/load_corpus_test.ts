import assert from "node:assert/strict";
import { CORPORA, DEFAULT_CORPUS, FALLBACK_CORPUS } from "../lib/data/corpora.ts";
import type { RegisteredCorpus } from "../lib/data/corpora.ts";
import { loadCorpus } from "../lib/data/load_corpus.ts";
import { UserError } from "../lib/errors.ts";
import { closedAddress, rawServer, serveFiles } from "./support/file_server.ts";

const HELLO = "hello, world\n";
const HELLO_SHA256 = "853ff93762a06ddbf722c4ebe9ddd66d8f63ddaea97f521c3ecc20da7c976020";
const NEVER_FETCHED = "npm:@folio-test/none@0.0.0/none.txt";

function registered(url: string, change: Partial<RegisteredCorpus> = {}): RegisteredCorpus {
  const facts = { bytes: HELLO.length, sha256: HELLO_SHA256, license: "none", description: "" };
  return { url, ...facts, ...change };
}

/** Removes what a test has put into the Web Cache, which outlives it. */
async function forget(registry: Record<string, RegisteredCorpus>): Promise<void> {
  const cache = await caches.open("folio-corpora");
  for (const { url } of Object.values(registry)) {
    if (url.startsWith("http")) await cache.delete(url);
  }
}

async function mistake(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(() => assert.fail("expected an error"), (error) => error);
  assert.ok(error instanceof UserError, String(error?.stack));
  assert.ok(!error.message.includes("\n"), "one line");
  return error.message;
}

async function temporaryFile(content: string | Uint8Array<ArrayBuffer>): Promise<string> {
  const path = await Deno.makeTempFile({ suffix: ".txt" });
  await Deno.writeFile(
    path,
    typeof content === "string" ? new TextEncoder().encode(content) : content,
  );
  return path;
}

Deno.test("the registry holds facts that can be true", () => {
  for (const [name, { url, bytes, sha256, license }] of Object.entries(CORPORA)) {
    assert.match(name, /^[a-z-]+$/);
    assert.match(url, /^(https:|npm:@?[^@]+@\d+\.\d+\.\d+\/)/);
    assert.match(sha256, /^[0-9a-f]{64}$/);
    assert.ok(Number.isInteger(bytes) && bytes > 0 && license !== "");
  }
  assert.equal(CORPORA[DEFAULT_CORPUS].bytes, 1115394);
  assert.ok(FALLBACK_CORPUS in CORPORA);
});

Deno.test("a registered corpus is fetched once, then kept", async () => {
  await using server = serveFiles(() => new Response(HELLO));
  const registry = { hello: registered(`${server.url}hello.txt`) };
  const first = await loadCorpus("hello", { registry });
  assert.deepEqual(first, {
    name: "hello",
    text: HELLO,
    source: `${server.url}hello.txt`,
    sha256: HELLO_SHA256,
    bytes: HELLO.length,
  });
  assert.deepEqual(await loadCorpus("hello", { registry }), first);
  assert.equal(server.requests(), 1);
  await forget(registry);
});

Deno.test("a kept corpus that is damaged is fetched again", async () => {
  await using server = serveFiles(() => new Response(HELLO));
  const registry = { hello: registered(`${server.url}hello.txt`) };
  const cache = await caches.open("folio-corpora");
  await cache.put(registry.hello.url, new Response("hello, w0rld\n"));
  assert.equal((await loadCorpus("hello", { registry })).text, HELLO);
  assert.equal(server.requests(), 1);
  await forget(registry);
});

Deno.test("a registered corpus with another hash or length is refused and not kept", async () => {
  const answers: Record<string, string> = { hash: "hello, w0rld\n", short: "hello" };
  await using server = serveFiles((name) => new Response(answers[name]));
  for (const name of Object.keys(answers)) {
    const registry = { [name]: registered(server.url + name) };
    for (let attempt = 0; attempt < 2; attempt++) {
      const message = await mistake(loadCorpus(name, { registry }));
      assert.match(message, new RegExp(`expected 13 bytes with SHA-256 ${HELLO_SHA256}, got `));
      assert.match(message, new RegExp(`${answers[name].length} bytes with SHA-256`));
    }
  }
  assert.equal(server.requests(), 4);
});

Deno.test("a registered corpus that is too long is refused during the download", async () => {
  await using server = serveFiles(() => new Response(HELLO + "x"));
  const registry = { hello: registered(server.url) };
  assert.match(await mistake(loadCorpus("hello", { registry })), /at most 13 bytes, got 14/);
});

Deno.test("without a name and without a network another corpus is taken, and a notice says so", async () => {
  await using server = serveFiles(() => new Response(HELLO));
  using silent = rawServer();
  for (const url of [closedAddress(), silent.url, `${server.url}`.replace("http:", "https:")]) {
    const registry = {
      [DEFAULT_CORPUS]: registered(url),
      [FALLBACK_CORPUS]: registered(`${server.url}fallback`),
    };
    const { name, text, notice } = await loadCorpus(undefined, { registry, timeout: 200 });
    assert.equal(name, FALLBACK_CORPUS);
    assert.equal(text, HELLO);
    assert.match(
      notice!,
      /^tiny-shakespeare cannot be downloaded \(.+\); going on with moby-dick instead$/,
    );
    await forget(registry);
  }
});

Deno.test("without a name the default corpus is used if it can be downloaded, without a notice", async () => {
  await using server = serveFiles(() => new Response(HELLO));
  const registry = {
    [DEFAULT_CORPUS]: registered(server.url),
    [FALLBACK_CORPUS]: registered(NEVER_FETCHED),
  };
  const corpus = await loadCorpus(undefined, { registry });
  assert.equal(corpus.name, DEFAULT_CORPUS);
  assert.equal(corpus.notice, undefined);
  await forget(registry);
});

Deno.test("a text with lines as on Windows is kept as it is, and a notice says so", async () => {
  const path = await Deno.makeTempFile();
  await Deno.writeTextFile(path, "one\r\ntwo\r\n");
  const { text, notice } = await loadCorpus(path);
  assert.equal(text, "one\r\ntwo\r\n");
  assert.match(notice!, /: lines end in \\r\\n, and \\r is learned .* \(tr -d '\\r'\)$/);
  await Deno.writeTextFile(path, "one\ntwo\rthree");
  assert.equal((await loadCorpus(path)).notice, undefined);
  await Deno.remove(path);
});

Deno.test("a default corpus with a wrong hash is an error, not a reason for another one", async () => {
  await using server = serveFiles(() => new Response("hello, w0rld\n"));
  const registry = {
    [DEFAULT_CORPUS]: registered(server.url),
    [FALLBACK_CORPUS]: registered(NEVER_FETCHED),
  };
  assert.match(await mistake(loadCorpus(undefined, { registry })), /SHA-256/);
});

Deno.test("if neither the default nor the packaged corpus is available, both reasons are reported", async () => {
  const registry = {
    [DEFAULT_CORPUS]: registered(closedAddress()),
    [FALLBACK_CORPUS]: registered(closedAddress()),
  };
  assert.match(
    await mistake(loadCorpus(undefined, { registry })),
    /^tiny-shakespeare cannot be downloaded \(.+\), nor can moby-dick \(.+\); give the path/,
  );
});

Deno.test("a corpus that was named and cannot be reached is an error", async () => {
  const registry = { [DEFAULT_CORPUS]: registered(closedAddress()) };
  assert.match(
    await mistake(loadCorpus(DEFAULT_CORPUS, { registry })),
    /cannot be reached: .*refused/,
  );
});

Deno.test("files are taken by path and by file: address", async () => {
  const path = await temporaryFile(HELLO);
  for (const given of [path, `file://${path}`]) {
    const corpus = await loadCorpus(given);
    assert.equal(corpus.text, HELLO);
    assert.equal(corpus.sha256, HELLO_SHA256);
    assert.equal(corpus.source, await Deno.realPath(path));
    assert.equal(corpus.name, path.split("/").at(-1));
  }
  await Deno.remove(path);
});

Deno.test("http: addresses are taken, each time anew", async () => {
  await using server = serveFiles((name) =>
    name === "some/notes.txt" ? new Response(HELLO) : new Response("", { status: 404 })
  );
  for (let attempt = 0; attempt < 2; attempt++) {
    const corpus = await loadCorpus(`${server.url}some/notes.txt`);
    assert.equal(corpus.text, HELLO);
    assert.equal(corpus.name, "notes.txt");
  }
  assert.equal(server.requests(), 2);
  assert.match(await mistake(loadCorpus(`${server.url}other.txt`)), /answers 404 Not Found/);
  assert.match(await mistake(loadCorpus("http://")), /malformed/);
});

Deno.test("a missing file, a folder and a mistyped name have different messages", async () => {
  assert.equal(
    await mistake(loadCorpus("./not/there.txt")),
    "cannot read corpus ./not/there.txt: no such file or folder",
  );
  assert.match(await mistake(loadCorpus("tiny-shakespear")), /; did you mean tiny-shakespeare\?$/);
  assert.match(await mistake(loadCorpus("xyz")), /corpora with a name are tiny-shakespeare, moby/);
  const folder = await Deno.makeTempDir();
  assert.equal(
    await mistake(loadCorpus(folder)),
    `cannot read corpus ${folder}: expected a text file, got a folder; \`deno task train\` and ` +
      "loadDocuments read the files of a folder",
  );
  await Deno.remove(folder);
});

Deno.test("what is no text is refused", async () => {
  const contents: [string | Uint8Array<ArrayBuffer>, RegExp][] = [
    ["", /expected text, got nothing: it is empty/],
    [" \n\t\n", /expected text, got 4 bytes of white space only/],
    [Uint8Array.of(0x61, 0xC3, 0xA9, 0xFF, 0x62), /UTF-8, got another byte sequence at byte 3;/],
    [Uint8Array.of(0x61, 0x62, 0xE2, 0x82), /UTF-8, got another byte sequence at byte 4;/],
    [Uint8Array.of(0xFF, 0xFE, 0x61, 0x00), /UTF-8, got another byte sequence at byte 0;/],
  ];
  for (const [content, message] of contents) {
    const path = await temporaryFile(content);
    assert.match(await mistake(loadCorpus(path)), message);
    await Deno.remove(path);
  }
});

Deno.test("a byte-order mark is no part of the text", async () => {
  const path = await temporaryFile("\uFEFFhello");
  const { text, bytes } = await loadCorpus(path);
  assert.equal(text, "hello");
  assert.equal(bytes, 8);
  await Deno.remove(path);
});

Deno.test("a file larger than a string can be is refused unread", async () => {
  const path = await temporaryFile("x");
  await Deno.truncate(path, 500_000_001); // takes no room on the disk
  assert.match(await mistake(loadCorpus(path)), /at most 500000000 bytes, got 500000001/);
  await Deno.remove(path);
});

/** Runs a program in a separate process that may only read, and returns its output. */
async function run(program: string, input: string): Promise<string> {
  const lib = new URL("../lib/data/", import.meta.url).href;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["eval", "--no-lock", "--no-config", program.replaceAll("LIB/", lib)],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input));
  await writer.close();
  const { code, stdout, stderr } = await child.output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout).trim();
}

Deno.test("- is standard input", async () => {
  const program = `import { loadCorpus } from "LIB/load_corpus.ts";
    const { text, source } = await loadCorpus("-");
    console.log(JSON.stringify([text, source]));`;
  assert.deepEqual(JSON.parse(await run(program, HELLO)), [HELLO, "standard input"]);
});

Deno.test("the packaged corpus is what the registry says", async () => {
  const program = `import { loadCorpus } from "LIB/load_corpus.ts";
    const { bytes, text } = await loadCorpus("moby-dick");
    console.log(JSON.stringify([bytes, text.split("\\n")[0]]));`;
  assert.deepEqual(JSON.parse(await run(program, "")), [1204997, "CHAPTER 1. Loomings."]);
});
