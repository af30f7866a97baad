/**
 * Models: how one piece of a text becomes tokens. Each kind has a module beside this one.
 *
 * @module
 */

import { isList } from "../json_list.ts";
import { malformed } from "../tokenizer_file.ts";
import { readBytePairModel } from "./byte_pair_model.ts";
import type { Model, ModelFields } from "./model.ts";
import { readUnigramModel } from "./unigram_model.ts";
import { readWordLevelModel, readWordPieceModel } from "./word_models.ts";

/**
 * The model of a file. Without a type it is the first that its fields allow, as in the reference:
 * BPE, WordPiece, WordLevel, Unigram.
 *
 * @throws {SyntaxError} if it is malformed or needs what is not supported
 */
export function readModel(fields: ModelFields): Model {
  switch (fields.type ?? inferredType(fields)) {
    case "BPE":
      return readBytePairModel(fields);
    case "WordPiece":
      return readWordPieceModel(fields);
    case "WordLevel":
      return readWordLevelModel(fields);
    case "Unigram":
      return readUnigramModel(fields);
  }
  throw malformed("model.type", "BPE, WordPiece, WordLevel or Unigram", fields.type);
}

function inferredType(fields: ModelFields): string {
  const { vocab, merges } = fields;
  if (isList(vocab)) return "Unigram";
  if (merges !== undefined) return "BPE";
  const isWordPiece = typeof fields.unk_token === "string" &&
    "continuing_subword_prefix" in fields && "max_input_chars_per_word" in fields;
  return isWordPiece ? "WordPiece" : "WordLevel";
}
