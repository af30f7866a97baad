/**
 * Small tokenizer files, one for each part that a `tokenizer.json` can have and for each of its
 * settings.
 *
 * Most have a model that shows everything: its tokens are bytes, and all characters of a piece but
 * the first get a prefix, so that the ids spell out the normalized text and where it was split.
 *
 * @module
 */

import { CHARSMAP } from "./charsmap.ts";

type Json = Record<string, unknown>;

/** Byte tokens `<0x00>` … `<0xFF>` with their values as ids. */
const BYTES: Record<string, number> = Object.fromEntries(
  Array.from({ length: 256 }, (_, byte) => [byteToken(byte), byte]),
);

function byteToken(byte: number): string {
  return `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`;
}

function probe(parts: Json): Json {
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: [],
    normalizer: null,
    pre_tokenizer: null,
    post_processor: null,
    decoder: null,
    ...parts,
    model: {
      type: "BPE",
      continuing_subword_prefix: "##",
      byte_fallback: true,
      vocab: BYTES,
      merges: [],
    },
  };
}

const replace = (pattern: Json, content: string): Json => ({ type: "Replace", pattern, content });
const normalizers = (...normalizers: Json[]): Json => ({ type: "Sequence", normalizers });
const bert = (clean: boolean, chinese: boolean, accents: boolean | null, lower: boolean): Json => ({
  type: "BertNormalizer",
  clean_text: clean,
  handle_chinese_chars: chinese,
  strip_accents: accents,
  lowercase: lower,
});
const strip = (left: boolean, right: boolean): Json => ({
  type: "Strip",
  strip_left: left,
  strip_right: right,
});

const NORMALIZERS: Record<string, Json> = {
  NFC: { type: "NFC" },
  NFD: { type: "NFD" },
  NFKC: { type: "NFKC" },
  NFKD: { type: "NFKD" },
  Lowercase: { type: "Lowercase" },
  "Strip both": strip(true, true),
  "Strip left": strip(true, false),
  "Strip right": strip(false, true),
  StripAccents: { type: "StripAccents" },
  "NFD, StripAccents": normalizers({ type: "NFD" }, { type: "StripAccents" }),
  Prepend: { type: "Prepend", prepend: "\u2581x" },
  "Replace text": replace({ String: " " }, "\u2581"),
  "Replace pattern": replace({ Regex: " {2,}|\\p{Mn}" }, ""),
  "Replace nothing": replace({ Regex: "(?<=[a-z])(?=[A-Z])|x*" }, "_"),
  Nmt: { type: "Nmt" },
  Precompiled: { type: "Precompiled", precompiled_charsmap: CHARSMAP },
  ByteLevel: { type: "ByteLevel" },
  "Bert uncased": bert(true, true, null, true),
  "Bert cased": bert(true, true, null, false),
  "Bert accents": bert(false, false, true, false),
  "Bert lower": bert(true, false, false, true),
};

const BEHAVIORS = ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"];
const PATTERNS: Record<string, Json> = {
  space: { String: " " },
  words: { Regex: "\\p{L}+|\\d" },
  nothing: { String: "" },
  capitals: { Regex: "(?=\\p{Lu})" },
  bloom: { Regex: " ?[^(\\s|[.,!?…。，、।۔،])]+" },
  llama: {
    Regex: "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}|" +
      " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
  },
};
const byteLevel = (prefix: boolean, regex: boolean): Json => ({
  type: "ByteLevel",
  add_prefix_space: prefix,
  trim_offsets: true,
  use_regex: regex,
});
const metaspace = (scheme: string, split: boolean): Json => ({
  type: "Metaspace",
  replacement: "\u2581",
  prepend_scheme: scheme,
  split,
});
const preTokenizers = (...pretokenizers: Json[]): Json => ({ type: "Sequence", pretokenizers });

const PRE_TOKENIZERS: Record<string, Json> = {
  Whitespace: { type: "Whitespace" },
  WhitespaceSplit: { type: "WhitespaceSplit" },
  BertPreTokenizer: { type: "BertPreTokenizer" },
  "Digits alone": { type: "Digits", individual_digits: true },
  "Digits together": { type: "Digits", individual_digits: false },
  UnicodeScripts: { type: "UnicodeScripts" },
  CharDelimiterSplit: { type: "CharDelimiterSplit", delimiter: "e" },
  FixedLength: { type: "FixedLength", length: 3 },
  "ByteLevel with all": byteLevel(true, true),
  "ByteLevel with nothing": byteLevel(false, false),
  "ByteLevel with a space": byteLevel(true, false),
  "Metaspace always": metaspace("always", true),
  "Metaspace first": metaspace("first", true),
  "Metaspace never": metaspace("never", true),
  "Metaspace whole": metaspace("first", false),
  "Metaspace of old": { type: "Metaspace", replacement: "_", add_prefix_space: true },
  ...Object.fromEntries(
    BEHAVIORS.map((behavior) => [`Punctuation ${behavior}`, { type: "Punctuation", behavior }]),
  ),
  ...Object.fromEntries(
    Object.entries(PATTERNS).flatMap(([name, pattern]) =>
      BEHAVIORS.flatMap((behavior) =>
        [false, true].map((invert) => [
          `Split ${name} ${behavior}${invert ? " inverted" : ""}`,
          { type: "Split", pattern, behavior, invert },
        ])
      )
    ),
  ),
  "DeepSeek's": preTokenizers(
    { type: "Split", pattern: { Regex: "\\p{N}{1,3}" }, behavior: "Isolated", invert: false },
    {
      type: "Split",
      pattern: { Regex: "[一-龥\u3040-ゟ゠-ヿ]+" },
      behavior: "Isolated",
      invert: false,
    },
    byteLevel(false, false),
  ),
};

/** Parts that meet: where a text begins, and texts that a part before has changed. */
const COMBINATIONS: Record<string, Json> = {
  "Strip left, Metaspace first": {
    normalizer: NORMALIZERS["Strip left"],
    pre_tokenizer: PRE_TOKENIZERS["Metaspace first"],
  },
  "Prepend, Split, Metaspace first": {
    normalizer: NORMALIZERS.Prepend,
    pre_tokenizer: preTokenizers(
      PRE_TOKENIZERS["Split nothing Isolated"],
      PRE_TOKENIZERS["Metaspace first"],
    ),
  },
  "Precompiled, Metaspace first": {
    normalizer: NORMALIZERS.Precompiled,
    pre_tokenizer: PRE_TOKENIZERS["Metaspace first"],
  },
  "ByteLevel twice": {
    normalizer: NORMALIZERS.ByteLevel,
    pre_tokenizer: preTokenizers(byteLevel(true, true), PRE_TOKENIZERS.UnicodeScripts),
  },
  "NFKD, Bert, Whitespace, Digits": {
    normalizer: normalizers({ type: "NFKD" }, NORMALIZERS["Bert uncased"]),
    pre_tokenizer: preTokenizers(
      PRE_TOKENIZERS.Whitespace,
      PRE_TOKENIZERS["Digits alone"],
      PRE_TOKENIZERS["Punctuation MergedWithNext"],
    ),
  },
};

const added = (id: number, content: string, flags: string): Json => ({
  id,
  content,
  single_word: flags.includes("w"),
  lstrip: flags.includes("l"),
  rstrip: flags.includes("r"),
  normalized: flags.includes("n"),
  special: flags.includes("s"),
});

/** Added tokens with every flag, some of which overlap. */
const ADDED: readonly Json[] = [
  ...[["<mask>", "ls"], ["[MASK]", "rs"], ["<s>", "lrs"], ["all", "w"], ["human beings", "n"]],
  ...[["Hum", "n"], ["  ", ""], ["\n", ""], ["\u2581", ""], ["é", "n"], ["die", "wnl"]],
  ...[["人人", ""], ["[SEP]", "ws"], ["aa", ""], ["aaaab", ""], ["👍", ""], ["[CLS]", "s"]],
].map(([content, flags], index) => added(256 + index, content, flags));
const SEP = ["[SEP]", 268], CLS = ["[CLS]", 272];

const sequence = (id: string, type_id: number): Json => ({ Sequence: { id, type_id } });
const special = (id: string, type_id: number): Json => ({ SpecialToken: { id, type_id } });
const TEMPLATE: Json = {
  type: "TemplateProcessing",
  single: [special("[CLS]", 2), sequence("A", 1), special("<s>", 0), special("many", 0)],
  pair: [special("[CLS]", 0), sequence("B", 3), special("many", 1), sequence("A", 1)],
  special_tokens: {
    "[CLS]": { id: "[CLS]", ids: [272], tokens: ["[CLS]"] },
    "<s>": { id: "<s>", ids: [258], tokens: ["<s>"] },
    many: { id: "many", ids: [1, 2, 3], tokens: [1, 2, 3].map(byteToken) },
  },
};

const POST_PROCESSORS: Record<string, Json> = {
  TemplateProcessing: TEMPLATE,
  BertProcessing: { type: "BertProcessing", sep: SEP, cls: CLS },
  RobertaProcessing: {
    type: "RobertaProcessing",
    sep: SEP,
    cls: CLS,
    trim_offsets: true,
    add_prefix_space: true,
  },
  "ByteLevel, TemplateProcessing": {
    type: "Sequence",
    processors: [byteLevel(true, true), TEMPLATE],
  },
};

const decoders = (...decoders: Json[]): Json => ({ type: "Sequence", decoders });
const stripped = (content: string, start: number, stop: number): Json => ({
  type: "Strip",
  content,
  start,
  stop,
});
const FUSED: readonly Json[] = [{ type: "ByteFallback" }, { type: "Fuse" }];

const DECODERS: Record<string, Json> = {
  WordPiece: { type: "WordPiece", prefix: "##", cleanup: true },
  "WordPiece as it is": { type: "WordPiece", prefix: "<0x", cleanup: false },
  Metaspace: metaspace("always", true),
  ByteFallback: { type: "ByteFallback" },
  BPEDecoder: { type: "BPEDecoder", suffix: "1>" },
  CTC: { type: "CTC", pad_token: byteToken(1), word_delimiter_token: "2", cleanup: true },
  "Llama 2's": decoders(replace({ String: "\u2581" }, " "), ...FUSED, stripped(" ", 1, 0)),
  "Replace, Strip": decoders(
    ...FUSED,
    replace({ Regex: "[aeiou]+\\s?" }, "*"),
    stripped("t", 2, 0),
  ),
  ByteLevel: byteLevel(true, true),
  "ByteLevel, Metaspace": decoders(byteLevel(true, true), metaspace("first", true)),
};

const ALPHABET = Array.from("▁abcdefghijklmnopqrstuvwxyz.,'é人");
const MERGES = "t h|h e|th e|▁ the|i n|▁ in|a n|an d|▁ and|e r|r e|re n|er s|▁ a".split("|");
const TOKENS = ["<unk>", ...ALPHABET, ...MERGES.map((merge) => merge.replace(" ", ""))];
const numbered = (tokens: readonly string[]): Record<string, number> =>
  Object.fromEntries(tokens.map((token, id) => [token, id]));
const FALLBACK = [...TOKENS, ...Object.keys(BYTES)];

function bytePairs(settings: Json, vocab = TOKENS): Json {
  const model = { type: "BPE", vocab: numbered(vocab), merges: MERGES, ...settings };
  return { pre_tokenizer: metaspace("always", true), model };
}

const WORDS = ["[UNK]", "a", "all", "human", "be", "the", "##ing", "##s", "##e", "##a", "f", "##r"];
const SCORES = TOKENS.map((
  token,
  id,
) => [token, id === 0 ? 0 : -1 - (id % 7) / 3 - token.length / 9]);
const UNTYPED = { vocab: numbered(WORDS), unk_token: "[UNK]" };

/** Whole models, with and without their types. */
const MODELS: Record<string, Json> = {
  "BPE, unknown token": bytePairs({ unk_token: "<unk>" }),
  "BPE, unknown tokens fused": bytePairs({ unk_token: "<unk>", fuse_unk: true }),
  "BPE without an unknown token": bytePairs({}),
  "BPE, bytes": bytePairs({ unk_token: "<unk>", byte_fallback: true }, FALLBACK),
  "BPE, most bytes": bytePairs(
    { unk_token: "<unk>", byte_fallback: true },
    FALLBACK.filter((token) => !token.endsWith("7>")),
  ),
  "BPE, merges ignored": bytePairs({
    unk_token: "<unk>",
    ignore_merges: true,
    merges: [MERGES[0]],
  }),
  "BPE, suffix": bytePairs({ end_of_word_suffix: "</w>" }, [...TOKENS, "e</w>", "s</w>", ".</w>"]),
  "BPE without a type": bytePairs({ type: undefined, merges: MERGES.map((m) => m.split(" ")) }),
  WordPiece: {
    normalizer: NORMALIZERS["Bert uncased"],
    pre_tokenizer: PRE_TOKENIZERS.BertPreTokenizer,
    model: {
      ...UNTYPED,
      type: "WordPiece",
      continuing_subword_prefix: "##",
      max_input_chars_per_word: 6,
    },
  },
  "WordPiece without a type": {
    pre_tokenizer: PRE_TOKENIZERS.WhitespaceSplit,
    model: { ...UNTYPED, continuing_subword_prefix: "##", max_input_chars_per_word: 100 },
  },
  WordLevel: {
    normalizer: { type: "Lowercase" },
    pre_tokenizer: PRE_TOKENIZERS.Whitespace,
    model: { ...UNTYPED, type: "WordLevel" },
  },
  "WordLevel without a type": { pre_tokenizer: PRE_TOKENIZERS.WhitespaceSplit, model: UNTYPED },
  Unigram: {
    pre_tokenizer: metaspace("always", true),
    model: { type: "Unigram", unk_id: 0, vocab: SCORES },
  },
  "Unigram without a type": { model: { unk_id: 0, vocab: [...SCORES, ["the", -0.5]] } },
  "Unigram, bytes": {
    pre_tokenizer: metaspace("first", false),
    model: {
      type: "Unigram",
      unk_id: 0,
      byte_fallback: true,
      vocab: [...SCORES, ...Object.keys(BYTES).map((token) => [token, -9])],
    },
  },
};

const named = <Value>(kind: string, values: Record<string, Value>, make: (value: Value) => Json) =>
  Object.entries(values).map(([name, value]) => [`${kind}: ${name}`, make(value)] as const);
const word = PRE_TOKENIZERS.Whitespace;

/** The files by name. */
export const TOKENIZER_PARTS: Readonly<Record<string, Json>> = Object.fromEntries([
  ...named("normalizer", NORMALIZERS, (normalizer) => probe({ normalizer })),
  ...named("pre-tokenizer", PRE_TOKENIZERS, (pre_tokenizer) => probe({ pre_tokenizer })),
  ...named("combination", COMBINATIONS, probe),
  ...named(
    "added tokens",
    { none: null, ...NORMALIZERS },
    (normalizer) => probe({ normalizer, pre_tokenizer: word, added_tokens: ADDED }),
  ),
  ...named(
    "post-processor",
    POST_PROCESSORS,
    (post_processor) => probe({ pre_tokenizer: word, added_tokens: ADDED, post_processor }),
  ),
  ...named("decoder", DECODERS, (decoder) => probe({ added_tokens: ADDED, decoder })),
  ...named("model", MODELS, (parts) => ({ version: "1.0", added_tokens: [], ...parts })),
]);

/**
 * The files for the comparison of offsets: without the prefix, whose bytes the library counts as
 * bytes of the text. Left out are models that drop characters: there the library's later offsets
 * are too small, Folio's are right.
 */
export const OFFSET_PARTS: Record<string, Json> = Object.fromEntries(
  Object.entries(TOKENIZER_PARTS)
    .filter(([name]) => !/^model: BPE(?:, suffix|, most bytes| without)/.test(name))
    .map(([name, file]) => {
      const { continuing_subword_prefix: prefix, ...model } = file.model as Json;
      const isProbe = model.vocab === BYTES;
      return [name, isProbe || prefix === undefined ? { ...file, model } : file];
    }),
);
