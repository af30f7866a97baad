/**
 * Normalizers: what is done to a text before it is split.
 *
 * See bert_normalizer.ts, charsmap.ts and unicode_normalization.ts for the larger ones.
 *
 * @module
 */

import { toByteCharacters } from "../byte_alphabet.ts";
import { type BertOptions, normalizeAsBert } from "./bert_normalizer.ts";
import { readCharsmap } from "./charsmap.ts";
import type { Growth, Part } from "./part.ts";
import { readPattern } from "./text_pattern.ts";
import { filtered, lowercase, normalizeUnicode } from "./unicode_normalization.ts";
import { COMBINING_MARKS } from "./unicode_tables.ts";

/**
 * How many of the first UTF-16 units of a text are derived from the first character of the text as
 * it was given: the part that counts as the beginning of the text.
 */
export interface TextHead {
  length: number;
}

/** Makes a text into the one that is split, and keeps count of its head. */
export type Normalizer = (text: string, head?: TextHead) => string;

/** A normalizer whose result for a beginning is the beginning of its result. */
function byBeginnings(normalize: (text: string) => string): Normalizer {
  return (text, head) => {
    if (head !== undefined) head.length = normalize(text.slice(0, head.length)).length;
    return normalize(text);
  };
}

/** The normalizer that a part describes. */
export function readNormalizer(part: Part, growth: Growth): Normalizer {
  switch (part.type) {
    case "Sequence": {
      const inner = part.parts("normalizers").map((each) => readNormalizer(each, growth));
      return (text, head) => inner.reduce((text, normalize) => normalize(text, head), text);
    }
    case "NFC":
    case "NFD":
    case "NFKC":
    case "NFKD": {
      const { type } = part;
      return byBeginnings((text) => normalizeUnicode(text, type));
    }
    case "Lowercase":
      return byBeginnings(lowercase);
    case "Strip":
      return strip(part);
    case "StripAccents":
      return byBeginnings((text) => filtered(text, (codePoint) => !COMBINING_MARKS.has(codePoint)));
    case "Prepend": {
      const prefix = part.text("prepend");
      return (text, head) => {
        if (text === "") return "";
        if (head !== undefined && head.length > 0) head.length += prefix.length;
        return prefix + text;
      };
    }
    case "Replace":
      return replace(part, growth);
    case "Precompiled":
      growth.by(16, part);
      return precompiled(readCharsmap(part));
    case "BertNormalizer": {
      growth.by(3, part);
      const options = bertOptions(part);
      return byBeginnings((text) => normalizeAsBert(text, options));
    }
    case "Nmt":
      return byBeginnings(normalizeAsNmt);
    case "ByteLevel":
      growth.by(3, part);
      return byBeginnings(toByteCharacters);
  }
  throw part.unsupported(
    "NFC, NFD, NFKC, NFKD, Lowercase, Strip, StripAccents, Prepend, Replace, Precompiled, " +
      "BertNormalizer, Nmt, ByteLevel or Sequence",
  );
}

function strip(part: Part): Normalizer {
  const left = part.flag("strip_left"), right = part.flag("strip_right");
  return (text, head) => {
    const start = left ? /^\p{White_Space}*/u.exec(text)![0].length : 0;
    let end = text.length;
    while (right && end > start && /\p{White_Space}/u.test(text[end - 1])) end--;
    if (head !== undefined) head.length = Math.max(0, Math.min(head.length, end) - start);
    return text.slice(start, end);
  };
}

/** The reference counts what follows a removed beginning as the beginning. */
function precompiled(normalize: (text: string) => string): Normalizer {
  return (text, head) => {
    const result = normalize(text);
    if (head !== undefined && head.length > 0) {
      const length = normalize(text.slice(0, head.length)).length;
      head.length = length > 0 || result === "" ? length : String.fromCodePoint(
        result.codePointAt(0)!,
      ).length;
    }
    return result;
  };
}

function replace(part: Part, growth: Growth): Normalizer {
  const pattern = readPattern(part);
  const content = part.text("content");
  growth.by(pattern.literal ? content.length / pattern.literal.length : 1 + content.length, part);
  return (text, head) => {
    const matches = pattern.matches(text);
    if (matches.length === 0) return text;
    let result = "", last = 0, length = 0;
    const first = head?.length ?? 0;
    for (let i = 0; i < matches.length; i += 2) {
      const [start, end] = [matches[i], matches[i + 1]];
      length += Math.max(0, Math.min(first, start) - last);
      // A replacement belongs to the last character before it and in it.
      if (Math.max(end, 1) <= first) length += content.length;
      result += text.slice(last, start) + content;
      last = end;
    }
    if (head !== undefined) head.length = length + Math.max(0, first - last);
    return result + text.slice(last);
  };
}

function bertOptions(part: Part): BertOptions {
  const lowercase = part.flag("lowercase");
  return {
    cleanText: part.flag("clean_text"),
    handleChineseCharacters: part.flag("handle_chinese_chars"),
    stripAccents: part.flag("strip_accents", lowercase),
    lowercase,
  };
}

/** What the normalizer of neural machine translation removes, and what it makes a space. */
// deno-lint-ignore no-control-regex
const NMT_REMOVED = /[\x01-\x08\x0B\x0E-\x1F\x7F\x8F\x9F]/g;
const NMT_SPACES = /[\t\n\f\r\u1680\u200B-\u200F\u2028\u2029\u2581\uFEFF\uFFFD]/g;

function normalizeAsNmt(text: string): string {
  return text.replaceAll(NMT_REMOVED, "").replaceAll(NMT_SPACES, " ");
}
