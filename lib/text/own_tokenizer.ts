/**
 * Folio's own tokenizers from the content of a Hugging Face `tokenizer.json`. The file may be from
 * anywhere: it is refused if Folio cannot do exactly what it says. See parse_tokenizer.ts for all
 * other files.
 *
 * @module
 */

import { BYTE_TOKENS, charactersToBytes } from "./byte_alphabet.ts";
import { BytePairTokenizer } from "./byte_pair_tokenizer.ts";
import { CHARACTER_PATTERN, CharacterTokenizer } from "./character_tokenizer.ts";
import type { Tokenizer } from "./tokenizer.ts";
import {
  type AddedToken,
  malformed,
  readAddedTokens,
  readMerges,
  readObject,
  readPadding,
  readTokens,
} from "./tokenizer_file.ts";
import { WordTokenizer } from "./word_tokenizer.ts";

/**
 * The tokenizer that the content of a `tokenizer.json` describes: WordLevel over single characters,
 * WordLevel over words between white space, or byte-level BPE as GPT-2's. Special tokens that a
 * post-processor would add around a text are not added.
 *
 * `json` is what `JSON.parse` makes of the file.
 *
 * ```ts
 * import { CharacterTokenizer } from "./character_tokenizer.ts";
 * const tokenizer = parseOwnTokenizer(CharacterTokenizer.fromText("hello").toJSON());
 * console.log(tokenizer.kind, tokenizer.vocabSize); // characters 4
 * ```
 *
 * @throws {SyntaxError} if the file is malformed, or needs a part that is not supported
 */
export function parseOwnTokenizer(json: unknown): Tokenizer {
  const file = readObject(json, "the file");
  if (file.normalizer !== undefined && file.normalizer !== null) {
    throw malformed("normalizer", "null (others are not supported)", file.normalizer);
  }
  const model = readObject(file.model, "model");
  const isWordPiece = "continuing_subword_prefix" in model && model.merges === undefined;
  const type = model.type ??
    (isWordPiece ? "WordPiece" : model.merges === undefined ? "WordLevel" : "BPE");
  if (type !== "WordLevel" && type !== "BPE") {
    throw malformed("model.type", '"WordLevel" or "BPE" (others are not supported)', type);
  }
  const added = readAddedTokens(file.added_tokens);
  const tokens = readTokens(model.vocab, added);
  const padding = readPadding(file.padding, tokens);
  const make = type === "BPE" ? bytePair : wordLevel;
  try {
    return make(file, model, tokens, added, padding);
  } catch (error) {
    if (error instanceof RangeError) throw new SyntaxError(`tokenizer.json: ${error.message}`);
    throw error;
  }
}

type Json = Record<string, unknown>;

function wordLevel(
  file: Json,
  model: Json,
  tokens: readonly string[],
  added: readonly AddedToken[],
  padding: string | undefined,
): Tokenizer {
  const splitter = readObject(file.pre_tokenizer, "pre_tokenizer");
  if (splitter.type === "WhitespaceSplit") {
    const unknown = model.unk_token;
    const hasUnknown = typeof unknown === "string" && tokens.includes(unknown);
    const words = new WordTokenizer(tokens, hasUnknown ? { padding, unknown } : { padding });
    checkAdded(words, added);
    expectDecoder(file, undefined);
    return words;
  }
  const pattern = (splitter.pattern as Json | undefined)?.Regex;
  if (
    splitter.type === "Split" && splitter.behavior === "Isolated" && pattern === CHARACTER_PATTERN
  ) {
    const special = padding !== undefined && padding === added[0]?.content;
    const characters = new CharacterTokenizer(special ? tokens.slice(1) : tokens, { padding });
    checkAdded(characters, added);
    expectDecoder(file, "Fuse");
    return characters;
  }
  throw malformed(
    "pre_tokenizer",
    `WhitespaceSplit, or Split by ${CHARACTER_PATTERN}, for a WordLevel model`,
    splitter,
  );
}

/** A WordLevel tokenizer recognizes its padding and unknown token in a text, and no other. */
function checkAdded(tokenizer: Tokenizer, added: readonly AddedToken[]): void {
  const other = added.find(({ content }) => !tokenizer.specialTokens.has(content));
  if (other !== undefined) {
    throw malformed("added_tokens", "only the padding and the unknown token", other);
  }
  for (const content of tokenizer.specialTokens.keys()) {
    if (!added.some((token) => token.content === content)) {
      throw malformed("added_tokens", `${JSON.stringify(content)} among them`, added);
    }
  }
}

/** Throws unless the file decodes as Folio's own tokenizers do. */
function expectDecoder(file: Json, type: string | undefined): void {
  const decoder = file.decoder as Json | null | undefined;
  if ((decoder ?? undefined)?.type !== type) {
    throw malformed("decoder", type ?? "null (others are not supported)", decoder);
  }
}

function bytePair(
  file: Json,
  model: Json,
  tokens: readonly string[],
  addedTokens: readonly AddedToken[],
  padding: string | undefined,
): Tokenizer {
  const splitter = readObject(file.pre_tokenizer, "pre_tokenizer");
  if (splitter.type !== "ByteLevel" || splitter.use_regex === false) {
    throw malformed("pre_tokenizer", "ByteLevel with its own pattern, for a BPE model", splitter);
  }
  for (const key of ["dropout", "continuing_subword_prefix", "end_of_word_suffix"]) {
    if (model[key]) throw malformed(`model.${key}`, "none (not supported)", model[key]);
  }
  for (const key of ["byte_fallback", "ignore_merges"]) {
    if (model[key]) throw malformed(`model.${key}`, "false (not supported)", model[key]);
  }
  expectDecoder(file, "ByteLevel");
  const known = new Set(tokens);
  const hasBytes = BYTE_TOKENS.every((token) => known.has(token));
  if (model.unk_token && !hasBytes) {
    throw malformed("model.unk_token", "none, as not all bytes are tokens", model.unk_token);
  }
  // The decoder of such a file takes a token in the alphabet of bytes for bytes.
  const spelled = addedTokens.find(({ content }) =>
    /[^\x20-\x7E]/.test(content) && charactersToBytes(content) !== undefined
  );
  if (spelled) throw malformed("added_tokens", "no token in the alphabet of bytes", spelled);
  return new BytePairTokenizer({
    tokens,
    merges: readMerges(model.merges),
    addedTokens,
    padding,
    addPrefixSpace: splitter.add_prefix_space === true,
  });
}
