/**
 * Pre-tokenizers: how a normalized text is split into the pieces that a model makes into tokens.
 *
 * @module
 */

import { bytePairSplits } from "../byte_pair_split.ts";
import { CodeSet, WHITE_SPACE } from "../regex/code_set.ts";
import { NUMERAL, WORD_CHARACTER } from "./character_classes.ts";
import type { AlignedText } from "../aligned_text.ts";
import { toByteCharacters } from "../byte_alphabet.ts";
import type { Growth, Part } from "./part.ts";
import { readPattern, SPLIT_BEHAVIORS, splitAt } from "./text_pattern.ts";
import { scriptSplits } from "./unicode_scripts.ts";
import { PUNCTUATION } from "./unicode_tables.ts";

/** One step of splitting. Steps without a field leave the text as it is. */
export interface PreTokenizer {
  /**
   * Changes a piece before it is split, at most by a character before it; `first` if the text
   * begins with the piece.
   */
  prepare?(text: string, first: boolean): string;
  /** Starts and ends of the pieces, which are not empty, in UTF-16 units. */
  split?(text: string): number[];
  /** Whether the pieces are then written in GPT-2's alphabet of bytes. */
  readonly toBytes?: boolean;
}

/** Pieces of a text in order, and the lengths of the heads of the first ones, which have one. */
export interface Pieces {
  readonly texts: string[];
  readonly heads: number[];
}

/** The pieces that one step makes of pieces. */
export function splitPieces({ texts, heads }: Pieces, step: PreTokenizer): Pieces {
  const result: Pieces = { texts: [], heads: [] };
  for (let i = 0; i < texts.length; i++) {
    splitPiece(texts[i], heads[i] ?? 0, step, result);
  }
  return result;
}

function splitPiece(piece: string, head: number, step: PreTokenizer, into: Pieces): void {
  const text = step.prepare === undefined ? piece : step.prepare(piece, head > 0);
  const first = head > 0 ? head + text.length - piece.length : 0;
  const add = (start: number, end: number) => {
    const part = text.slice(start, end);
    into.texts.push(step.toBytes ? toByteCharacters(part) : part);
    if (start >= first) return;
    const beginning = text.slice(start, Math.min(end, first));
    into.heads.push((step.toBytes ? toByteCharacters(beginning) : beginning).length);
  };
  if (step.split === undefined) return add(0, text.length);
  const places = step.split(text);
  for (let i = 0; i < places.length; i += 2) add(places[i], places[i + 1]);
}

/** The same for one piece with the places of its characters. */
export function splitAligned(piece: AlignedText, step: PreTokenizer): AlignedText[] {
  const isFirst = piece.starts[0] === 0;
  const text = step.prepare === undefined
    ? piece
    : piece.respelled(step.prepare(piece.text, isFirst));
  const places = step.split?.(text.text) ?? [0, text.text.length];
  const parts: AlignedText[] = [];
  for (let i = 0; i < places.length; i += 2) {
    const part = text.slice(places[i], places[i + 1]);
    parts.push(step.toBytes ? part.eachCharacter(toByteCharacters) : part);
  }
  return parts;
}

/** The steps that a part describes, in order. */
export function readPreTokenizers(part: Part, growth: Growth): PreTokenizer[] {
  switch (part.type) {
    case "Sequence":
      return part.parts("pretokenizers").flatMap((each) => readPreTokenizers(each, growth));
    case "ByteLevel":
      growth.by(3, part);
      return [byteLevel(part)];
    case "Whitespace":
      return [{ split: (text) => splitByClass(text, wordOrSign) }];
    case "WhitespaceSplit":
      return [{ split: (text) => splitByClass(text, blankOrNot) }];
    case "BertPreTokenizer":
      return [{ split: (text) => splitByClass(text, blankSignOrWord) }];
    case "Split":
      return [splitByPattern(part)];
    case "Punctuation": {
      const behavior = part.choice("behavior", SPLIT_BEHAVIORS, "Isolated");
      return [{
        split: (text) => splitAt(charactersIn(PUNCTUATION, text), text.length, { behavior }),
      }];
    }
    case "Digits": {
      const behavior = part.flag("individual_digits", false) ? "Isolated" : "Contiguous";
      return [{ split: (text) => splitAt(charactersIn(NUMERAL, text), text.length, { behavior }) }];
    }
    case "Metaspace":
      return [metaspace(part)];
    case "UnicodeScripts":
      return [{ split: scriptSplits }];
    case "CharDelimiterSplit": {
      const delimiter = new CodeSet(isExactly(part.character("delimiter")));
      return [{
        split: (text) =>
          splitAt(charactersIn(delimiter, text), text.length, { behavior: "Removed" }),
      }];
    }
    case "FixedLength": {
      const length = part.count("length", 1);
      return [{ split: (text) => fixedLengths(text, length) }];
    }
  }
  throw part.unsupported(
    "ByteLevel, Whitespace, WhitespaceSplit, BertPreTokenizer, Split, Punctuation, Digits, " +
      "Metaspace, UnicodeScripts, CharDelimiterSplit, FixedLength or Sequence",
  );
}

function byteLevel(part: Part): PreTokenizer {
  const addsSpace = part.flag("add_prefix_space");
  const prepare = addsSpace
    ? (text: string) => text.startsWith(" ") ? text : ` ${text}`
    : undefined;
  const split = part.flag("use_regex", true) ? bytePairSplits : undefined;
  return { prepare, split, toBytes: true };
}

function splitByPattern(part: Part): PreTokenizer {
  const pattern = readPattern(part);
  const behavior = part.choice("behavior", SPLIT_BEHAVIORS);
  const invert = part.flag("invert");
  return { split: (text) => splitAt(pattern.matches(text), text.length, { behavior, invert }) };
}

const SCHEMES = ["always", "first", "never"] as const;
/** When `Metaspace` puts its character before a text. */
export type PrependScheme = typeof SCHEMES[number];

/** The character and the scheme of a Metaspace part. */
export function readMetaspace(part: Part): { replacement: string; scheme: PrependScheme } {
  const replacement = part.character("replacement");
  if (replacement.length > 1) throw part.malformed("replacement", "a character up to U+FFFF");
  const scheme = part.choice("prepend_scheme", SCHEMES, "always");
  if (part.has("add_prefix_space") && !part.flag("add_prefix_space")) {
    if (part.has("prepend_scheme") && scheme !== "never") {
      throw part.malformed("prepend_scheme", "never, as add_prefix_space is false");
    }
    return { replacement, scheme: "never" };
  }
  return { replacement, scheme };
}

function metaspace(part: Part): PreTokenizer {
  const { replacement, scheme } = readMetaspace(part);
  const prepare = (text: string, first: boolean) => {
    const replaced = text.replaceAll(" ", replacement);
    const prepends = scheme === "always" || (scheme === "first" && first);
    return prepends && !replaced.startsWith(replacement) ? replacement + replaced : replaced;
  };
  if (!part.flag("split", true)) return { prepare };
  const is = new CodeSet(isExactly(replacement));
  const behavior = "MergedWithNext";
  return { prepare, split: (text) => splitAt(charactersIn(is, text), text.length, { behavior }) };
}

function isExactly(character: string): (codePoint: number) => boolean {
  const only = character.codePointAt(0)!;
  return (codePoint) => codePoint === only;
}

/** Each character of a set in a text as a match. */
function charactersIn(set: CodeSet, text: string): number[] {
  const found: number[] = [];
  for (let at = 0; at < text.length;) {
    const codePoint = text.codePointAt(at)!;
    const next = at + (codePoint > 0xFFFF ? 2 : 1);
    if (set.has(codePoint)) found.push(at, next);
    at = next;
  }
  return found;
}

/**
 * A class of characters whose runs are pieces; `ALONE` is a piece by itself, `NONE` in no piece.
 */
const NONE = 0, ALONE = 1, SIGN = 2, WORD = 3;

function wordOrSign(codePoint: number): number {
  if (WHITE_SPACE.has(codePoint)) return NONE;
  return WORD_CHARACTER.has(codePoint) ? WORD : SIGN;
}

function blankOrNot(codePoint: number): number {
  return WHITE_SPACE.has(codePoint) ? NONE : WORD;
}

function blankSignOrWord(codePoint: number): number {
  if (WHITE_SPACE.has(codePoint)) return NONE;
  return PUNCTUATION.has(codePoint) ? ALONE : WORD;
}

function splitByClass(text: string, classify: (codePoint: number) => number): number[] {
  const pieces: number[] = [];
  let previous = NONE;
  for (let at = 0; at < text.length;) {
    const codePoint = text.codePointAt(at)!;
    const next = at + (codePoint > 0xFFFF ? 2 : 1);
    const kind = classify(codePoint);
    if (kind !== NONE) {
      if (kind === previous && kind !== ALONE) pieces[pieces.length - 1] = next;
      else pieces.push(at, next);
    }
    previous = kind;
    at = next;
  }
  return pieces;
}

function fixedLengths(text: string, length: number): number[] {
  const pieces: number[] = [];
  let count = 0, start = 0;
  for (let at = 0; at < text.length;) {
    at += text.codePointAt(at)! > 0xFFFF ? 2 : 1;
    if (++count < length && at < text.length) continue;
    pieces.push(start, at);
    start = at;
    count = 0;
  }
  return pieces;
}
