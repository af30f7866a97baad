/**
 * Bundles modules for a page with `deno bundle`: one text of JavaScript that imports nothing and
 * needs no `Deno`.
 *
 * The threads of the CPU device come along: where the library asks for the address of its worker,
 * the bundle makes one from the worker's own bundle.
 *
 * @module
 */
import { UserError } from "../errors.ts";

/** How the worker's address stands in the library's text. */
const WORKER_ADDRESS = /new URL\("\.\/worker\.ts",\s*[\w$.]+\.url\)/g;
const WORKER = new URL("../device/cpu/worker.ts", import.meta.url);

/** How to bundle. */
export interface BundleOptions {
  /** Shorten names and leave out spaces. Default true. */
  minify?: boolean;
  /**
   * `iife`: a script without exports, which a page opened from disk can start as a worker. Default
   * `esm`.
   */
  format?: "esm" | "iife";
}

/**
 * The module at `entry` with everything that it imports, as one text.
 *
 * @throws {UserError} if Deno may neither bundle nor start `deno bundle`, or if that fails, such as
 *   for the first time without a network: it fetches esbuild from npm once
 */
export async function bundleModule(entry: URL, options: BundleOptions = {}): Promise<string> {
  const { minify } = options;
  const code = await bundle(entry, options);
  if (code.search(WORKER_ADDRESS) < 0) return code;
  const worker = await bundle(WORKER, { minify });
  const source = `new Blob([${JSON.stringify(worker)}],{type:"text/javascript"})`;
  return code.replaceAll(WORKER_ADDRESS, () => `URL.createObjectURL(${source})`);
}

async function bundle(
  entry: URL,
  { minify = true, format = "esm" }: BundleOptions,
): Promise<string> {
  if ("bundle" in Deno) return await bundleHere(entry, { minify, format });
  const command = Deno.execPath();
  if ((await Deno.permissions.query({ name: "run", command })).state !== "granted") {
    throw new UserError(
      "a script of the page is made with deno bundle: add --unstable-bundle after deno run",
    );
  }
  const args = ["bundle", "--quiet", "--platform", "browser", "--format", format];
  if (minify) args.push("--minify");
  const { success, stdout, stderr } = await new Deno.Command(command, {
    args: [...args, entry.href],
    stdin: "null",
    env: { NO_COLOR: "1" },
  }).output();
  const text = new TextDecoder();
  if (success) return text.decode(stdout);
  throw failure(text.decode(stderr).trim().split("\n").slice(-5).join(" "));
}

/** Bundles without another process, where deno.json or `--unstable-bundle` allows it. */
async function bundleHere(
  entry: URL,
  { minify, format }: Required<BundleOptions>,
): Promise<string> {
  const options = { platform: "browser", format, minify, write: false } as const;
  const { success, outputFiles, errors } = await Deno.bundle({
    entrypoints: [entry.href],
    ...options,
  }).catch((error) => {
    throw failure(error.message);
  });
  if (success && outputFiles) return outputFiles[0].text();
  throw failure(errors.map(({ text }) => text).join(" "));
}

function failure(reason: string): UserError {
  return new UserError(
    `deno bundle failed (it needs the network once, for esbuild from npm): ${reason}`,
  );
}
