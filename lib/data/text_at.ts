/**
 * The text of a file at a path or an address. See load_corpus.ts for corpora, which also have names
 * and hashes.
 *
 * @module
 */

import { MAXIMUM_CORPUS_BYTES, textOf } from "./checked_text.ts";
import { readCorpusFile } from "./corpus_files.ts";
import { download } from "./download.ts";

/**
 * The text at a path or a `file:`, `http:` or `https:` address; `kind` names it in errors.
 *
 * @throws {UserError} if it cannot be read, is over 500 MB, is no UTF-8, or holds no text
 */
export async function textAt(place: string | URL, kind: string): Promise<string> {
  const address = `${place}`;
  const what = `${kind} ${address}`;
  if (/^https?:/i.test(address)) {
    return textOf(await download(address, { what, limit: MAXIMUM_CORPUS_BYTES }), what);
  }
  const path = /^file:/i.test(address) ? new URL(address) : address;
  return textOf((await readCorpusFile(path, what)).bytes, what);
}
