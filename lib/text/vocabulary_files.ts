/**
 * Tokenizers of models that have no `tokenizer.json`: BERT's `vocab.txt`, and GPT-2's `vocab.json`
 * with `merges.txt`. Each becomes the `tokenizer.json` that `transformers` would make of it.
 *
 * @module
 */

type Json = Record<string, unknown>;

/** The files beside a vocabulary, parsed; what is missing is an empty object. */
export interface BesideVocabulary {
  /** `tokenizer_config.json` */
  readonly config: Json;
  /** `special_tokens_map.json` */
  readonly special: Json;
  /** `added_tokens.json`: token → id */
  readonly added: Json;
}

/** Classes of tokenizers that read `vocab.txt` as BERT does. */
const LIKE_BERT = /^(?:Bert|DistilBert|Electra|MobileBert|SqueezeBert|ConvBert|LayoutLM|Lxmert)$/;
/** Classes that read `vocab.json` and `merges.txt` as GPT-2 or RoBERTa do. */
const LIKE_GPT2 = /^(?:GPT2|CodeGen)$/;
const LIKE_ROBERTA = /^(?:Roberta|Bart|Longformer|LED)$/;

/** The class without what all classes end in. */
function classOf(config: Json, usual: string): string {
  const name = config.tokenizer_class ?? usual;
  return typeof name === "string" ? name.replace(/(?:Tokenizer)?(?:Fast)?$/, "") : "";
}

function unsupported(config: Json, file: string, supported: string): SyntaxError {
  return new SyntaxError(
    `tokenizer_config.json: tokenizer_class: expected one that reads ${file} as ${supported} does, ` +
      `got ${JSON.stringify(config.tokenizer_class)}; add a tokenizer.json, which ` +
      "AutoTokenizer.from_pretrained(…).save_pretrained(…) writes",
  );
}

/**
 * The `tokenizer.json` of a `vocab.txt`, one token a line.
 *
 * @throws {SyntaxError} if the configuration names a class that reads it otherwise
 */
export function wordPieceFile(vocabulary: string, beside: BesideVocabulary): Json {
  const { config } = beside;
  if (!LIKE_BERT.test(classOf(config, "Bert"))) throw unsupported(config, "vocab.txt", "BERT");
  const lines = vocabulary.split(/\r\n|\r|\n/);
  if (lines.at(-1) === "") lines.pop();
  const vocab = Object.fromEntries(lines.map((token, id) => [token, id]));
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
    added_tokens: addedTokens(vocab, beside, names),
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
 * The `tokenizer.json` of a `vocab.json` and the `merges.txt` beside it.
 *
 * @throws {SyntaxError} if the configuration names a class that reads them otherwise
 */
export function bytePairFile(vocab: Json, merges: string, beside: BesideVocabulary): Json {
  const { config } = beside;
  const kind = classOf(config, "GPT2");
  const isRoberta = LIKE_ROBERTA.test(kind);
  if (!isRoberta && !LIKE_GPT2.test(kind)) throw unsupported(config, "vocab.json", "GPT-2");
  if (config.add_bos_token === true) {
    throw new SyntaxError("tokenizer_config.json: add_bos_token: expected false (not supported)");
  }
  const end = "<|endoftext|>";
  const usual: Record<string, string> = isRoberta
    ? {
      bos_token: "<s>",
      pad_token: "<pad>",
      eos_token: "</s>",
      unk_token: "<unk>",
      cls_token: "<s>",
      sep_token: "</s>",
      mask_token: "<mask>",
    }
    : { bos_token: end, eos_token: end, unk_token: end };
  const names = specialNames(beside, usual);
  const byteLevel = {
    type: "ByteLevel",
    add_prefix_space: config.add_prefix_space ?? false,
    trim_offsets: true,
    use_regex: true,
  };
  const { cls_token: cls, sep_token: sep } = names;
  return {
    version: "1.0",
    padding: isRoberta ? { pad_token: names.pad_token, pad_id: vocab[names.pad_token] } : null,
    added_tokens: addedTokens(vocab, beside, names),
    normalizer: null,
    pre_tokenizer: byteLevel,
    post_processor: isRoberta
      ? { type: "RobertaProcessing", cls: [cls, vocab[cls]], sep: [sep, vocab[sep]] }
      : { ...byteLevel, trim_offsets: false },
    decoder: byteLevel,
    model: {
      type: "BPE",
      unk_token: null,
      continuing_subword_prefix: "",
      end_of_word_suffix: "",
      fuse_unk: false,
      byte_fallback: false,
      vocab,
      merges: merges.split(/\r?\n/).filter((line) => line !== "" && !line.startsWith("#version")),
    },
  };
}

/** The names of special tokens: of the configuration, the map of them, or the usual ones. */
function specialNames<Names extends Record<string, string>>(
  { config, special }: BesideVocabulary,
  usual: Names,
): Record<keyof Names, string> {
  const names = { ...usual };
  for (const key in usual) {
    const value = config[key] ?? special[key];
    const content = typeof value === "string" ? value : (value as Json | undefined)?.content;
    if (typeof content === "string") names[key] = content as typeof names[typeof key];
  }
  return names;
}

/** Special and other added tokens in the order of their ids. */
function addedTokens(vocab: Json, beside: BesideVocabulary, names: Record<string, string>): Json[] {
  const tokens = new Map<string, Json>();
  const add = (content: string, id: unknown, flags: Json) => {
    if (typeof id !== "number") return; // a special token that the model does not have
    const none = { single_word: false, lstrip: false, rstrip: false, normalized: false };
    tokens.set(content, { ...none, ...tokens.get(content), ...flags, id, content });
  };
  const { added, config } = beside;
  for (const [content, id] of Object.entries(added)) {
    add(content, id, { special: false, normalized: true });
  }
  for (const content of Object.values(names)) {
    add(content, vocab[content] ?? added[content], { special: true, normalized: false });
  }
  if (names.mask_token === "<mask>") {
    add("<mask>", vocab["<mask>"] ?? added["<mask>"], { lstrip: true });
  }
  for (const [id, entry] of Object.entries(config.added_tokens_decoder ?? {})) {
    const { content, ...flags } = entry as Json;
    if (typeof content === "string") add(content, Number(id), flags);
  }
  return [...tokens.values()].sort((a, b) => (a.id as number) - (b.id as number));
}
