/**
 * The tokenizer of small classifiers that are trained from scratch: lower-case words and signs, and
 * one token for the class.
 *
 * word_tokenizer.ts splits at white space only, and gives its words back as they were.
 *
 * @module
 */
import { checkOptions } from "../options.ts";
import type { Tokenizer } from "./tokenizer.ts";
import { addedTokenJson } from "./tokenizer_file.ts";

/** Options of `lowerCaseWords`. */
export interface LowerCaseWordsOptions {
  /**
   * Where `<cls>`, the token whose vector is classified, is put; the last one is the end token of a
   * language model, too. Default: `"first"`.
   */
  readonly classToken?: "first" | "last";
  /** How often a word must occur to have an id of its own; others are `<unk>`. Default: 2. */
  readonly minimumCount?: number;
}

/** Words with an inner apostrophe, numbers, and single signs. */
const TOKEN = "[\\p{L}\\p{M}]+(?:'[\\p{L}\\p{M}]+)?|\\p{N}+|[^\\s\\p{L}\\p{M}\\p{N}]";

/** The special tokens; the index is the id. */
const SPECIAL = ["<pad>", "<unk>", "<cls>"];

/**
 * A tokenizer whose ids are `<pad>`, `<unk>`, `<cls>` and then the words of `texts` in the order of
 * their code units: a text is lower-cased and cut into words, numbers and signs, and `<cls>` is put
 * before or behind it. Its `tokenizer.json` is one that transformers opens.
 *
 * ```ts
 * const tokenizer = await lowerCaseWords(["You won! You won a prize.", "A prize?"]);
 * console.log(tokenizer.tokensOf(tokenizer.encodeBatch(["You won money"]).ids[0]));
 * // [ "<cls>", "you", "won", "<unk>" ]
 * ```
 *
 * @throws {RangeError} if no word occurs often enough
 * @throws {TypeError} if an option is unknown
 */
export async function lowerCaseWords(
  texts: Iterable<string>,
  options: LowerCaseWordsOptions = {},
): Promise<Tokenizer> {
  checkOptions("lowerCaseWords", options, { classToken: true, minimumCount: true });
  const { classToken = "first", minimumCount = 2 } = options;
  // Loaded here, because most scripts start without it.
  const [{ PublishedTokenizer }, { lowercase }] = await Promise.all([
    import("./published_tokenizer.ts"),
    import("./pipeline/unicode_normalization.ts"),
  ]);
  const words = [...countsOf(texts, lowercase)].filter(([, count]) => count >= minimumCount)
    .map(([word]) => word).sort();
  if (words.length === 0) {
    throw new RangeError(
      `lowerCaseWords: expected texts with a word that occurs ${minimumCount} times, got none`,
    );
  }
  return new PublishedTokenizer(fileOf(words, classToken), {
    tokenizer_class: "PreTrainedTokenizerFast",
    pad_token: "<pad>",
    unk_token: "<unk>",
    cls_token: "<cls>",
    // A language model that is to classify learns to end its texts with it.
    ...classToken === "last" ? { eos_token: "<cls>" } : {},
  });
}

function countsOf(
  texts: Iterable<string>,
  lowercase: (text: string) => string,
): Map<string, number> {
  const pattern = new RegExp(TOKEN, "gu");
  const counts = new Map<string, number>();
  for (const text of texts) {
    for (const [word] of lowercase(text).matchAll(pattern)) {
      counts.set(word, (counts.get(word) ?? 0) + 1);
    }
  }
  return counts;
}

/** The content of a `tokenizer.json`. */
function fileOf(words: readonly string[], classToken: "first" | "last") {
  const vocabulary = [...SPECIAL, ...words];
  const mark = { SpecialToken: { id: "<cls>", type_id: 0 } };
  const around = (...texts: string[]) => {
    const sequences = texts.map((id) => ({ Sequence: { id, type_id: 0 } }));
    return classToken === "first" ? [mark, ...sequences] : [...sequences, mark];
  };
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: SPECIAL.map((content, id) => addedTokenJson({ id, content, special: true })),
    normalizer: { type: "Lowercase" },
    pre_tokenizer: { type: "Split", pattern: { Regex: TOKEN }, behavior: "Removed", invert: true },
    post_processor: {
      type: "TemplateProcessing",
      single: around("A"),
      pair: around("A", "B"),
      special_tokens: { "<cls>": { id: "<cls>", ids: [2], tokens: ["<cls>"] } },
    },
    decoder: null,
    model: {
      type: "WordLevel",
      vocab: Object.fromEntries(vocabulary.map((word, id) => [word, id])),
      unk_token: "<unk>",
    },
  };
}
