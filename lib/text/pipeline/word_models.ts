/**
 * Models of words: WordLevel, which knows whole words, and WordPiece, which takes the longest known
 * beginning again and again.
 *
 * @module
 */

import type { GrowingIds } from "../growing_ids.ts";
import { malformed } from "../tokenizer_file.ts";
import { type Model, type ModelFields, optionalText, pushToken, readVocabulary } from "./model.ts";

/** A WordLevel model. */
export function readWordLevelModel(fields: ModelFields): Model {
  const vocabulary = readVocabulary(fields.vocab);
  const { ids } = vocabulary;
  const unknown = optionalText(fields, "unk_token");
  if (unknown === undefined) throw malformed("model.unk_token", "a text", fields.unk_token);
  return {
    ...vocabulary,
    encode: (piece, into, spans) => {
      const id = ids.get(piece) ?? unknownId(ids, unknown, piece);
      pushToken(id, [0, piece.length], { into, spans });
    },
  };
}

function unknownId(ids: ReadonlyMap<string, number>, unknown: string, piece: string): number {
  const id = ids.get(unknown);
  if (id !== undefined) return id;
  throw new RangeError(
    `encode: the vocabulary has neither ${JSON.stringify(piece.slice(0, 40))} nor the unknown ` +
      `token ${JSON.stringify(unknown)}`,
  );
}

/** A WordPiece model. */
export function readWordPieceModel(fields: ModelFields): Model {
  const vocabulary = readVocabulary(fields.vocab);
  const unknown = optionalText(fields, "unk_token");
  if (unknown === undefined) throw malformed("model.unk_token", "a text", fields.unk_token);
  const longest = fields.max_input_chars_per_word ?? 100;
  if (!Number.isInteger(longest) || (longest as number) < 0 || (longest as number) > 1000) {
    throw malformed("model.max_input_chars_per_word", "an integer from 0 to 1000", longest);
  }
  return new WordPieceModel(vocabulary, {
    unknown,
    prefix: optionalText(fields, "continuing_subword_prefix") ?? "##",
    longest: longest as number,
  });
}

interface WordPieceSettings {
  readonly unknown: string;
  readonly prefix: string;
  readonly longest: number;
}

class WordPieceModel implements Model {
  readonly ids: ReadonlyMap<string, number>;
  readonly tokens: readonly (string | undefined)[];
  readonly #settings: WordPieceSettings;
  readonly #longestToken: number;

  constructor({ ids, tokens }: Pick<Model, "ids" | "tokens">, settings: WordPieceSettings) {
    this.ids = ids;
    this.tokens = tokens;
    this.#settings = settings;
    let longest = 0;
    for (const token of ids.keys()) longest = Math.max(longest, token.length);
    this.#longestToken = longest;
  }

  encode(piece: string, into: GrowingIds, spans?: GrowingIds): void {
    const ends: number[] = [];
    const pieces = this.#split(piece, ends);
    if (pieces === undefined) {
      const id = unknownId(this.ids, this.#settings.unknown, piece);
      return pushToken(id, [0, piece.length], { into, spans });
    }
    pieces.forEach((id, i) => pushToken(id, [ends[i - 1] ?? 0, ends[i]], { into, spans }));
  }

  /**
   * The longest tokens from the left and where they end, or undefined if the word is too long or
   * none fits.
   */
  #split(word: string, ends: number[]): number[] | undefined {
    const { longest, prefix } = this.#settings;
    if (word.length > longest && Array.from(word).length > longest) return undefined;
    const found: number[] = [];
    for (let start = 0; start < word.length;) {
      let end = Math.min(word.length, start + this.#longestToken);
      let id: number | undefined;
      for (; end > start; end--) {
        const part = word.slice(start, end);
        id = this.ids.get(start > 0 ? prefix + part : part);
        if (id !== undefined) break;
      }
      if (id === undefined) return undefined;
      found.push(id);
      ends.push(end);
      start = end;
    }
    return found;
  }
}
