/**
 * Tokenizers of models that have no `tokenizer.json`: BERT's `vocab.txt`, and GPT-2's `vocab.json`
 * with `merges.txt`. Each becomes the `tokenizer.json` that `transformers` would make of it. See
 * sentence_piece_files.ts for SentencePiece models.
 *
 * @module
 */

import {
  addedTokens,
  type BesideVocabulary,
  classOf,
  type SpecialNames,
  specialNames,
} from "./beside_vocabulary.ts";

type Json = Record<string, unknown>;

/** Classes of tokenizers that read `vocab.txt` as BERT does. */
const LIKE_BERT = /^(?:Bert|DistilBert|Electra|MobileBert|SqueezeBert|ConvBert|LayoutLM|Lxmert)$/;
/** Classes that read `vocab.json` and `merges.txt` as GPT-2 or RoBERTa do. */
const LIKE_GPT2 = /^(?:GPT2|CodeGen)$/;
const LIKE_CLIP = /^CLIP$/;
const LIKE_ROBERTA = /^(?:Roberta|Bart|Longformer|LED)$/;

const GPT2_TOKENS: SpecialNames = {
  bos_token: "<|endoftext|>",
  eos_token: "<|endoftext|>",
  unk_token: "<|endoftext|>",
};
const CLIP_TOKENS = {
  bos_token: "<|startoftext|>",
  pad_token: "<|endoftext|>",
  eos_token: "<|endoftext|>",
  unk_token: "<|endoftext|>",
};
/** CLIP's words, letters and digits; what is between them is left out. */
const CLIP_PATTERN = "<\\|startoftext\\|>|<\\|endoftext\\|>|'s|'t|'re|'ve|'m|'ll|'d|" +
  "[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+";
const ROBERTA_TOKENS: SpecialNames = {
  bos_token: "<s>",
  pad_token: "<pad>",
  eos_token: "</s>",
  unk_token: "<unk>",
  cls_token: "<s>",
  sep_token: "</s>",
  mask_token: "<mask>",
};

function unsupported(config: Json, file: string, supported: string): SyntaxError {
  return new SyntaxError(
    `tokenizer_config.json: tokenizer_class: expected one that reads ${file} as ${supported} does, ` +
      `got ${JSON.stringify(config.tokenizer_class)}; add a tokenizer.json, which ` +
      "AutoTokenizer.from_pretrained(…).save_pretrained(…) writes",
  );
}

function idIn(vocab: Json): (token: string) => number | undefined {
  return (token) => Object.hasOwn(vocab, token) ? vocab[token] as number : undefined;
}

/**
 * The `tokenizer.json` of the lines of a `vocab.txt`, one token a line.
 *
 * @throws {SyntaxError} if the configuration names a class that reads it otherwise
 */
export function wordPieceFile(lines: readonly string[], beside: BesideVocabulary): Json {
  const { config } = beside;
  if (!LIKE_BERT.test(classOf(config) ?? "Bert")) throw unsupported(config, "vocab.txt", "BERT");
  const tokens = lines.at(-1) === "" ? lines.slice(0, -1) : lines;
  const vocab = Object.fromEntries(tokens.map((token, id) => [token, id]));
  const names = specialNames(beside, {
    pad_token: "[PAD]",
    unk_token: "[UNK]",
    cls_token: "[CLS]",
    sep_token: "[SEP]",
    mask_token: "[MASK]",
  });
  const { cls_token: cls, sep_token: sep } = names;
  return {
    version: "1.0",
    padding: { pad_token: names.pad_token, pad_id: vocab[names.pad_token] },
    added_tokens: addedTokens(beside, names, { idOf: idIn(vocab), size: tokens.length }),
    normalizer: {
      type: "BertNormalizer",
      clean_text: true,
      handle_chinese_chars: config.tokenize_chinese_chars ?? true,
      strip_accents: config.strip_accents ?? null,
      lowercase: config.do_lower_case ?? true,
    },
    pre_tokenizer: { type: "BertPreTokenizer" },
    post_processor: { type: "BertProcessing", cls: [cls, vocab[cls]], sep: [sep, vocab[sep]] },
    decoder: { type: "WordPiece", prefix: "##", cleanup: true },
    model: {
      type: "WordPiece",
      unk_token: names.unk_token,
      continuing_subword_prefix: "##",
      max_input_chars_per_word: 100,
      vocab,
    },
  };
}

/**
 * The `tokenizer.json` of a `vocab.json` and the lines of the `merges.txt` beside it.
 *
 * @throws {SyntaxError} if the configuration names a class that reads them otherwise
 */
export function bytePairFile(
  vocab: Json,
  merges: readonly string[],
  beside: BesideVocabulary,
): Json {
  const { config } = beside;
  const kind = classOf(config) ?? "GPT2";
  if (LIKE_CLIP.test(kind)) return clipFile(vocab, merges, beside);
  const isRoberta = LIKE_ROBERTA.test(kind);
  if (!isRoberta && !LIKE_GPT2.test(kind)) throw unsupported(config, "vocab.json", "GPT-2");
  if (config.add_bos_token === true) {
    throw new SyntaxError("tokenizer_config.json: add_bos_token: expected false (not supported)");
  }
  const names = specialNames(beside, isRoberta ? ROBERTA_TOKENS : GPT2_TOKENS);
  const byteLevel = {
    type: "ByteLevel",
    add_prefix_space: config.add_prefix_space ?? false,
    trim_offsets: true,
    use_regex: true,
  };
  const { cls_token: cls = "", sep_token: sep = "" } = names;
  return {
    version: "1.0",
    padding: isRoberta ? { pad_token: names.pad_token, pad_id: vocab[names.pad_token!] } : null,
    added_tokens: addedTokens(beside, names, {
      idOf: idIn(vocab),
      size: Object.keys(vocab).length,
      mask: { lstrip: isRoberta },
    }),
    normalizer: null,
    pre_tokenizer: byteLevel,
    post_processor: isRoberta
      ? {
        type: "RobertaProcessing",
        cls: [cls, vocab[cls]],
        sep: [sep, vocab[sep]],
        trim_offsets: true,
        add_prefix_space: byteLevel.add_prefix_space,
      }
      : { ...byteLevel, trim_offsets: false },
    decoder: byteLevel,
    model: bytePairModel(vocab, merges, { unk_token: null, end_of_word_suffix: "" }),
  };
}

function bytePairModel(vocab: Json, merges: readonly string[], options: Json): Json {
  return {
    type: "BPE",
    continuing_subword_prefix: "",
    fuse_unk: false,
    byte_fallback: false,
    ...options,
    vocab,
    merges: merges.filter((line) => line !== "" && !line.startsWith("#version")),
  };
}

/** CLIP's file: no case, and the last token of each word has a suffix, which becomes a space. */
function clipFile(vocab: Json, merges: readonly string[], beside: BesideVocabulary): Json {
  const names = specialNames(beside, CLIP_TOKENS);
  const suffix = "</w>";
  const replaced = (pattern: Json) => ({ type: "Replace", pattern, content: " " });
  const tokens = addedTokens(beside, names, {
    idOf: idIn(vocab),
    size: Object.keys(vocab).length,
  });
  const ids = new Map(tokens.map(({ content, id }) => [content, id]));
  const byteLevel = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true };
  return {
    version: "1.0",
    padding: { pad_token: names.pad_token, pad_id: ids.get(names.pad_token) },
    added_tokens: tokens,
    normalizer: {
      type: "Sequence",
      normalizers: [{ type: "NFC" }, replaced({ Regex: "\\s+" }), { type: "Lowercase" }],
    },
    pre_tokenizer: {
      type: "Sequence",
      pretokenizers: [
        { type: "Split", pattern: { Regex: CLIP_PATTERN }, behavior: "Removed", invert: true },
        { ...byteLevel, use_regex: true },
      ],
    },
    post_processor: {
      type: "RobertaProcessing",
      cls: [names.bos_token, ids.get(names.bos_token)],
      sep: [names.eos_token, ids.get(names.eos_token)],
      trim_offsets: false,
      add_prefix_space: false,
    },
    decoder: {
      type: "Sequence",
      decoders: [
        { ...byteLevel, use_regex: true },
        replaced({ String: suffix }),
        { type: "Strip", content: " ", start: 0, stop: 1 },
      ],
    },
    model: bytePairModel(vocab, merges, {
      unk_token: names.unk_token,
      end_of_word_suffix: suffix,
    }),
  };
}
