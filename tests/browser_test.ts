/**
 * The library's bundle in a headless Chromium and in Node: same losses and texts as in Deno, on one
 * thread and several, from a server and from disk; what only Deno can do is refused by name.
 */
import assert from "node:assert/strict";
import * as folio from "../mod.ts";
import { bundleModule } from "../lib/cli/bundle.ts";
import { Browser, CHROMIUM, type Page } from "./support/browser.ts";
import { line, run, scratchFolder } from "./support/command.ts";
import { closedAddress, serveFiles } from "./support/file_server.ts";
import { squares, trainAndWrite } from "./support/page_training.js";

const NO_CHROMIUM =
  "no Chromium is installed: apt-get install chromium-headless-shell, or FOLIO_CHROMIUM=PATH";
const ISOLATED = {
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
};
const TRAINING = Deno.readTextFileSync(new URL("./support/page_training.js", import.meta.url));
/** Runs one of the functions of page_training.js on the options in its message. */
const PAGE_WORKER = `
import * as folio from "./folio.js";
import { trainAndWrite } from "./page_training.js";
onmessage = ({ data }) => trainAndWrite(folio, data).then(postMessage, (error) => postMessage(String(error)));
`;
const IN_WORKER = `(options) => new Promise((resolve, reject) => {
  const worker = new Worker("./worker.js", { type: "module" });
  worker.onmessage = ({ data }) => resolve(data);
  worker.onerror = ({ message }) => reject(new Error(message));
  worker.postMessage(options);
})`;
const ON_MAIN = `async (options) =>
  (await import("./page_training.js")).trainAndWrite(await import("./folio.js"), options)`;

interface Trained {
  readonly description: string;
  readonly losses: number[];
  readonly text: string;
}

let bundled: Promise<string> | undefined;
/** The text of the bundle that the command writes. */
function bundle(): Promise<string> {
  return bundled ??= (async () => {
    await using folder = await scratchFolder();
    const { code, err } = await run("bundle", line("--out site.js"), folder.path);
    assert.equal(code, 0, err);
    const types = await Deno.readTextFile(`${folder.path}/site.d.ts`);
    assert.match(types, /^export \* from "https:.*mod\.ts";$/m);
    return await Deno.readTextFile(`${folder.path}/site.js`);
  })();
}

/** A page at a server's address; `headers` come with every answer. */
async function inPage(
  browser: Browser,
  headers: Record<string, string>,
  body: (page: Page) => Promise<void>,
): Promise<void> {
  const files: Record<string, string> = {
    "": "<!DOCTYPE html><title>Folio</title><link rel=icon href=data:,>",
    "folio.js": await bundle(),
    "page_training.js": TRAINING,
    "worker.js": PAGE_WORKER,
    "vectors.txt": "cat 1 0\ndog 0.6 0.8\n",
  };
  await using server = serveFiles((name) => {
    const type = name === "" ? "text/html" : "text/javascript";
    if (!(name in files)) return new Response("there is no such file", { status: 404, headers });
    return new Response(files[name], { headers: { ...headers, "content-type": type } });
  });
  const page = await browser.open(server.url);
  await page.until(`document.readyState === "complete" && document.title === "Folio"`);
  await body(page);
  assert.deepEqual(page.messages, []);
}

function assertSame(page: Trained, deno: Trained): void {
  assert.equal(page.text, deno.text);
  page.losses.forEach((loss, i) => assert.ok(Math.abs(loss - deno.losses[i]) <= 1e-4));
  assert.equal(page.losses.length, deno.losses.length);
}

function browserTest(
  name: string,
  body: (browser: Browser) => Promise<void>,
  options: { webgpu?: boolean } = {},
): void {
  Deno.test({
    name: CHROMIUM ? name : `${name} (${NO_CHROMIUM})`,
    ignore: !CHROMIUM,
    fn: async () => {
      await using browser = await Browser.start(CHROMIUM!, options);
      await body(browser);
    },
  });
}

browserTest(
  "a page trains and writes as Deno does, with the threads it may have",
  async (browser) => {
    const deno = await trainAndWrite(folio, { device: "cpu", threads: 1 });
    const train = (page: Page, how: string, threads: number): Promise<Trained> =>
      page.evaluate(`(${how})({ device: "cpu", threads: ${threads} })`);
    await inPage(browser, {}, async (page) => {
      const main = await train(page, ON_MAIN, 2);
      assert.match(main.description, /1 thread\): as requested; .* not cross-origin isolated/);
      assertSame(main, deno);
      await refusesFiles(page);
    });
    await inPage(browser, ISOLATED, async (page) => {
      const main = await train(page, ON_MAIN, 2);
      assert.match(main.description, /1 thread\): .*main thread may not wait/);
      assertSame(main, deno);
      const worker = await train(page, IN_WORKER, 2);
      assert.match(worker.description, /2 threads\): as requested$/);
      assertSame(worker, deno);
    });
  },
);

/** What needs Deno's files, packages or processes says so in one line. */
async function refusesFiles(page: Page): Promise<void> {
  const calls = {
    loadPretrained: `("./runs/baby")`,
    loadCorpus: `("book.txt")`,
    loadTokenizer: `("file:///tmp/model")`,
    loadWordVectors: `("vectors.txt")`,
    loadDocuments: `("books/*.txt")`,
    loadPreparedCorpus: `("tokens")`,
    loadTokenFile: `("train.bin")`,
    saveTokenFile: `("train.bin", Uint16Array.of(1))`,
    loadRunState: `("runs/baby")`,
    loadLabeledFile: `("spam.csv")`,
    loadPreferences: `("pairs.jsonl")`,
    openWorld: `()`,
  };
  for (const [name, args] of Object.entries(calls)) {
    const message = await page.evaluate(
      `import("./folio.js").then((folio) => folio.${name}${args}).then(() => "no error", String)`,
    );
    assert.match(message, /^UserError: cannot .* in Deno only, and this is a browser; /, name);
  }
}

browserTest(
  "a page fetches word vectors when it asks for them, and says why not",
  async (browser) => {
    const table = await Deno.readTextFile(new URL("../data/word_vectors.txt", import.meta.url));
    const expected = (await folio.loadWordVectors()).similarity("king", "queen");
    await inPage(browser, {}, async (page) => {
      const load = (place: string, words: string) =>
        page.evaluate(`import("./folio.js").then(({ loadWordVectors }) => loadWordVectors(${place}))
        .then((vectors) => vectors.similarity(${words}), String)`);
      assert.equal(
        await load(`new URL("vectors.txt", location.href)`, `"cat", "dog"`),
        Math.fround(0.6),
      );
      const asked: string[] = [];
      const answers = [{ status: 404, body: "" }, { status: 200, body: table }];
      await page.intercept("https://raw.githubusercontent.com/*", (url) => {
        asked.push(url);
        return answers.shift()!;
      });
      assert.match(await load("", `"king", "queen"`), /^UserError: word vectors https:.*404/);
      assert.equal(await load("", `"king", "queen"`), expected);
      assert.equal(await load("", `"king", "queen"`), expected); // kept
      assert.equal(asked.length, 2);
      assert.ok(asked.every((url) => url.endsWith("/data/word_vectors.txt")));
      assert.match(await load(`location.href + "none.txt"`, ""), /none\.txt.*404/);
      assert.match(await load(JSON.stringify(closedAddress()), ""), /reach|connect/);
      page.messages.length = 0; // the browser's own on failed requests
    });
  },
);

browserTest("a page opened from disk trains without a request", async (browser) => {
  await using folder = await scratchFolder();
  const entry = `${folder.path}/entry.ts`;
  const modules = ["../mod.ts", "./support/page_training.js"].map((path) =>
    new URL(path, import.meta.url).href
  );
  await Deno.writeTextFile(
    entry,
    `import * as folio from ${JSON.stringify(modules[0])};
     import { trainAndWrite } from ${JSON.stringify(modules[1])};
     trainAndWrite(folio, { device: "cpu" }).then((result) => { globalThis.result = result; });`,
  );
  const code = await bundleModule(new URL(`file://${entry}`));
  const html = `<!DOCTYPE html><meta charset="utf-8"><script type="module">${
    code.replaceAll("</script", "<\\/script")
  }</script>`;
  await Deno.writeTextFile(`${folder.path}/page.html`, html);
  const page = await browser.open(`file://${folder.path}/page.html`);
  await page.until("globalThis.result");
  const deno = await trainAndWrite(folio, { device: "cpu", threads: 1 });
  assertSame(await page.evaluate("result"), deno);
  assert.deepEqual(page.messages, []);
});

// A training step compiles forty kernels, which takes Chromium's software adapter over a minute;
// bench/browser.ts trains on it.
browserTest("a page computes on WebGPU", async (browser) => {
  const deno = await squares(folio, { device: "cpu", threads: 1 });
  await inPage(browser, {}, async (page) => {
    const result = await page.evaluate(
      `import("./page_training.js").then(async ({ squares }) =>
         squares(await import("./folio.js"), { device: "webgpu" }))`,
    );
    assert.match(result.description, /^webgpu \(.*swiftshader\): as requested/i);
    assert.deepEqual([result.value, result.gradient], [deno.value, deno.gradient]);
  });
}, { webgpu: true });

Deno.test("Node runs the bundle on one thread, and is named", async (t) => {
  const node = (args: string[]) =>
    new Deno.Command("node", { args, stdout: "piped", stderr: "piped" }).output();
  if (!await node(["--version"]).then(({ success }) => success, () => false)) {
    return void await t.step({ name: "no Node is installed", ignore: true, fn: () => {} });
  }
  await using folder = await scratchFolder();
  await Deno.writeTextFile(`${folder.path}/folio.mjs`, await bundle());
  await Deno.writeTextFile(`${folder.path}/page_training.mjs`, TRAINING);
  await Deno.writeTextFile(
    `${folder.path}/main.mjs`,
    `import * as folio from "./folio.mjs";
     import { trainAndWrite } from "./page_training.mjs";
     console.log(JSON.stringify(await trainAndWrite(folio, { device: "cpu" })));`,
  );
  const { stdout, stderr } = await node([`${folder.path}/main.mjs`]);
  const text = new TextDecoder();
  const result: Trained = JSON.parse(text.decode(stdout) || text.decode(stderr));
  assert.match(result.description, /1 thread\): .*because Node \d[\d.]* has no web workers/);
  assertSame(result, await trainAndWrite(folio, { device: "cpu", threads: 1 }));
});
