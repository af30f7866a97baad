/**
 * Normalizers: what is done to a text before it is split.
 *
 * See bert_normalizer.ts, charsmap.ts and unicode_normalization.ts for the larger ones.
 *
 * @module
 */

import { toByteCharacters } from "../byte_alphabet.ts";
import type { AlignedText } from "../aligned_text.ts";
import { alignAsBert, type BertOptions, normalizeAsBert } from "./bert_normalizer.ts";
import { type CharsmapNormalizer, readCharsmap } from "./charsmap.ts";
import type { Growth, Part } from "./part.ts";
import { readPattern } from "./text_pattern.ts";
import { unicodeChanges } from "./unicode_changes.ts";
import { filtered, lowercase, lowercaseOf, normalizeUnicode } from "./unicode_normalization.ts";
import { COMBINING_MARKS } from "./unicode_tables.ts";

/**
 * How many of the first UTF-16 units of a text are derived from the first character of the text as
 * it was given: the part that counts as the beginning of the text.
 */
export interface TextHead {
  length: number;
}

/** Makes a text into the one that is split. */
export interface Normalizer {
  /** The normalized text; keeps count of its head. */
  apply(text: string, head?: TextHead): string;
  /** The same with the places of the characters. */
  align(text: AlignedText): AlignedText;
}

/** The normalizer of a file that has none. */
export const UNCHANGED: Normalizer = { apply: (text) => text, align: (text) => text };

/** A normalizer whose result for a beginning is the beginning of its result. */
function byBeginnings(
  normalize: (text: string) => string,
  align: (text: AlignedText) => AlignedText,
): Normalizer {
  return {
    apply: (text, head) => {
      if (head !== undefined) head.length = normalize(text.slice(0, head.length)).length;
      return normalize(text);
    },
    align,
  };
}

/** A normalizer that makes each character into any number of characters. */
function byCharacters(
  normalize: (text: string) => string,
  change: (character: string) => string = normalize,
): Normalizer {
  return byBeginnings(normalize, (text) => text.eachCharacter(change));
}

/** The normalizer that a part describes. */
export function readNormalizer(part: Part, growth: Growth): Normalizer {
  switch (part.type) {
    case "Sequence": {
      const inner = part.parts("normalizers").map((each) => readNormalizer(each, growth));
      return {
        apply: (text, head) => inner.reduce((text, each) => each.apply(text, head), text),
        align: (text) => inner.reduce((text, each) => each.align(text), text),
      };
    }
    case "NFC":
    case "NFD":
    case "NFKC":
    case "NFKD": {
      const { type } = part;
      return byBeginnings(
        (text) => normalizeUnicode(text, type),
        (text) => text.changed(unicodeChanges(text.text, type)),
      );
    }
    case "Lowercase":
      return byCharacters(lowercase, lowercaseOf);
    case "Strip":
      return strip(part);
    case "StripAccents":
      return byCharacters((text) => filtered(text, (codePoint) => !COMBINING_MARKS.has(codePoint)));
    case "Prepend": {
      const prefix = part.text("prepend");
      return {
        apply: (text, head) => {
          if (text === "") return "";
          if (head !== undefined && head.length > 0) head.length += prefix.length;
          return prefix + text;
        },
        align: (text) => text.prepended(prefix),
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
      return byBeginnings(
        (text) => normalizeAsBert(text, options),
        (text) => alignAsBert(text, options),
      );
    }
    case "Nmt":
      return byCharacters(normalizeAsNmt);
    case "ByteLevel":
      growth.by(3, part);
      return byCharacters(toByteCharacters);
  }
  throw part.unsupported(
    "NFC, NFD, NFKC, NFKD, Lowercase, Strip, StripAccents, Prepend, Replace, Precompiled, " +
      "BertNormalizer, Nmt, ByteLevel or Sequence",
  );
}

function strip(part: Part): Normalizer {
  const left = part.flag("strip_left"), right = part.flag("strip_right");
  const kept = (text: string): [start: number, end: number] => {
    const start = left ? /^\p{White_Space}*/u.exec(text)![0].length : 0;
    let end = text.length;
    while (right && end > start && /\p{White_Space}/u.test(text[end - 1])) end--;
    return [start, end];
  };
  return {
    apply: (text, head) => {
      const [start, end] = kept(text);
      if (head !== undefined) head.length = Math.max(0, Math.min(head.length, end) - start);
      return text.slice(start, end);
    },
    align: (text) => text.slice(...kept(text.text)),
  };
}

/** The reference counts what follows a removed beginning as the beginning. */
function precompiled(charsmap: CharsmapNormalizer | undefined): Normalizer {
  if (charsmap === undefined) return UNCHANGED;
  return {
    apply: (text, head) => {
      const result = charsmap.normalize(text);
      if (head !== undefined && head.length > 0) {
        const { length } = charsmap.normalize(text.slice(0, head.length));
        head.length = length > 0 || result === "" ? length : String.fromCodePoint(
          result.codePointAt(0)!,
        ).length;
      }
      return result;
    },
    align: (text) => text.changed(charsmap.changes(text.text)),
  };
}

function replace(part: Part, growth: Growth): Normalizer {
  const pattern = readPattern(part);
  const content = part.text("content");
  growth.by(pattern.literal ? content.length / pattern.literal.length : 1 + content.length, part);
  return {
    apply: (text, head) => {
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
    },
    align: (text) => text.replaced(pattern.matches(text.text), content),
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
