/**
 * A tokenizer from a folder, a file, an address or the hub.
 *
 * open_repository.ts finds the files, lib/text parses them; see tokenizer_files.ts for saving.
 *
 * @module
 */
import { UserError } from "../errors.ts";
import { checkOptions } from "../options.ts";
import { expectPlace } from "../place.ts";
import { type ReadFile, tokenizerIn } from "../text/tokenizer_files.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { folderExists } from "./folder_files.ts";
import {
  openRepository,
  PLACES,
  REPOSITORY_OPTIONS,
  type RepositoryOptions,
} from "./open_repository.ts";
import { readWhole, type Repository } from "./repository.ts";

/**
 * Loads a tokenizer: from the folder of a run, of a model or of a prepared corpus, from the
 * `file:`, `http:` or `https:` address of one, or by a model's name on the hub. A path or an
 * address may also name the file itself, a `tokenizer.json` or a SentencePiece `.model`.
 *
 * A `tokenizer.json` is read with `tokenizer_config.json` and `chat_template.jinja` if they are
 * beside it. A folder without one needs SentencePiece's `tokenizer.model`, `vocab.json` and
 * `merges.txt`, or `vocab.txt`, which are read as the class that `tokenizer_config.json` names
 * reads them, with `special_tokens_map.json` and `added_tokens.json`. Ranks of byte pairs
 * (`tekken.json`, tiktoken's files) are refused.
 *
 * ```ts
 * import { CharacterTokenizer, loadTokenizer, saveTokenizer } from "../../mod.ts";
 * const folder = await Deno.makeTempDir();
 * await saveTokenizer(folder, CharacterTokenizer.fromText("hello"));
 * console.log((await loadTokenizer(folder)).vocabSize); // 4
 * ```
 *
 * @throws {UserError} if there is no such place, or no tokenizer in it
 * @throws {SyntaxError} if a file is malformed, or larger than 100 MB
 * @throws {TypeError} if `place` is neither a string nor a URL, or an option is unknown
 */
export async function loadTokenizer(
  place: string | URL,
  options: RepositoryOptions = {},
): Promise<Tokenizer> {
  expectPlace("loadTokenizer", place, PLACES);
  checkOptions("loadTokenizer", options, REPOSITORY_OPTIONS);
  const [folder, file] = splitPlace(`${place}`);
  const repository = openRepository(folder, options);
  const tokenizer = await tokenizerOf(repository, file);
  if (tokenizer) return tokenizer;
  throw new UserError(
    `tokenizer ${repository.name}: it has ${file ? `no ${file}` : "no tokenizer.json"}; ` +
      "give the folder of a run, of a model or of a prepared corpus, or a tokenizer's own file",
  );
}

/** The tokenizer of a model that is loaded; undefined if it has none, or none is asked for. */
export async function tokenizerBeside(
  repository: Repository,
  { tokenizer = true }: { readonly tokenizer?: boolean },
): Promise<Tokenizer | undefined> {
  return tokenizer === false ? undefined : await tokenizerOf(repository);
}

/**
 * The tokenizer of a model; undefined if it has none. `file` is its only file, if one was named.
 *
 * @throws {SyntaxError} if a file is malformed
 */
export async function tokenizerOf(
  repository: Repository,
  file?: string,
): Promise<Tokenizer | undefined> {
  const read: ReadFile = (name, limit) => readWhole(repository, name, limit);
  try {
    return await tokenizerIn(read, file === undefined ? undefined : [file]);
  } catch (cause) {
    if (!(cause instanceof SyntaxError) || cause.message.startsWith(repository.name)) throw cause;
    throw new SyntaxError(`${repository.name}: ${cause.message}`, { cause });
  }
}

/** Splits a place into its folder and, if it names one, its file. */
function splitPlace(place: string): [folder: string, file: string | undefined] {
  if (folderExists(place)) return [place, undefined];
  const [, folder, file] = /^(?:(.*)[/\\])?([^/\\]+\.(?:json|model))$/i.exec(place) ?? [];
  return file === undefined ? [place, undefined] : [folder === "" ? "/" : folder ?? ".", file];
}
