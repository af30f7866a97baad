/**
 * The tokenizer in a GGUF file's metadata as `tokenizer.json` and `tokenizer_config.json`: byte
 * pairs ("gpt2"), or SentencePiece's with scores ("llama").
 *
 * How a text is split before its byte pairs is known by name only; a name that is not in the table
 * is refused. As in llama.cpp, and unlike in transformers' own reading, SentencePiece's texts have
 * a space put before them and after each special token, and begin with the first token. Source:
 * llama-vocab.cpp of github.com/ggml-org/llama.cpp.
 *
 * @module
 */
import { mergesOf } from "../text/sentence_piece_files.ts";
import { addedTokenJson } from "../text/tokenizer_file.ts";
import type { GgufMetadata } from "./gguf_metadata.ts";

type Json = Record<string, unknown>;
/** Names and contents, which are written as JSON. */
type Files = (readonly [name: string, content: Json])[];

const KEY = "tokenizer.ggml";
/** Kinds of tokens; the numbers are SentencePiece's. */
const NORMAL = 1, UNKNOWN = 2, CONTROL = 3, USER = 4, UNUSED = 5;
const SPACE = "\u2581";

/** The tokenizer's files; none if the file has no tokenizer. */
export function ggufTokenizerFiles(
  metadata: GgufMetadata,
  { isGemma }: { readonly isGemma: boolean },
): Files {
  const model = metadata.text(`${KEY}.model`);
  if (model === undefined || model === "none" || model === "no_vocab") return [];
  const vocabulary = readVocabulary(metadata);
  if (model === "gpt2") return bytePairFiles(metadata, vocabulary);
  if (model === "llama") return sentencePieceFiles(metadata, vocabulary, isGemma);
  throw new SyntaxError(
    `GGUF: ${KEY}.model: expected "gpt2" or "llama", got ${
      JSON.stringify(model)
    }; load the model ` +
      "without its tokenizer, or with another one",
  );
}

interface Vocabulary {
  readonly tokens: readonly string[];
  readonly types: readonly number[];
}

function readVocabulary(metadata: GgufMetadata): Vocabulary {
  const tokens = metadata.texts(`${KEY}.tokens`) ?? [];
  const types = metadata.numbers(`${KEY}.token_type`) ?? tokens.map(() => NORMAL);
  if (tokens.length === 0 || types.length !== tokens.length) {
    throw new SyntaxError(
      `GGUF: ${KEY}.token_type: expected as many as tokens, ${tokens.length}, got ${types.length}`,
    );
  }
  return { tokens, types };
}

/** The token of an id in the metadata; undefined if there is none. */
function special(metadata: GgufMetadata, { tokens }: Vocabulary, name: string): string | undefined {
  const key = `${KEY}.${name}_token_id`;
  const id = metadata.wholeNumber(key);
  if (id === undefined || id < tokens.length) return id === undefined ? undefined : tokens[id];
  throw new SyntaxError(`GGUF: ${key}: expected an id below ${tokens.length}, got ${id}`);
}

function configOf(metadata: GgufMetadata, vocabulary: Vocabulary) {
  return {
    tokenizer_class: "PreTrainedTokenizerFast",
    bos_token: special(metadata, vocabulary, "bos"),
    eos_token: special(metadata, vocabulary, "eos"),
    unk_token: special(metadata, vocabulary, "unknown"),
    pad_token: special(metadata, vocabulary, "padding"),
    chat_template: metadata.text("tokenizer.chat_template"),
  };
}

const GPT2_SPLIT = {
  type: "ByteLevel",
  add_prefix_space: false,
  trim_offsets: true,
  use_regex: true,
};
const BYTES = { ...GPT2_SPLIT, use_regex: false };

function splitBy(digits: string): Json {
  const words = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+";
  const rest = " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
  const pattern = { Regex: `${words}|${digits}|${rest}` };
  const split = { type: "Split", pattern, behavior: "Isolated", invert: false };
  return { type: "Sequence", pretokenizers: [split, BYTES] };
}

/** How a text is split before its byte pairs. */
interface Split {
  readonly pre_tokenizer: Json;
  readonly normalizer?: Json;
  /** Whether a whole word that is a token is never merged from others. */
  readonly ignoresMerges?: boolean;
  /** Whether texts begin with the first token unless the file says otherwise. */
  readonly begins?: boolean;
}

const gpt2: Split = { pre_tokenizer: GPT2_SPLIT };
const llama3: Split = { pre_tokenizer: splitBy("\\p{N}{1,3}"), ignoresMerges: true, begins: true };
const qwen2: Split = { pre_tokenizer: splitBy("\\p{N}"), normalizer: { type: "NFC" } };
const smollm: Split = {
  pre_tokenizer: {
    type: "Sequence",
    pretokenizers: [{ type: "Digits", individual_digits: true }, GPT2_SPLIT],
  },
};

/** Splits by `tokenizer.ggml.pre`. */
const SPLITS: Readonly<Record<string, Split>> = {
  "gpt-2": gpt2,
  "phi-2": gpt2,
  "olmo": gpt2,
  "llama-bpe": llama3,
  "llama3": llama3,
  "llama-v3": llama3,
  "qwen2": qwen2,
  "deepseek-r1-qwen": qwen2,
  "smollm": smollm,
};

function splitOf(metadata: GgufMetadata): Split {
  const name = metadata.text(`${KEY}.pre`) ??
    (metadata.architecture === "gpt2" ? "gpt-2" : undefined);
  if (name !== undefined && Object.hasOwn(SPLITS, name)) return SPLITS[name];
  throw new SyntaxError(
    `GGUF: ${KEY}.pre: expected one of ${Object.keys(SPLITS).join(", ")}, got ` +
      `${JSON.stringify(name ?? null)}; load the model without its tokenizer, or with another one`,
  );
}

function bytePairFiles(metadata: GgufMetadata, vocabulary: Vocabulary): Files {
  const { pre_tokenizer, normalizer = null, ignoresMerges = false, begins = false } = splitOf(
    metadata,
  );
  return filesOf(metadata, vocabulary, {
    normalizer,
    pre_tokenizer,
    decoder: BYTES,
    begins,
    model: {
      unk_token: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: ignoresMerges,
      merges: metadata.texts(`${KEY}.merges`) ?? [],
    },
  });
}

function sentencePieceFiles(
  metadata: GgufMetadata,
  vocabulary: Vocabulary,
  isGemma: boolean,
): Files {
  const { tokens, types } = vocabulary;
  const scores = metadata.numbers(`${KEY}.scores`) ?? [];
  if (scores.length !== tokens.length) {
    throw new SyntaxError(
      `GGUF: ${KEY}.scores: expected as many as tokens, ${tokens.length}, got ${scores.length}`,
    );
  }
  const merged = tokens.map((_, id) => id).filter((id) => types[id] === NORMAL)
    .sort((a, b) => scores[b] - scores[a] || a - b);
  const unknown = types.indexOf(UNKNOWN);
  const addsSpace = metadata.boolean(`${KEY}.add_space_prefix`) ?? !isGemma;
  const toMarks = { type: "Replace", pattern: { String: " " }, content: SPACE };
  const toSpaces = { type: "Replace", pattern: { String: SPACE }, content: " " };
  const decoders = [toSpaces, { type: "ByteFallback" }, { type: "Fuse" }];
  const strip = { type: "Strip", content: " ", start: 1, stop: 0 };
  return filesOf(metadata, vocabulary, {
    normalizer: addsSpace
      ? { type: "Sequence", normalizers: [{ type: "Prepend", prepend: SPACE }, toMarks] }
      : toMarks,
    pre_tokenizer: null,
    decoder: { type: "Sequence", decoders: addsSpace ? [...decoders, strip] : decoders },
    begins: true,
    model: {
      unk_token: unknown < 0 ? null : tokens[unknown],
      fuse_unk: true,
      byte_fallback: true,
      ignore_merges: false,
      merges: mergesOf(merged.map((id) => tokens[id])),
    },
  });
}

/** What the kinds of tokenizers differ in. */
interface Parts {
  readonly normalizer: Json | null;
  readonly pre_tokenizer: Json | null;
  readonly decoder: Json;
  readonly model: Json;
  /** Whether a text begins with the first token unless the file says otherwise. */
  readonly begins: boolean;
}

function filesOf(metadata: GgufMetadata, vocabulary: Vocabulary, parts: Parts): Files {
  const { tokens, types } = vocabulary;
  const { begins, model, ...around } = parts;
  // Rows of the table beyond the vocabulary have names that no text has.
  const size = types.findLastIndex((type) => type !== UNUSED) + 1;
  const ids = tokens.slice(0, size).map((token, id) => [token, id] as const);
  const vocab = Object.fromEntries(ids);
  if (Object.keys(vocab).length < size) {
    throw new SyntaxError(`GGUF: ${KEY}.tokens: expected each token once`);
  }
  const added_tokens = ids.filter(([, id]) => types[id] === CONTROL || types[id] === USER)
    .map(([content, id]) => addedTokenJson({ id, content, special: types[id] === CONTROL }));
  const config = configOf(metadata, vocabulary);
  const begin = metadata.boolean(`${KEY}.add_bos_token`) ?? begins ? config.bos_token : undefined;
  const end = metadata.boolean(`${KEY}.add_eos_token`) ? config.eos_token : undefined;
  const file = {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens,
    ...around,
    post_processor: template(vocab, begin, end),
    model: {
      type: "BPE",
      dropout: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      vocab,
      ...model,
    },
  };
  return [["tokenizer.json", file], ["tokenizer_config.json", config]];
}

/** A template that puts tokens before and after a text, or each of two texts. */
function template(
  vocab: Readonly<Record<string, number>>,
  begin: string | undefined,
  end: string | undefined,
): Json {
  const around = (id: string, type_id: number) => [
    ...begin === undefined ? [] : [{ SpecialToken: { id: begin, type_id } }],
    { Sequence: { id, type_id } },
    ...end === undefined ? [] : [{ SpecialToken: { id: end, type_id } }],
  ];
  const names = [begin, end].filter((token) => token !== undefined);
  return {
    type: "TemplateProcessing",
    single: around("A", 0),
    pair: [...around("A", 0), ...around("B", 1)],
    special_tokens: Object.fromEntries(
      names.map((token) => [token, { id: token, ids: [vocab[token]], tokens: [token] }]),
    ),
  };
}
