/**
 * Finds the files of a model: in a folder, at an address, or by a name on the hub.
 *
 * See repository.ts for reading them.
 *
 * @module
 */
import { UserError } from "../errors.ts";
import type { OptionNames } from "../options.ts";
import { filePath } from "../place.ts";
import { environmentVariable, hubToken } from "./environment.ts";
import { fileRepository, folderRepository, isFolder } from "./folder_files.ts";
import { ggufInFolder, ggufModel, splitGgufPlace } from "./gguf_place.ts";
import { httpRepository } from "./http_repository.ts";
import type { Repository } from "./repository.ts";

/** Which version of a model to load, and how to reach it. */
export interface RepositoryOptions {
  /** A branch, tag or commit of a model on the hub. Default `main`. */
  readonly revision?: string;
  /**
   * Sent to the hub, or to the named server. Default: for the hub, `HF_TOKEN` or the token of the
   * hub's own log-in, if the process may read them.
   */
  readonly token?: string;
  /** Ends loading; its reason is thrown. */
  readonly signal?: AbortSignal;
  /** Milliseconds until a server must have answered; default 10,000. */
  readonly timeout?: number;
}

/** The names of these options, for the functions that take them. */
export const REPOSITORY_OPTIONS: OptionNames<RepositoryOptions> = {
  revision: "main",
  token: "HF_TOKEN",
  signal: undefined,
  timeout: 10_000,
};

/** What a place of `openRepository` may be, for messages. */
export const PLACES = "a path, an address or a name on the hub";

const HUB = "https://huggingface.co";

/** Owner or name in a hub name, as Hugging Face permits them. */
const PART = /^(?!.*(--|\.\.))[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?$/;

/**
 * Finds the files of a model by a path, a `file:`, `http:` or `https:` address of the folder that
 * holds them, or a name on the hub, `owner/name` or `name`. A folder of that name takes precedence
 * over the hub. A path or an address may also be that of a GGUF file, or of a local folder that
 * holds one and no files of JSON. The hub is `HF_ENDPOINT`, if that is set, or huggingface.co.
 *
 * @throws {UserError} if it is none of these
 * @throws {RangeError} if a revision is given for a place that is not the hub, or is malformed
 */
export function openRepository(
  location: string | URL,
  options: RepositoryOptions = {},
): Repository {
  const address = addressOf(location);
  const gguf = splitGgufPlace(address?.href.replace(/[?#].*$/, "") ?? `${location}`);
  if (gguf) return ggufAt(`${location}`, gguf, { address, options });
  if (address) {
    expectNoRevision(options, address.href);
    if (address.protocol === "file:") return localFolder(filePath(address));
    return httpRepository(`${location}`, asFolder(address), options);
  }
  const name = `${location}`;
  if (isFolder(name)) {
    expectNoRevision(options, name);
    return localFolder(name);
  }
  return hubRepository(name, options);
}

/** The model in a folder, which may be a GGUF file alone. */
function localFolder(folder: string): Repository {
  const file = ggufInFolder(folder);
  return file === undefined
    ? folderRepository(folder)
    : ggufModel(file, fileRepository(file), splitGgufPlace(file)![1]);
}

function addressOf(location: string | URL): URL | undefined {
  if (typeof location === "string" && !/^[a-z][a-z0-9+.-]+:/i.test(location)) return undefined;
  const address = new URL(location);
  if (["file:", "http:", "https:"].includes(address.protocol)) return address;
  throw new UserError(
    `model ${location}: expected a folder, a file:, http: or https: address, or a name on the hub`,
  );
}

/** The model in a file of a folder, or of the folder of an address. */
function ggufAt(
  name: string,
  [folder, file]: readonly [folder: string, file: string],
  { address, options }: { address: URL | undefined; options: RepositoryOptions },
): Repository {
  expectNoRevision(options, name);
  if (address?.protocol.startsWith("http")) {
    const files = httpRepository(name, asFolder(new URL(folder)), options);
    return ggufModel(name, files, decodeURIComponent(file));
  }
  const path = address ? filePath(address) : name;
  return ggufModel(name, fileRepository(path), file);
}

function asFolder(address: URL): URL {
  const folder = new URL(address);
  folder.search = folder.hash = "";
  if (!folder.pathname.endsWith("/")) folder.pathname += "/";
  return folder;
}

function hubRepository(name: string, options: RepositoryOptions): Repository {
  const { revision = "main", token = hubToken() } = options;
  const parts = name.split("/");
  if (parts.length > 2 || !parts.every((part) => PART.test(part))) {
    throw new UserError(
      `model ${name}: expected an existing folder, or a name on the hub such as owner/name`,
    );
  }
  if (!/^[\w.][\w./-]*$/.test(revision) || revision.includes("..")) {
    throw new RangeError(
      `model ${name}: revision: expected a branch, tag or commit, got ${JSON.stringify(revision)}`,
    );
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
  throw new RangeError(
    `model ${location}: expected no revision, which only models on the hub have, got ${revision}`,
  );
}
