/**
 * A tokenizer from the content of its file.
 *
 * tokenizer_files.ts chooses among the files of a folder; `loadTokenizer` of lib/hub reads them
 * from a path or an address.
 *
 * @module
 */

import { describe, notJson } from "../errors.ts";
import { hasMoreEntries } from "../json_entries.ts";
import { checkOptions } from "../options.ts";
import { parseWithLists } from "./json_list.ts";
import { parseOwnTokenizer } from "./own_tokenizer.ts";
import { SentencePieceTokenizer } from "./sentence_piece_tokenizer.ts";
import type { Tokenizer } from "./tokenizer.ts";
import { MAXIMUM_VOCABULARY } from "./tokenizer_file.ts";

/** Options of `parseTokenizer`: the content of the files beside a `tokenizer.json`. */
export interface ParseTokenizerOptions {
  /** The text of `tokenizer_config.json`, or what `JSON.parse` makes of it. Default: none. */
  config?: string | object;
  /** The text of `chat_template.jinja`. Default: the configuration's `chat_template`. */
  chatTemplate?: string;
}

/**
 * The tokenizer that the content of a file describes: the text of a Hugging Face `tokenizer.json`,
 * what `JSON.parse` makes of it, or the bytes of a SentencePiece `.model`.
 *
 * Characters, words and byte pairs as GPT-2's have their own classes; every other `tokenizer.json`,
 * one with a chat template among them, is computed part by part as its makers' library does, or
 * refused by name. A SentencePiece model takes no options; one of byte pairs, words or characters
 * needs a package that is downloaded at its first use.
 *
 * ```ts
 * import { CharacterTokenizer, parseTokenizer } from "../../mod.ts";
 * const saved = JSON.stringify(CharacterTokenizer.fromText("hello"));
 * const tokenizer = await parseTokenizer(saved);
 * console.log(tokenizer.kind, tokenizer.vocabSize); // characters 4
 * ```
 *
 * @throws {SyntaxError} if the content, or that of an option, is malformed
 * @throws {TypeError} if `content` is no text, object or bytes, or an option is unknown
 */
export async function parseTokenizer(
  content: string | object | Uint8Array<ArrayBuffer>,
  options: ParseTokenizerOptions = {},
): Promise<Tokenizer> {
  checkOptions("parseTokenizer", options, { config: true, chatTemplate: true });
  expectContent(content);
  if (content instanceof Uint8Array) return await SentencePieceTokenizer.open(content);
  const file = parsed(content, "tokenizer.json");
  const config = parsed(options.config ?? {}, "tokenizer_config.json");
  const { chatTemplate } = options;
  const settings = chatTemplate === undefined
    ? config as object
    : { ...config as object, chat_template: chatTemplate };
  if (!postProcesses(file) && !("chat_template" in settings)) {
    try {
      return parseOwnTokenizer(file);
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
    }
  }
  // Loaded here, because most scripts start without it.
  const { PublishedTokenizer } = await import("./published_tokenizer.ts");
  return new PublishedTokenizer(file, settings, typeof content === "string" ? content : undefined);
}

function expectContent(content: unknown): void {
  if (typeof content === "string") return;
  if (typeof content === "object" && content !== null && !(content instanceof Promise)) return;
  throw new TypeError(
    "parseTokenizer: expected the text of a tokenizer.json, its object, or the bytes of a " +
      `SentencePiece model, got ${describe(content)}`,
  );
}

/**
 * Whether the file's post-processor puts tokens around a text or trims offsets, which Folio's own
 * tokenizers do not.
 */
function postProcesses(file: unknown): boolean {
  const { post_processor: part } = (file ?? {}) as { post_processor?: Record<string, unknown> };
  return Boolean(part) && (part!.type !== "ByteLevel" || part!.trim_offsets === true);
}

function parsed(content: string | object, name: string): unknown {
  if (typeof content !== "string") return content;
  if (hasMoreEntries(content, MAXIMUM_VOCABULARY)) {
    throw new SyntaxError(`${name}: expected at most ${MAXIMUM_VOCABULARY} tokens or merges`);
  }
  try {
    return parseWithLists(content, "model", ["merges", "vocab"]);
  } catch (error) {
    const advice = name === "tokenizer.json" && !/^\s*[{[]/.test(content)
      ? "; loadTokenizer reads a path or an address"
      : "";
    throw new SyntaxError(`${name}: ${notJson(error)}${advice}`);
  }
}
