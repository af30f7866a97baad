/**
 * Added tokens: texts, such as `<|endoftext|>`, that are found before the model sees a text.
 *
 * Those that are not `normalized` are looked for in the text as it is; the others, normalized, in
 * the normalized text between them. The leftmost counts, and of several the longest.
 *
 * @module
 */

import { WHITE_SPACE } from "../regex/code_set.ts";
import { malformed, MAXIMUM_VOCABULARY, readObject } from "../tokenizer_file.ts";
import { UnitTrie } from "../unit_trie.ts";
import { WORD_CHARACTER } from "./character_classes.ts";
import { checkToken, type Model } from "./model.ts";

/** A token of the file's `added_tokens` with its id. */
export interface PublishedAddedToken {
  readonly id: number;
  readonly content: string;
  /** Only if no word character is beside it. */
  readonly singleWord: boolean;
  /** Takes the white space before it. */
  readonly stripsLeft: boolean;
  /** Takes the white space after it. */
  readonly stripsRight: boolean;
  /** Looked for in the normalized text. */
  readonly normalized: boolean;
  /** Left out by `decode` with `skipSpecialTokens`. */
  readonly special: boolean;
}

/**
 * The added tokens of a file. As in the reference, a token of the model keeps its id there, and
 * others get the next free ids in order, whatever the file says.
 *
 * @throws {SyntaxError} if one is malformed, occurs twice, or would get another id than its own
 */
export function readPublishedAddedTokens(value: unknown, model: Model): PublishedAddedToken[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value) || value.length > MAXIMUM_VOCABULARY) {
    throw malformed("added_tokens", `an array of at most ${MAXIMUM_VOCABULARY} tokens`, value);
  }
  const seen = new Set<string>();
  const tokens: PublishedAddedToken[] = [];
  let largest = -1;
  value.forEach((entry, index) => {
    const name = `added_tokens[${index}]`;
    const fields = readObject(entry, name);
    const { content } = fields;
    checkToken(content);
    if (content === "") return;
    if (seen.has(content)) throw malformed(`${name}.content`, "each text once", content);
    seen.add(content);
    const size = model.ids.size;
    const id = model.ids.get(content) ?? (largest >= size ? largest + 1 : size);
    largest = Math.max(largest, id);
    const flag = (key: string, fallback: boolean) => {
      const value = fields[key] ?? fallback;
      if (typeof value !== "boolean") throw malformed(`${name}.${key}`, "true or false", value);
      return value;
    };
    const special = flag("special", false);
    if (fields.id !== id) {
      throw malformed(`${name}.id`, `${id}, which the token gets by its place`, fields.id);
    }
    tokens.push({
      id,
      content,
      singleWord: flag("single_word", false),
      stripsLeft: flag("lstrip", false),
      stripsRight: flag("rstrip", false),
      normalized: flag("normalized", !special),
      special,
    });
  });
  return tokens;
}

/** A part of a text: an added token, or text between. */
export type AddedPart = { readonly text: string; readonly start: number; readonly id?: number };

/** Finds some of a file's added tokens in texts. */
export class AddedTokenSplitter {
  readonly #tokens: readonly PublishedAddedToken[];
  /** Indices of the tokens; of several with one text the first counts. */
  readonly #trie = new UnitTrie();
  /** Whether a token begins with a UTF-16 unit. */
  readonly #begins = new Uint8Array(0x10000);

  /** @param normalize makes the tokens what they are in the texts */
  constructor(
    tokens: readonly PublishedAddedToken[],
    normalize: (text: string) => string = (text) => text,
  ) {
    this.#tokens = tokens;
    const known = new Set<string>();
    tokens.forEach((token, index) => {
      const content = normalize(token.content);
      if (content === "") {
        throw malformed("added_tokens", "tokens of which the normalizer leaves something", token);
      }
      if (!known.has(content)) this.#trie.insert(content, index);
      known.add(content);
      this.#begins[content.charCodeAt(0)] = 1;
    });
  }

  /** The parts of a text in order. */
  split(text: string): AddedPart[] {
    if (this.#tokens.length === 0) return [{ text, start: 0 }];
    const parts: AddedPart[] = [];
    let last = 0;
    for (const { token, start, end } of this.#matches(text)) {
      if (token.singleWord && (wordBefore(text, start) || wordAfter(text, end))) continue;
      const from = token.stripsLeft ? Math.max(spaceStart(text, start), last) : start;
      const to = token.stripsRight ? spaceEnd(text, end) : end;
      if (last < from) parts.push({ text: text.slice(last, from), start: last });
      parts.push({ text: text.slice(from, to), start: from, id: token.id });
      last = to;
    }
    if (last !== text.length) parts.push({ text: text.slice(last), start: last });
    return parts;
  }

  *#matches(
    text: string,
  ): Generator<{ token: PublishedAddedToken; start: number; end: number }> {
    for (let start = 0; start < text.length;) {
      if (this.#begins[text.charCodeAt(start)] === 0) {
        start++;
        continue;
      }
      let found = -1, end = start;
      for (let at = start, node = 0; at < text.length;) {
        node = this.#trie.child(node, text.charCodeAt(at++));
        if (node < 0) break;
        const index = this.#trie.value(node);
        if (index < 0) continue;
        found = index;
        end = at;
      }
      if (found < 0) {
        start++;
        continue;
      }
      yield { token: this.#tokens[found], start, end };
      start = end;
    }
  }
}

function wordAfter(text: string, at: number): boolean {
  return at < text.length && WORD_CHARACTER.has(text.codePointAt(at)!);
}

function wordBefore(text: string, at: number): boolean {
  if (at === 0) return false;
  const isPair = at > 1 && text.codePointAt(at - 2)! > 0xFFFF;
  return WORD_CHARACTER.has(text.codePointAt(isPair ? at - 2 : at - 1)!);
}

// All white space is of one unit.
function spaceStart(text: string, at: number): number {
  while (at > 0 && WHITE_SPACE.has(text.charCodeAt(at - 1))) at--;
  return at;
}

function spaceEnd(text: string, at: number): number {
  while (at < text.length && WHITE_SPACE.has(text.charCodeAt(at))) at++;
  return at;
}
