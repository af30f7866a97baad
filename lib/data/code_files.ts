/**
 * A hash of the code that runs, to compare the processes of a world: a machine with an older copy
 * would train something else.
 *
 * @module
 */
import { sha256 } from "./checked_text.ts";

/** What of Folio's folder is code. */
const PARTS = ["mod.ts", "lib", "kernels"];

/**
 * The SHA-256 of Deno's version, the main script and Folio's own files. Code of an address counts
 * by its address, and so do files that the process may not read.
 */
export async function codeHash(): Promise<string> {
  const root = new URL("../../", import.meta.url);
  const parts = PARTS.map((name) => new URL(name, root));
  const hashes = [Deno.version.deno];
  for (const part of [...parts, new URL(Deno.mainModule)]) hashes.push(await hashAt(part));
  return await sha256(new TextEncoder().encode(hashes.join("\n")));
}

async function hashAt(place: URL): Promise<string> {
  if (place.protocol !== "file:" || !isReadable(place)) return place.href;
  const names = (await Deno.stat(place)).isFile ? [""] : (await namesIn(place)).sort();
  const hashes = names.map(async (name) => {
    const file = name === "" ? place : new URL(name, `${place}/`);
    return `${name} ${await sha256(await Deno.readFile(file))}`;
  });
  return (await Promise.all(hashes)).join("\n");
}

function isReadable(path: URL): boolean {
  return Deno.permissions.querySync({ name: "read", path }).state === "granted";
}

/** The paths of all files in a folder, relative to it. */
async function namesIn(folder: URL): Promise<string[]> {
  const names: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const inner = isDirectory ? await namesIn(new URL(name, `${folder}/`)) : undefined;
    names.push(...inner?.map((path) => `${name}/${path}`) ?? [name]);
  }
  return names;
}
