/**
 * The long lists of a `tokenizer.json`: half a million merges, or a quarter million tokens with
 * their scores. They are parsed a part at a time, because parsed they take five times the memory of
 * their text, and all of it at once.
 *
 * @module
 */

const QUOTE = 0x22, BACKSLASH = 0x5C, COMMA = 0x2C, COLON = 0x3A;
const OPENING_BRACKET = 0x5B, CLOSING_BRACKET = 0x5D;
const OPENING_BRACE = 0x7B, CLOSING_BRACE = 0x7D;

/** Entries that are parsed together. */
const PART = 1024;
/** Characters of a list from which on it is worth the trouble. */
const LONG = 2 ** 16;

/** A list of a JSON text, which is parsed while it is read. */
export class JsonList implements Iterable<unknown> {
  /** The number of entries. */
  readonly length: number;
  readonly #text: string;

  /** @param text the list without its brackets, of `length` entries */
  constructor(text: string, length: number) {
    this.#text = text;
    this.length = length;
  }

  /**
   * The entries in order.
   *
   * @throws {SyntaxError} if they are not JSON
   */
  *[Symbol.iterator](): Generator<unknown> {
    const text = this.#text;
    let start = 0, count = 0;
    for (let at = 0, depth = 0; at < text.length; at++) {
      const code = text.charCodeAt(at);
      if (code === QUOTE) at = endOfString(text, at);
      else if (opens(code)) depth++;
      else if (closes(code)) depth--;
      else if (code === COMMA && depth === 0 && ++count % PART === 0) {
        yield* parsed(text.slice(start, at));
        start = at + 1;
      }
    }
    yield* parsed(text.slice(start));
  }
}

/** The entries of a part of a list, at least one. */
function parsed(part: string): unknown[] {
  try {
    const entries: unknown[] = JSON.parse(`[${part}]`);
    if (entries.length > 0) return entries;
  } catch {
    // Reported below.
  }
  throw new SyntaxError("tokenizer.json: not JSON: a list of the model is malformed");
}

/** Whether a value is a list, parsed or not. */
export function isList(value: unknown): value is readonly unknown[] | JsonList {
  return Array.isArray(value) || value instanceof JsonList;
}

/**
 * What `JSON.parse` makes of a text, but with each long list among `names` of the object `owner`
 * as a `JsonList`.
 *
 * ```ts
 * import { parseWithLists } from "./json_list.ts";
 * const merges = JSON.stringify(Array(20_000).fill("a b"));
 * const { model } = parseWithLists(`{"model": {"merges": ${merges}}}`, "model", ["merges"]) as {
 *   model: { merges: Iterable<string> & { length: number } };
 * };
 * console.log(model.merges.length, Array.isArray(model.merges)); // 20000 false
 * ```
 *
 * @throws {SyntaxError} if the text is not JSON; what is wrong inside a long list is found when it
 *   is read
 */
export function parseWithLists(json: string, owner: string, names: readonly string[]): unknown {
  const spans = json.length < LONG ? [] : longLists(json, owner, names);
  if (spans.length === 0) return JSON.parse(json);
  let short = "", after = 0;
  for (const { from, to } of spans) {
    short += `${json.slice(after, from)}[]`;
    after = to;
  }
  const file = JSON.parse(short + json.slice(after));
  for (const { name, from, to, length } of spans) {
    file[owner][name] = new JsonList(json.slice(from + 1, to - 1), length);
  }
  return file;
}

/** A list in a text, with its brackets. */
interface Span {
  readonly name: string;
  readonly from: number;
  readonly to: number;
  readonly length: number;
}

/** The long lists of an object that the outermost object has; none if a key is there twice. */
function longLists(json: string, owner: string, names: readonly string[]): Span[] {
  const spans: Span[] = [];
  let depth = 0, owners = 0, key = "", inOwner = false;
  for (let at = 0; at < json.length; at++) {
    const code = json.charCodeAt(at);
    if (code === QUOTE) {
      const end = endOfString(json, at);
      if (depth <= 2 && isKey(json, end)) {
        key = json.slice(at + 1, end);
        // Which of two equal keys counts is for the parser to say, and how a key is spelled.
        if (key.includes("\\")) return [];
        if (depth === 1 && key === owner && ++owners > 1) return [];
        if (depth === 2 && inOwner && spans.some(({ name }) => name === key)) return [];
      }
      at = end;
    } else if (code === OPENING_BRACKET && depth === 2 && inOwner && names.includes(key)) {
      const { to, length } = extentOf(json, at);
      if (to - at > LONG) spans.push({ name: key, from: at, to, length });
      at = to - 1;
    } else if (opens(code)) {
      depth++;
      if (depth === 2) inOwner = code === OPENING_BRACE && key === owner;
    } else if (closes(code)) depth--;
  }
  return spans;
}

/** Where the list that begins at a bracket ends, and its number of entries. */
function extentOf(json: string, from: number): { to: number; length: number } {
  let commas = 0, depth = 0;
  for (let at = from; at < json.length; at++) {
    const code = json.charCodeAt(at);
    if (code === QUOTE) at = endOfString(json, at);
    else if (opens(code)) depth++;
    else if (closes(code)) {
      if (--depth === 0) return { to: at + 1, length: commas + 1 };
    } else if (code === COMMA && depth === 1) commas++;
  }
  return { to: json.length, length: commas + 1 };
}

/** The place of the quote that ends the string which begins at a quote. */
function endOfString(json: string, from: number): number {
  let at = from + 1;
  for (; at < json.length; at++) {
    const code = json.charCodeAt(at);
    if (code === QUOTE) break;
    if (code === BACKSLASH) at++;
  }
  return at;
}

/** Whether the string that ends at a quote is a key. */
function isKey(json: string, end: number): boolean {
  let at = end + 1;
  while (at < json.length && json.charCodeAt(at) <= 0x20) at++;
  return json.charCodeAt(at) === COLON;
}

function opens(code: number): boolean {
  return code === OPENING_BRACKET || code === OPENING_BRACE;
}

function closes(code: number): boolean {
  return code === CLOSING_BRACKET || code === CLOSING_BRACE;
}
