/**
 * Times training steps of the baby size in a real Chromium beside Deno: WebAssembly on one thread
 * and on all cores of a cross-origin isolated page, with `--webgpu` WebGPU in software, and jax-js
 * in the same browser on the same devices; prints tokens per second, the last loss, and how far
 * losses are from Deno's.
 *
 *     deno run -A --no-lock bench/browser.ts TEXT [--peers FOLDER] [--webgpu] [--steps 40]
 *
 * The folder may hold jaxjs_gpt.ts, as for peers.ts. `--page FILE.html` instead times a page of
 * `deno task explore --html`: from opening the file to the first token.
 *
 * @module
 */
import { bundleModule } from "../lib/cli/bundle.ts";
import { integer, text, toggle } from "../lib/cli/flags.ts";
import { print } from "../lib/cli/output.ts";
import { runScript, UserError } from "../lib/cli/run.ts";
import { Browser, CHROMIUM, type Page } from "../tests/support/browser.ts";
import { type Timed, timedTraining, type Work } from "./browser_worker.ts";

/** Tokens of a step of the preset `baby`. */
const TOKENS = 12 * 64;
/** The first steps compile, and are left out. */
const WARM = 3;

const command = {
  name: "deno run -A bench/browser.ts",
  summary: "Times training in Chromium beside Deno, or a page of the playground.",
  positionals: { name: "TEXT", meaning: "a text to train on", max: 1 },
  flags: {
    steps: integer(40, "steps of each", { min: WARM + 1 }),
    webgpu: toggle(false, "also WebGPU, by Chromium's software adapter"),
    peers: text(undefined, "folder with jaxjs_gpt.ts", { placeholder: "FOLDER" }),
    page: text(undefined, "time the opening of this page instead", { placeholder: "FILE.html" }),
  },
};

await runScript(command, async ({ flags, positionals: [place] }) => {
  if (!CHROMIUM) throw new UserError("no Chromium is installed");
  if (flags.page !== undefined) return await timePage(await Deno.realPath(flags.page));
  if (place === undefined) throw new UserError("give a text to train on");
  const text = await Deno.readTextFile(place);
  const work = (where: object): Work => ({ text, steps: flags.steps, ...where });
  const one = await timedTraining(work({ device: "cpu", threads: 1 }));
  report("Deno", one, one);
  report("Deno", await timedTraining(work({ device: "cpu" })), one);
  const files: Record<string, string> = {
    "/folio.js": await bundleModule(new URL("./browser_worker.ts", import.meta.url)),
    "/text.txt": text,
  };
  if (flags.peers) files["/jax.js"] = await jaxWorker(flags.peers);
  await using server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, serve(files));
  await using browser = await Browser.start(CHROMIUM, { webgpu: flags.webgpu });
  const page = await browser.open(`http://127.0.0.1:${server.addr.port}/`);
  await page.until(`document.title === "bench"`);
  for (const where of [{ device: "cpu", threads: 1 }, { device: "cpu" }]) {
    report("Chromium", await inWorker(page, "/folio.js", work(where)), one);
  }
  if (flags.webgpu) {
    report("Chromium", await inWorker(page, "/folio.js", work({ device: "webgpu" })), one);
  }
  if (flags.peers) {
    for (const device of flags.webgpu ? ["wasm", "webgpu"] : ["wasm"]) {
      print(`jax-js in Chromium:\n${await trainJax(page, device, flags.steps)}`);
    }
  }
});

/** What jax-js prints as it trains in a worker of the page. */
async function trainJax(page: Page, device: string, steps: number): Promise<string> {
  return await page.evaluate(`new Promise((resolve, reject) => {
    const worker = new Worker("/jax.js", { type: "module" });
    const lines = [];
    worker.onmessage = ({ data }) => data === null ? resolve(lines.join("\\n")) : lines.push(data);
    worker.onerror = ({ message }) => reject(new Error(message));
    worker.postMessage(${JSON.stringify({ device, steps })});
  })`);
}

/** Runs a worker of the page on some work, which is sent in parts that the protocol can carry. */
async function inWorker(page: Page, file: string, { text: _, ...work }: Work): Promise<Timed> {
  return await page.evaluate(`fetch("/text.txt").then((answer) => answer.text()).then((text) =>
    new Promise((resolve, reject) => {
      const worker = new Worker("${file}", { type: "module" });
      worker.onmessage = ({ data }) =>
        data.error ? reject(new Error(data.error)) : resolve(data);
      worker.onerror = ({ message }) => reject(new Error(message));
      worker.postMessage({ text, ...${JSON.stringify(work)} });
    }))`);
}

function report(where: string, { description, losses, milliseconds }: Timed, deno: Timed): void {
  const sorted = milliseconds.slice(WARM).sort((a, b) => a - b);
  const rate = (duration: number) => Math.round(1000 * TOKENS / duration).toLocaleString("en");
  const [best, median] = [rate(sorted[0]), rate(sorted[sorted.length >> 1])];
  const apart = Math.max(...losses.map((loss, step) => Math.abs(loss - deno.losses[step])));
  print(
    `${where.padEnd(9)} ${median.padStart(7)} tokens/s (best ${best}), loss ${
      losses.at(-1)!.toFixed(4)
    }, at most ${apart.toPrecision(2)} from Deno's, first step ${
      Math.round(milliseconds[0])
    } ms: ${description}`,
  );
}

function serve(files: Readonly<Record<string, string>>): (request: Request) => Response {
  const headers = {
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-embedder-policy": "require-corp",
  };
  return (request) => {
    const { pathname } = new URL(request.url);
    const type = pathname.endsWith(".js") ? "text/javascript" : "text/html; charset=utf-8";
    const content = files[pathname] ?? "<!DOCTYPE html><title>bench</title>";
    return new Response(content, { headers: { ...headers, "content-type": type } });
  };
}

/** jaxjs_gpt.ts as a worker: its reads and prints become messages, null ends it. */
async function jaxWorker(folder: string): Promise<string> {
  const code = await bundleModule(new URL(`file://${await Deno.realPath(folder)}/jaxjs_gpt.ts`));
  return `const started = Promise.withResolvers();
onmessage = ({ data }) => started.resolve(data);
console.log = (...parts) => postMessage(parts.join(" "));
const { device, steps } = await started.promise;
globalThis.Deno = {
  args: ["/text.txt", device, "4", "4", "128", "64", "12", String(steps)],
  readTextFile: (path) => fetch(path).then((answer) => answer.text()),
  exit: () => postMessage(null),
};
await import("data:text/javascript;base64," + ${
    JSON.stringify(btoa(unescape(encodeURIComponent(code))))
  });
`;
}

/**
 * Prints the time from opening a page from disk to a model that is ready, and to its first token.
 */
async function timePage(path: string): Promise<void> {
  await using browser = await Browser.start(CHROMIUM!);
  for (let round = 0; round < 3; round++) {
    const start = performance.now();
    const page = await browser.open(`file://${path}`);
    await page.until(`document.getElementById("status")?.textContent === "ready"`);
    const ready = performance.now() - start;
    await page.evaluate(`document.getElementById("write").click()`);
    await page.until(`/^[1-9]/.test(document.getElementById("written").textContent)`);
    const first = performance.now() - start;
    print(`ready after ${Math.round(ready)} ms, first token after ${Math.round(first)} ms`);
    await page.close();
  }
  print(`${(await Deno.stat(path)).size.toLocaleString("en")} bytes`);
}
