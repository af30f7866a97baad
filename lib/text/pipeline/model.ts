/**
 * What all models share: their interface, and the reading of vocabularies and settings.
 *
 * @module
 */

import type { GrowingIds } from "../growing_ids.ts";
import { malformed, MAXIMUM_VOCABULARY } from "../tokenizer_file.ts";

/** A vocabulary, and the way to choose its tokens. */
export interface Model {
  /** Token → id. */
  readonly ids: ReadonlyMap<string, number>;
  /** The tokens by id; ids may be missing. */
  readonly tokens: readonly (string | undefined)[];
  /**
   * Appends the ids of a piece and, to `spans`, start and end of each token in the piece, in UTF-16
   * units.
   *
   * @throws {RangeError} if the piece needs an unknown token that the vocabulary lacks
   */
  encode(piece: string, into: GrowingIds, spans?: GrowingIds): void;
}

/** Appends a token of a piece. */
export function pushToken(
  id: number,
  [start, end]: readonly [start: number, end: number],
  { into, spans }: { into: GrowingIds; spans: GrowingIds | undefined },
): void {
  into.push(id);
  spans?.push(start);
  spans?.push(end);
}

/** The fields of a model, whose `type` may be missing. */
export type ModelFields = Record<string, unknown>;

const LONGEST_TOKEN = 4096;

/**
 * A vocabulary of tokens and their ids.
 *
 * @throws {SyntaxError} if it has too many tokens, or an id is none or used twice
 */
export function readVocabulary(value: unknown): Pick<Model, "ids" | "tokens"> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw malformed("model.vocab", "tokens and their ids", value);
  }
  const vocabulary = value as Record<string, unknown>;
  const names = Object.keys(vocabulary);
  if (names.length === 0 || names.length > MAXIMUM_VOCABULARY) {
    throw malformed("model.vocab", `1 to ${MAXIMUM_VOCABULARY} tokens`, names.length);
  }
  const ids = new Map<string, number>();
  const tokens = new Array<string | undefined>(names.length).fill(undefined);
  for (const token of names) {
    const id = vocabulary[token];
    if (!isId(id)) {
      throw malformed(
        `id of token ${JSON.stringify(token.slice(0, 40))}`,
        `an integer from 0 to ${MAXIMUM_VOCABULARY - 1}`,
        id,
      );
    }
    checkToken(token);
    if (tokens[id] !== undefined) throw malformed("model.vocab", "each id once", id);
    while (tokens.length <= id) tokens.push(undefined);
    tokens[id] = token;
    ids.set(token, id);
  }
  return { ids, tokens };
}

/** Throws unless a token is text of at most 4096 UTF-16 units. */
export function checkToken(token: unknown): asserts token is string {
  if (typeof token !== "string" || token.length > LONGEST_TOKEN || !token.isWellFormed()) {
    throw malformed("model.vocab", `tokens of at most ${LONGEST_TOKEN} characters`, token);
  }
}

/** Whether a value is an id that a vocabulary may have. */
export function isId(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 &&
    (value as number) < MAXIMUM_VOCABULARY;
}

/** A setting of a model that is a text or missing. */
export function optionalText(fields: ModelFields, key: string): string | undefined {
  const value = fields[key];
  if (value === undefined || value === null) return undefined;
  if (typeof value === "string" && value.length <= 128 && value.isWellFormed()) return value;
  throw malformed(`model.${key}`, "a text of at most 128 characters, or null", value);
}

/** A setting of a model that is true or false; false if it is missing. */
export function optionalFlag(fields: ModelFields, key: string): boolean {
  const value = fields[key] ?? false;
  if (typeof value === "boolean") return value;
  throw malformed(`model.${key}`, "true or false", value);
}

/** The bytes of a text as tokens `<0x61>`, or undefined if the vocabulary lacks one. */
export function byteTokens(ids: ReadonlyMap<string, number>, text: string): number[] | undefined {
  const tokens: number[] = [];
  for (const byte of new TextEncoder().encode(text)) {
    const id = ids.get(`<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`);
    if (id === undefined) return undefined;
    tokens.push(id);
  }
  return tokens;
}
