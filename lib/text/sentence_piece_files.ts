/**
 * SentencePiece models with the files of `transformers` beside them: the `tokenizer.json` that the
 * classes of Llama, Gemma, T5, XLM-RoBERTa, CamemBERT, ALBERT, XLNet, Pegasus, mBART and NLLB
 * (sentence_piece_classes.ts) make of them.
 *
 * sentence_piece_tokenizer.ts reads a model without these files.
 *
 * @module
 */

import {
  addedTokens,
  type BesideVocabulary,
  classOf,
  specialNames,
  type Token,
} from "./beside_vocabulary.ts";
import { CLASS_OF_MODEL, CLASSES } from "./sentence_piece_classes.ts";
import {
  malformedModel,
  readSentencePieceModel,
  type SentencePieceModel,
} from "./sentence_piece_model.ts";
import type { ModelClass } from "./sentence_piece_parts.ts";
import { MAXIMUM_VOCABULARY } from "./tokenizer_file.ts";
import { UnitTrie } from "./unit_trie.ts";

type Json = Record<string, unknown>;

/** A `tokenizer.json` and the `tokenizer_config.json` beside it. */
export interface ConvertedFile {
  /** The content of `tokenizer.json`. */
  readonly file: Json;
  /** The configuration, with the names of the special tokens. */
  readonly config: Json;
}

/** The files beside a model, and its name. */
export interface BesideModel extends BesideVocabulary {
  /** The name of the model's file. */
  readonly name: string;
  /** `model_type` of the model's `config.json`. */
  readonly modelType: unknown;
}

/**
 * The `tokenizer.json` of a SentencePiece model and the files beside it; undefined if there are no
 * such files, so that only the model counts.
 *
 * @throws {SyntaxError} if the files name no class, or one that is not supported, or one that reads
 *   the model otherwise than SentencePiece does
 */
export function sentencePieceFile(
  bytes: Uint8Array,
  beside: BesideModel,
): ConvertedFile | undefined {
  const { config, modelType } = beside;
  const name = classOf(config) ??
    (typeof modelType === "string" ? CLASS_OF_MODEL[modelType] : undefined);
  if (name === undefined && !saysMore(beside)) return undefined;
  if (name === undefined || !Object.hasOwn(CLASSES, name)) throw unsupported(beside);
  return converted(readSentencePieceModel(bytes), beside, CLASSES[name]);
}

/** Whether the files add something to the model. */
function saysMore({ config, special, added, name, modelType }: BesideModel): boolean {
  const files = [config, special, added];
  if (files.some((file) => Object.keys(file).length > 0)) return true;
  // Models of this name have other ids than SentencePiece gives.
  return name === "sentencepiece.bpe.model" && modelType !== undefined;
}

function unsupported({ config, name, modelType }: BesideModel): SyntaxError {
  const given = config.tokenizer_class ?? modelType;
  const classes = Object.keys(CLASSES).map((name) => `${name}Tokenizer`).join(", ");
  return new SyntaxError(
    `tokenizer_config.json: tokenizer_class: expected one of ${classes} for ${name}, got ` +
      `${JSON.stringify(given) ?? "none"}; add a tokenizer.json, which ` +
      "AutoTokenizer.from_pretrained(…).save_pretrained(…) writes",
  );
}

function converted(
  model: SentencePieceModel,
  beside: BesideModel,
  modelClass: ModelClass,
): ConvertedFile {
  const { config } = beside;
  modelClass.check(model, config);
  const names = specialNames(beside, modelClass.usual);
  const vocabulary = modelClass.vocabulary(model, { config, names, idOf: () => undefined });
  const ids = new Map(vocabulary.map(([token], id) => [token, id]));
  if (ids.size < vocabulary.length) throw malformedModel("a piece has the name of a special token");
  const marks = marked(model);
  const added = addedTokens(beside, names, {
    idOf: (token) => ids.get(token),
    size: vocabulary.length,
    own: modelClass.own?.(marks, config) ?? marks,
    mask: modelClass.mask,
  });
  for (const { content, id } of added) ids.set(content as string, id as number);
  const parts = modelClass.parts(model, { config, names, idOf: (token) => ids.get(token) });
  const isUnigram = model.type === "unigram";
  const file = {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: added,
    ...parts,
    model: {
      ...parts.model as Json,
      vocab: isUnigram
        ? vocabulary
        : Object.fromEntries(vocabulary.map(([token], id) => [token, id])),
      ...(isUnigram ? {} : { merges: mergesOf(model.pieces.map(({ text }) => text)) }),
    },
  };
  return { file, config: { ...config, ...names } };
}

/** Control and user-defined pieces, which are found before the model sees a text. */
function marked(model: SentencePieceModel): Token[] {
  return model.pieces.filter(({ type }) => type === "control" || type === "user")
    .map(({ text, type }) => ({ content: text, special: type === "control" }));
}

/** Every way to cut a token into two tokens, in the order of the tokens. */
export function mergesOf(tokens: readonly string[]): [left: string, right: string][] {
  const forwards = new UnitTrie(), backwards = new UnitTrie();
  tokens.forEach((token, id) => {
    forwards.insert(token, id);
    backwards.insert(reversed(token), id);
  });
  const merges: [string, string][] = [];
  for (const token of tokens) {
    const ends = new Set(tokenLengths(forwards, token));
    for (const right of tokenLengths(backwards, reversed(token)).reverse()) {
      const at = token.length - right;
      if (at > 0 && ends.has(at)) merges.push([token.slice(0, at), token.slice(at)]);
    }
    if (merges.length > MAXIMUM_VOCABULARY) {
      throw malformedModel(`its pieces need more than ${MAXIMUM_VOCABULARY} merges`);
    }
  }
  return merges;
}

/** The lengths of the beginnings of a text that are in a trie, in order. */
function tokenLengths(trie: UnitTrie, text: string): number[] {
  const lengths: number[] = [];
  for (let at = 0, node = 0; at < text.length; at++) {
    node = trie.child(node, text.charCodeAt(at));
    if (node < 0) break;
    if (trie.value(node) >= 0) lengths.push(at + 1);
  }
  return lengths;
}

function reversed(text: string): string {
  return text.split("").reverse().join("");
}
