/**
 * A tokenizer from the files of a model or a run, whichever there are.
 *
 * Reading the files is left to the callers.
 *
 * @module
 */

import { loadTokenizer } from "./load_tokenizer.ts";
import { PublishedTokenizer } from "./published_tokenizer.ts";
import { SentencePieceTokenizer } from "./sentence_piece_tokenizer.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** The files that describe a tokenizer. */
export interface TokenizerFiles {
  /** The text of `tokenizer.json`. */
  json?: string;
  /** The text of `tokenizer_config.json`. */
  config?: string;
  /** The text of `chat_template.jinja`, which goes before the template in the configuration. */
  template?: string;
  /** The bytes of a SentencePiece `.model`; used where there is no `json`. */
  model?: Uint8Array<ArrayBuffer>;
}

/**
 * Opens a tokenizer: characters, words and byte pairs as GPT-2's by Folio's own, any other
 * `tokenizer.json`, and one with a chat template, by a package that is loaded then,
 * a SentencePiece `.model` by another.
 *
 * @throws {SyntaxError} where a file is malformed
 * @throws {RangeError} where there is neither `json` nor `model`
 *
 * @example
 * ```ts
 * import { CharacterTokenizer } from "./character_tokenizer.ts";
 * const json = JSON.stringify(CharacterTokenizer.fromText("hello"));
 * const tokenizer = await openTokenizer({ json });
 * console.log(tokenizer.kind, tokenizer.vocabSize); // characters 4
 * ```
 */
export async function openTokenizer(files: TokenizerFiles): Promise<Tokenizer> {
  const { json, config = "{}", template, model } = files;
  if (json !== undefined) {
    const settings = parsed(config, "tokenizer_config.json");
    const chat = template === undefined ? {} : { chat_template: template };
    return await fromJson(parsed(json, "tokenizer.json"), { ...settings as object, ...chat });
  }
  if (model !== undefined) return await SentencePieceTokenizer.open(model);
  throw new RangeError(
    "openTokenizer: expected tokenizer.json or a SentencePiece model, got neither",
  );
}

async function fromJson(file: unknown, settings: object): Promise<Tokenizer> {
  if (!addsSpecialTokens(file) && !("chat_template" in settings)) {
    try {
      return loadTokenizer(file);
    } catch (error) {
      if (!(error instanceof SyntaxError) || isOwn(file)) throw error;
    }
  }
  return await PublishedTokenizer.open(file, settings);
}

/**
 * Whether the file's post-processor puts tokens around a text, which Folio's own tokenizers do not.
 */
function addsSpecialTokens(file: unknown): boolean {
  const { post_processor } = (file ?? {}) as { post_processor?: { type?: unknown } | null };
  return Boolean(post_processor) && post_processor!.type !== "ByteLevel";
}

/**
 * Whether a file is of a kind that Folio reads itself, so that its own reason for refusing counts.
 */
function isOwn(file: unknown): boolean {
  const { model, normalizer, pre_tokenizer } = (file ?? {}) as Record<string, unknown>;
  const type = (model as { type?: unknown } | null)?.type;
  const splitter = pre_tokenizer as { type?: unknown; use_regex?: unknown } | null;
  return type === undefined ||
    (type === "BPE" && !normalizer && splitter?.type === "ByteLevel" &&
      splitter.use_regex !== false && !(model as { ignore_merges?: unknown }).ignore_merges);
}

function parsed(text: string, name: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new SyntaxError(`${name}: not JSON: ${(error as Error).message}`);
  }
}
