/**
 * Serves the working tree on a free port of 127.0.0.1, so that tests can run scripts by URL from an
 * empty folder. The test that runs a script checks what it prints and returns.
 *
 * @module
 */

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { serveFiles } from "./file_server.ts";

const ROOT = new URL("../../", import.meta.url);

const CONTENT_TYPES: Record<string, string> = {
  ts: "application/typescript",
  js: "text/javascript",
  json: "application/json",
  wgsl: "text/plain",
  txt: "text/plain",
};

/** A running server of the working tree. */
export interface TreeServer extends AsyncDisposable {
  /** Address of the tree's root, with a final slash and a path that no other server has had. */
  readonly url: string;
  /** Host and port, as `--allow-import` and `--allow-net` take them. */
  readonly host: string;
  /** Paths requested so far, in order, without the leading slash. */
  readonly requests: readonly string[];
  /** The environment in which a Deno process keeps the tree's modules in a cache of their own. */
  readonly env: Record<string, string>;
}

/** What a finished script left behind. */
export interface ScriptResult {
  /** Exit code. */
  code: number;
  /** All of standard output. */
  stdout: string;
  /** All of standard error. */
  stderr: string;
}

async function answer(path: string, folder: URL): Promise<Response> {
  const type = CONTENT_TYPES[path.split(".").at(-1) ?? ""] ?? "application/octet-stream";
  try {
    // URL parsing has resolved every "..", so the path cannot leave the folder.
    const body = await Deno.readFile(new URL(`./${path}`, folder));
    return new Response(body, { headers: { "content-type": type } });
  } catch {
    return new Response("not found", { status: 404 });
  }
}

/**
 * Makes an empty cache of modules: without one, a port that an earlier run had would answer with
 * that run's modules, and the user's cache would grow by the tree at each run. Packages are taken
 * from the user's cache, and put there.
 */
async function moduleCache(): Promise<string> {
  const { npmCache } = JSON.parse((await runDeno(["info", "--json"])).stdout);
  const cache = await Deno.makeTempDir({ prefix: "folio-modules-" });
  await Deno.mkdir(npmCache, { recursive: true });
  await Deno.symlink(npmCache, join(cache, "npm"), { type: "junction" });
  return cache;
}

/**
 * Serves a folder, by default the working tree, on a free port of 127.0.0.1 until it is disposed
 * of.
 *
 * ```ts ignore
 * await using tree = await serveTree();
 * const result = await runByUrl(tree, "scripts/plot.ts", ["--help"]);
 * ```
 */
export async function serveTree(folder: URL = ROOT): Promise<TreeServer> {
  const requests: string[] = [];
  const server = serveFiles((path) => {
    requests.push(path);
    return answer(path, folder);
  });
  const { url } = server;
  const cache = await moduleCache();
  return {
    url,
    host: new URL(url).host,
    requests,
    env: { DENO_DIR: cache },
    [Symbol.asyncDispose]: async () => {
      await server[Symbol.asyncDispose]();
      await Deno.remove(cache, { recursive: true });
    },
  };
}

/** Options of {@linkcode runByUrl}. */
export interface RunOptions {
  /** Permission flags; `--allow-import` of the tree's host is always added. Default: none. */
  permissions?: string[];
  /** Folder to run in. Default: a new empty one, removed afterwards. */
  cwd?: string;
  /** Further environment variables. */
  env?: Record<string, string>;
  /** Text given on standard input. Default: none. */
  stdin?: string;
}

/** Runs one script by its URL in an empty folder, with no prompt and no color. */
export async function runByUrl(
  tree: TreeServer,
  path: string,
  args: string[] = [],
  options: RunOptions = {},
): Promise<ScriptResult> {
  const { permissions = [], env = {} } = options;
  const folder = options.cwd ?? await Deno.makeTempDir({ prefix: "folio-url-" });
  // Run by file, the script would find the tree's deno.json above its folder; --no-config rules
  // that out.
  const flags = ["run", "--quiet", "--no-prompt", "--no-config", "--no-lock"];
  try {
    return await runDeno(
      [...flags, `--allow-import=${tree.host}`, ...permissions, tree.url + path, ...args],
      { cwd: folder, env: { ...tree.env, ...env }, stdin: options.stdin },
    );
  } finally {
    if (options.cwd === undefined) await Deno.remove(folder, { recursive: true });
  }
}

/** Runs a script of the working tree by its file path, with the tree's own settings. */
export function runByFile(
  path: string,
  args: string[] = [],
  options: RunOptions = {},
): Promise<ScriptResult> {
  const { permissions = [], env = {} } = options;
  const script = fileURLToPath(new URL(path, ROOT));
  return runDeno(["run", "--quiet", "--no-prompt", ...permissions, script, ...args], {
    cwd: options.cwd ?? fileURLToPath(ROOT),
    env,
    stdin: options.stdin,
  });
}

async function runDeno(
  args: string[],
  { cwd, env, stdin }: { cwd?: string; env?: Record<string, string>; stdin?: string } = {},
): Promise<ScriptResult> {
  const child = new Deno.Command(Deno.execPath(), {
    args,
    cwd,
    env: { NO_COLOR: "1", ...env },
    stdin: stdin === undefined ? "null" : "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  if (stdin !== undefined) {
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(stdin));
    await writer.close();
  }
  const { code, stdout, stderr } = await child.output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}
