/**
 * Where the files of a model lie: a folder, an address, or a name on the hub. What is read of them
 * is the callers'.
 *
 * @module
 */
import { UserError } from "../errors.ts";
import type { ByteSource } from "./byte_source.ts";
import { environmentVariable } from "./environment.ts";
import { folderRepository, isFolder } from "./folder_files.ts";
import { httpRepository } from "./http_repository.ts";

/** The files of one model. */
export interface Repository {
  /** What to call it in errors. */
  readonly name: string;
  /** A file to be read in any order; undefined where there is none of that name. */
  open(file: string): Promise<ByteSource | undefined>;
}

/** Which version of a model, and how to get at it. */
export interface RepositoryOptions {
  /** A branch, tag or commit of a model on the hub. Default `main`. */
  readonly revision?: string;
  /**
   * Sent to the hub, or to the server that was named. Default: `HF_TOKEN` for the hub, where the
   * process may read it.
   */
  readonly token?: string;
  /** Ends loading; its reason is thrown. */
  readonly signal?: AbortSignal;
  /** Milliseconds until a server must have answered; default 10,000. */
  readonly timeout?: number;
}

const HUB = "https://huggingface.co";

/** A part of a hub name: what Hugging Face permits. */
const PART = /^(?!.*(--|\.\.))[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?$/;

/**
 * Finds the files of a model by a path, a `file:`, `http:` or `https:` address of the folder that
 * holds them, or a name on the hub, `owner/name` or `name`. A folder of that name goes before the
 * hub. The hub is `HF_ENDPOINT`, where that is set, or huggingface.co.
 *
 * @throws {UserError} where it is none of these
 * @throws {RangeError} where a revision is given for what is not on the hub, or is no revision
 */
export function openRepository(
  location: string | URL,
  options: RepositoryOptions = {},
): Repository {
  const address = addressOf(location);
  if (address) {
    expectNoRevision(options, address.href);
    if (address.protocol === "file:") return folderRepository(address);
    return httpRepository(`${location}`, asFolder(address), options);
  }
  const name = `${location}`;
  if (isFolder(name)) {
    expectNoRevision(options, name);
    return folderRepository(name);
  }
  return hubRepository(name, options);
}

function addressOf(location: string | URL): URL | undefined {
  if (typeof location === "string" && !/^[a-z][a-z0-9+.-]+:/i.test(location)) return undefined;
  const address = new URL(location);
  if (["file:", "http:", "https:"].includes(address.protocol)) return address;
  throw new UserError(
    `model ${location}: expected a folder, a file:, http: or https: address, or a name on the hub`,
  );
}

function asFolder(address: URL): URL {
  const folder = new URL(address);
  folder.search = folder.hash = "";
  if (!folder.pathname.endsWith("/")) folder.pathname += "/";
  return folder;
}

function hubRepository(name: string, options: RepositoryOptions): Repository {
  const { revision = "main", token = environmentVariable("HF_TOKEN") } = options;
  const parts = name.split("/");
  if (parts.length > 2 || !parts.every((part) => PART.test(part))) {
    throw new UserError(
      `model ${name}: there is no such folder, and it is no name on the hub, which is like owner/name`,
    );
  }
  if (!/^[\w.][\w./-]*$/.test(revision) || revision.includes("..")) {
    throw new RangeError(`model ${name}: ${JSON.stringify(revision)} is no revision`);
  }
  const hub = endpoint();
  const folder = new URL(`${hub}/${name}/resolve/${encodeURIComponent(revision)}/`);
  return httpRepository(name, folder, {
    ...options,
    token,
    isFixed: /^[0-9a-f]{40}$/.test(revision),
  });
}

function endpoint(): string {
  const hub = environmentVariable("HF_ENDPOINT") ?? HUB;
  if (/^https?:\/\/[^/]/.test(hub) && URL.canParse(hub)) return hub.replace(/\/+$/, "");
  throw new UserError(`HF_ENDPOINT: expected an http: or https: address, got ${hub}`);
}

function expectNoRevision({ revision }: RepositoryOptions, location: string): void {
  if (revision === undefined) return;
  throw new RangeError(`model ${location}: a revision is for models on the hub, got ${revision}`);
}

/** The most bytes that a text file of a model may have. */
const LONGEST_TEXT = 100_000_000;

/**
 * The text of a file; undefined where there is none of that name.
 *
 * @throws {SyntaxError} where it is too long, or not UTF-8
 */
export async function readText(repository: Repository, file: string): Promise<string | undefined> {
  const bytes = await readWhole(repository, file, LONGEST_TEXT);
  try {
    return bytes && new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    if (!(cause instanceof TypeError)) throw cause;
    throw new SyntaxError(`${repository.name}: ${file}: it is not UTF-8`, { cause });
  }
}

/**
 * The bytes of a file; undefined where there is none of that name.
 *
 * @throws {SyntaxError} where they are more than `most`
 */
export async function readWhole(
  repository: Repository,
  file: string,
  most: number,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const source = await repository.open(file);
  if (!source) return undefined;
  try {
    if (source.byteLength > most) {
      throw new SyntaxError(
        `${source.name}: expected at most ${most} bytes, it has ${source.byteLength}`,
      );
    }
    return await source.read(0, source.byteLength);
  } finally {
    source.close();
  }
}

/** The text of a file that must be there. UserError where it is not. */
export async function requireText(repository: Repository, file: string): Promise<string> {
  const text = await readText(repository, file);
  if (text !== undefined) return text;
  throw new UserError(
    `model ${repository.name}: it has no ${file}; give the folder, or the address of the folder, of a model in Hugging Face's format`,
  );
}
