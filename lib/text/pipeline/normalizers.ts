/**
 * Normalizers: what is done to a text before it is split.
 *
 * See bert_normalizer.ts, charsmap.ts and unicode_normalization.ts for the larger ones.
 *
 * @module
 */

import { bytesToCharacters } from "../byte_alphabet.ts";
import { type BertOptions, normalizeAsBert } from "./bert_normalizer.ts";
import { readCharsmap } from "./charsmap.ts";
import type { Growth, Part } from "./part.ts";
import { readPattern } from "./text_pattern.ts";
import { filtered, lowercase, normalizeUnicode } from "./unicode_normalization.ts";
import { COMBINING_MARKS } from "./unicode_tables.ts";

/** Makes a text into the one that is split. */
export type Normalizer = (text: string) => string;

/** The normalizer that a part describes. */
export function readNormalizer(part: Part, growth: Growth): Normalizer {
  switch (part.type) {
    case "Sequence": {
      const inner = part.parts("normalizers").map((each) => readNormalizer(each, growth));
      return (text) => inner.reduce((text, normalize) => normalize(text), text);
    }
    case "NFC":
    case "NFD":
    case "NFKC":
    case "NFKD": {
      const { type } = part;
      return (text) => normalizeUnicode(text, type);
    }
    case "Lowercase":
      return lowercase;
    case "Strip":
      return strip(part);
    case "StripAccents":
      return (text) => filtered(text, (codePoint) => !COMBINING_MARKS.has(codePoint));
    case "Prepend": {
      const prefix = part.text("prepend");
      return (text) => text === "" ? "" : prefix + text;
    }
    case "Replace":
      return replace(part, growth);
    case "Precompiled":
      growth.by(16, part);
      return readCharsmap(part);
    case "BertNormalizer": {
      growth.by(3, part);
      const options = bertOptions(part);
      return (text) => normalizeAsBert(text, options);
    }
    case "Nmt":
      return normalizeAsNmt;
    case "ByteLevel":
      growth.by(3, part);
      return toByteCharacters;
  }
  throw part.unsupported(
    "NFC, NFD, NFKC, NFKD, Lowercase, Strip, StripAccents, Prepend, Replace, Precompiled, " +
      "BertNormalizer, Nmt, ByteLevel or Sequence",
  );
}

/** The bytes of a text in GPT-2's alphabet. */
export function toByteCharacters(text: string): string {
  return bytesToCharacters(new TextEncoder().encode(text));
}

function strip(part: Part): Normalizer {
  const left = part.flag("strip_left"), right = part.flag("strip_right");
  return (text) => {
    const start = left ? /^\p{White_Space}*/u.exec(text)![0].length : 0;
    let end = text.length;
    while (right && end > start && /\p{White_Space}/u.test(text[end - 1])) end--;
    return text.slice(start, end);
  };
}

function replace(part: Part, growth: Growth): Normalizer {
  const pattern = readPattern(part);
  const content = part.text("content");
  growth.by(pattern.literal ? content.length / pattern.literal.length : 1 + content.length, part);
  return (text) => {
    const matches = pattern.matches(text);
    let result = "", last = 0;
    for (let i = 0; i < matches.length; i += 2) {
      result += text.slice(last, matches[i]) + content;
      last = matches[i + 1];
    }
    return last === 0 && result === "" ? text : result + text.slice(last);
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
