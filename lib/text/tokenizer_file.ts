/**
 * The parts of a Hugging Face `tokenizer.json` that Folio writes and reads, and the checks that a
 * file from anywhere must pass. `own_tokenizer.ts` makes the tokenizer of it.
 *
 * @module
 */

import { isList } from "./json_list.ts";

/** A token that the file recognizes in the text before the model sees it. */
export interface AddedToken {
  /** Its id. */
  id: number;
  /** Its spelling in the text. */
  content: string;
  /** Whether `decode` with `skipSpecialTokens` leaves it out. */
  special: boolean;
}

/** A Hugging Face `tokenizer.json`, as far as Folio writes it. */
export interface TokenizerFile {
  /** Version of the format. */
  version: "1.0";
  /** Always null: texts are never cut. */
  truncation: null;
  /** The padding token, or null. */
  padding: { pad_id: number; pad_token: string; [key: string]: unknown } | null;
  /** Special and other added tokens, by id. */
  added_tokens: (AddedToken & Record<string, unknown>)[];
  /** Always null: the text is taken as it is. */
  normalizer: null;
  /** How the text is split before the model. */
  pre_tokenizer: { type: string; [key: string]: unknown };
  /** What is added around the ids: nothing. */
  post_processor: { type: string; [key: string]: unknown } | null;
  /** How tokens are joined; null joins them with spaces. */
  decoder: { type: string; [key: string]: unknown } | null;
  /** Vocabulary and merges. */
  model: {
    /** The kind of model. */
    type: "WordLevel" | "BPE";
    /** Token → id. */
    vocab: Record<string, number>;
    /** Byte-pair merges, in order, as `"left right"`. */
    merges?: string[];
    /** The token of unknown words; "" is none, as no token is empty. */
    unk_token?: string | null;
    [key: string]: unknown;
  };
}

/** What the common parts of a file need of a tokenizer. */
export interface TokenSpellings {
  /** Tokens that are no text, by spelling. */
  readonly specialTokens: ReadonlyMap<string, number>;
  /** The id that pads short rows. */
  readonly paddingId: number | undefined;
  /** The token of an id. */
  token(id: number): string;
}

/**
 * The parts of a file that are the same for every model.
 *
 * @param added the tokens recognized before the model; by default the special tokens
 */
export function commonParts(
  tokenizer: TokenSpellings,
  added: Iterable<AddedToken> = Array.from(
    tokenizer.specialTokens,
    ([content, id]) => ({ id, content, special: true }),
  ),
): Pick<
  TokenizerFile,
  "version" | "truncation" | "padding" | "added_tokens" | "normalizer" | "post_processor"
> {
  const { paddingId } = tokenizer;
  return {
    version: "1.0",
    truncation: null,
    padding: paddingId === undefined ? null : {
      strategy: "BatchLongest",
      direction: "Right",
      pad_to_multiple_of: null,
      pad_id: paddingId,
      pad_type_id: 0,
      pad_token: tokenizer.token(paddingId),
    },
    added_tokens: Array.from(added, (token) => addedTokenJson(token)),
    normalizer: null,
    post_processor: null,
  };
}

/** An entry of `added_tokens`: a token that is found in a text as it is. */
export function addedTokenJson(
  { id, content, special }: AddedToken,
): AddedToken & Record<string, unknown> {
  return {
    id,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special,
  };
}

/** The maximum number of tokens of a file: four times the largest public vocabulary. */
export const MAXIMUM_VOCABULARY: number = 2 ** 20;

/** A SyntaxError about a part of a tokenizer.json. */
export function malformed(part: string, expected: string, received: unknown): SyntaxError {
  return new SyntaxError(`tokenizer.json: ${part}: expected ${expected}, got ${brief(received)}`);
}

/** A value in a few words: it may be long or deeply nested. */
function brief(value: unknown): string {
  if (typeof value === "string") {
    return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
  }
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value !== "object" || value === null) return String(value);
  const { type, content } = value as Record<string, unknown>;
  const name = [type, content].find((text) => typeof text === "string");
  return name === undefined ? "an object" : `an object ${brief(name)}`;
}

/**
 * A value that must be an object.
 *
 * @throws {SyntaxError} if it is none
 */
export function readObject(value: unknown, part: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw malformed(part, "an object", value);
  }
  return value as Record<string, unknown>;
}

/**
 * The tokens of a file in the order of their ids: `model.vocab` and then `added_tokens`.
 *
 * @throws {SyntaxError} if ids are no integers from 0 on, each used once, or there are too many
 */
export function readTokens(vocab: unknown, added: readonly AddedToken[]): string[] {
  const ids = readObject(vocab, "model.vocab");
  for (const { id, content } of added) {
    if (Object.hasOwn(ids, content) && ids[content] !== id) {
      const known = ids[content];
      throw malformed(`added token ${JSON.stringify(content)}`, `its model.vocab id ${known}`, id);
    }
  }
  const further = added.filter(({ content }) => !Object.hasOwn(ids, content));
  const names = Object.keys(ids);
  const size = names.length + further.length;
  if (size === 0) throw malformed("model.vocab", "tokens", vocab);
  if (size > MAXIMUM_VOCABULARY) {
    throw malformed("model.vocab", `at most ${MAXIMUM_VOCABULARY} tokens`, size);
  }
  const tokens = new Array<string | undefined>(size).fill(undefined);
  const put = (token: string, id: unknown) => {
    const part = () => `id of token ${JSON.stringify(token.slice(0, 40))}`;
    if (!Number.isInteger(id) || (id as number) < 0 || (id as number) >= size) {
      throw malformed(part(), `an integer from 0 to ${size - 1}, as there are ${size}`, id);
    }
    if (tokens[id as number] !== undefined) throw malformed(part(), "an id used once", id);
    tokens[id as number] = token;
  };
  for (const name of names) put(name, ids[name]);
  for (const { content, id } of further) put(content, id);
  return tokens as string[]; // as many ids as places, none used twice: no hole
}

/**
 * The `added_tokens` of a file.
 *
 * @throws {SyntaxError} if one is malformed, occurs twice, or needs what Folio lacks
 */
export function readAddedTokens(value: unknown): AddedToken[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw malformed("added_tokens", "an array", value);
  if (value.length > MAXIMUM_VOCABULARY) {
    throw malformed("added_tokens", `at most ${MAXIMUM_VOCABULARY} tokens`, value.length);
  }
  const seen = new Set<string>();
  return value.map((entry, index) => {
    const part = `added_tokens[${index}]`;
    const { id, content, special, single_word, lstrip, rstrip } = readObject(entry, part);
    if (typeof content !== "string" || content === "" || seen.has(content)) {
      throw malformed(`${part}.content`, "a text that is not empty, each once", content);
    }
    if (typeof id !== "number" || !Number.isInteger(id)) {
      throw malformed(`${part}.id`, "an integer", id);
    }
    if (single_word || lstrip || rstrip) {
      throw malformed(part, "no single_word, lstrip or rstrip (not supported)", entry);
    }
    seen.add(content);
    return { id, content, special: special === true };
  });
}

/**
 * The merges of a BPE model, written as `"left right"` or as `["left", "right"]`.
 *
 * @throws {SyntaxError} if one is malformed, or there are too many
 */
export function readMerges(value: unknown): [left: string, right: string][] {
  if (!isList(value)) throw malformed("model.merges", "an array", value);
  if (value.length > MAXIMUM_VOCABULARY) {
    throw malformed("model.merges", `at most ${MAXIMUM_VOCABULARY} merges`, value.length);
  }
  const pairs: [left: string, right: string][] = [];
  for (const entry of value) {
    const pair = typeof entry === "string" ? pairIn(entry) : entry;
    const wellFormed = Array.isArray(pair) && pair.length === 2 &&
      pair.every((token) => typeof token === "string" && token !== "");
    if (!wellFormed) throw malformed(`model.merges[${pairs.length}]`, "a pair of tokens", entry);
    pairs.push(pair as [string, string]);
  }
  return pairs;
}

/** The two tokens of `"left right"`; undefined if there are not two. */
function pairIn(merge: string): [string, string] | undefined {
  const space = merge.indexOf(" ");
  const isPair = space >= 0 && merge.indexOf(" ", space + 1) < 0;
  return isPair ? [merge.slice(0, space), merge.slice(space + 1)] : undefined;
}

/**
 * The padding token of a file, checked against its tokens.
 *
 * @throws {SyntaxError} if `padding` names a token that has another id
 */
export function readPadding(value: unknown, tokens: readonly string[]): string | undefined {
  if (value === undefined || value === null) return undefined;
  const { pad_id: id, pad_token: token } = readObject(value, "padding");
  if (typeof id !== "number" || typeof token !== "string" || tokens[id] !== token) {
    throw malformed("padding", "pad_token with its id as pad_id", value);
  }
  return token;
}
