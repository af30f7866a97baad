/** Files that Folio's own tokenizers do not read, and rows of several texts. */
import assert from "node:assert/strict";
import { parseTokenizer } from "../lib/text/parse_tokenizer.ts";
import { PublishedTokenizer } from "../lib/text/published_tokenizer.ts";
import type { Tokenizer } from "../lib/text/tokenizer.ts";
import { golden } from "./support/golden.ts";
import { HOSTILE_TEXTS } from "./support/hostile_texts.ts";

/** A WordPiece file as BERT's, with these tokens at these ids. */
function wordPiece(vocab: Record<string, number>, lowercase: boolean) {
  const special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];
  const around = (token: string) => ({ SpecialToken: { id: token, type_id: 0 } });
  return {
    added_tokens: special.filter((content) => content in vocab).map((content) => ({
      id: vocab[content],
      content,
      special: true,
    })),
    normalizer: { type: "BertNormalizer", clean_text: true, handle_chinese_chars: true, lowercase },
    pre_tokenizer: { type: "BertPreTokenizer" },
    post_processor: {
      type: "TemplateProcessing",
      single: [around("[CLS]"), { Sequence: { id: "A", type_id: 0 } }, around("[SEP]")],
      pair: [],
      special_tokens: {
        "[CLS]": { id: "[CLS]", ids: [vocab["[CLS]"]], tokens: ["[CLS]"] },
        "[SEP]": { id: "[SEP]", ids: [vocab["[SEP]"]], tokens: ["[SEP]"] },
      },
    },
    decoder: { type: "WordPiece", prefix: "##", cleanup: true },
    model: {
      type: "WordPiece",
      unk_token: "[UNK]",
      continuing_subword_prefix: "##",
      max_input_chars_per_word: 100,
      vocab,
    },
  };
}

const SPECIAL = { "[PAD]": 0, "[UNK]": 100, "[CLS]": 101, "[SEP]": 102, "[MASK]": 103 };
// The tokens of the sentences below, with their ids in bert-base-uncased.
const WORDS = {
  "'": 1005,
  ".": 1012,
  "!": 999,
  a: 1037,
  i: 1045,
  have: 2031,
  for: 2005,
  my: 2026,
  been: 2042,
  so: 2061,
  life: 2166,
  ve: 2310,
  whole: 2878,
  course: 2607,
  waiting: 3403,
  "##face": 12172,
  hugging: 17662,
};
const CONFIG = { pad_token: "[PAD]", model_max_length: 512 };
const FIRST = "I've been waiting for a HuggingFace course my whole life.";
const SECOND = "So have I!";
const FIRST_IDS = [
  ...[101, 1045, 1005, 2310, 2042, 3403, 2005, 1037, 17662, 12172, 2607, 2026, 2878, 2166, 1012],
  102,
];

async function uncased(): Promise<Tokenizer> {
  const json = JSON.stringify(wordPiece({ ...SPECIAL, ...WORDS }, true));
  return await parseTokenizer(json, { config: CONFIG });
}

/** The practical's calls on an uncased tokenizer. */
function checkUncased(tokenizer: Tokenizer): void {
  const rows = (batch: { ids: Uint32Array[] }) => batch.ids.map((row) => [...row]);
  assert.deepEqual([...tokenizer.encode(FIRST, { addSpecialTokens: true })], FIRST_IDS);
  assert.deepEqual([...tokenizer.encode(FIRST)], FIRST_IDS.slice(1, -1));
  const tokens = tokenizer.tokenize(FIRST);
  assert.deepEqual(tokens.slice(0, 3), ["i", "'", "ve"]);
  assert.deepEqual(tokens.slice(7, 9), ["hugging", "##face"]);
  assert.deepEqual([...tokenizer.idsOf(tokens)], FIRST_IDS.slice(1, -1));
  const text = "i've been waiting for a huggingface course my whole life.";
  const apart = "i ' ve been waiting for a huggingface course my whole life.";
  assert.equal(tokenizer.decode(FIRST_IDS), `[CLS] ${apart} [SEP]`);
  assert.equal(tokenizer.decode(FIRST_IDS, { cleanUp: true }), `[CLS] ${text} [SEP]`);
  const plain = { skipSpecialTokens: true, cleanUp: true };
  assert.equal(tokenizer.decode(FIRST_IDS, plain), text);
  const second = [101, 2061, 2031, 1045, 999, 102];
  assert.deepEqual(rows(tokenizer.encodeBatch([FIRST, SECOND])), [FIRST_IDS, second]);
  const padded = tokenizer.encodeBatch([FIRST, SECOND], { padding: "longest" });
  const zeros = Array.from({ length: 10 }, () => 0);
  assert.deepEqual(rows(padded), [FIRST_IDS, [...second, ...zeros]]);
  assert.deepEqual([...padded.attentionMask[1]], [1, 1, 1, 1, 1, 1, ...zeros]);
  const cut = { padding: "max_length", truncation: true, maxLength: 8 } as const;
  assert.deepEqual(rows(tokenizer.encodeBatch([FIRST, SECOND], cut)), [
    [101, 1045, 1005, 2310, 2042, 3403, 2005, 102],
    [...second, 0, 0],
  ]);
  const left = tokenizer.encodeBatch([SECOND], { ...cut, paddingSide: "left" });
  assert.deepEqual(rows(left), [[0, 0, ...second]]);
  assert.deepEqual([...left.attentionMask[0]], [0, 0, 1, 1, 1, 1, 1, 1]);
}

Deno.test("uncased WordPiece: the practical's calls", async () => {
  const tokenizer = await uncased();
  assert.equal(tokenizer.kind, "published");
  assert.deepEqual([tokenizer.paddingId, tokenizer.maximumLength], [0, 512]);
  checkUncased(tokenizer);
});

Deno.test({
  name: "bert-base-uncased: the practical's calls and the ids of a long text",
  ignore: golden === undefined,
  fn: async () => {
    const folder = `${golden}/tokenizers/bert-base-uncased`;
    const json = Deno.readTextFileSync(`${folder}/tokenizer.json`);
    const config = Deno.readTextFileSync(`${folder}/tokenizer_config.json`);
    const tokenizer = await parseTokenizer(json, { config });
    assert.equal(tokenizer.vocabSize, 30522);
    checkUncased(tokenizer);
    const long = JSON.parse(
      Deno.readTextFileSync(`${golden}/tokenizers/bert_uncased_encoded.json`),
    );
    const ids = [...tokenizer.encode(long.text, { addSpecialTokens: true })];
    assert.deepEqual(ids, long.token_ids);
    assert.equal(tokenizer.decode(ids, { cleanUp: true }), long.decoded_text);
    for (const text of Object.values(HOSTILE_TEXTS)) tokenizer.decode(tokenizer.encode(text));
    assert.equal(tokenizer.encode("x".repeat(1_000_000)).length, 1);
  },
});

Deno.test("cased WordPiece: the practical's call, from ids with gaps", async () => {
  const words = { The: 1109, is: 1110, so: 1177, much: 1277, fun: 4106, practical: 6691 };
  const tokenizer = await parseTokenizer(wordPiece({ ...SPECIAL, ...words }, false));
  const ids = [101, 1109, 6691, 1110, 1177, 1277, 4106, 102];
  const text = "The practical is so much fun";
  assert.deepEqual([...tokenizer.encode(text, { addSpecialTokens: true })], ids);
  assert.equal(tokenizer.decode(ids), `[CLS] ${text} [SEP]`);
  assert.deepEqual([...tokenizer.encode("the")], [100]); // another case is another word
});

Deno.test("a stream's pieces joined are the text", async () => {
  const tokenizer = await uncased();
  for (const ids of [FIRST_IDS.slice(1, -1), [2061, 2031, 1045]]) {
    for (const cleanUp of [false, true]) {
      const stream = tokenizer.stream({ cleanUp });
      const pieces = ids.map((id) => stream.push(id));
      assert.ok(pieces.filter((piece) => piece !== "").length > ids.length / 2);
      assert.equal(pieces.join("") + stream.end(), tokenizer.decode(ids, { cleanUp }));
    }
  }
});

Deno.test("byte pairs with a custom pattern and byte fallback", async () => {
  const json = JSON.stringify({
    added_tokens: [{ id: 6, content: "<end>", special: true }],
    normalizer: null,
    pre_tokenizer: {
      type: "Sequence",
      pretokenizers: [
        { type: "Split", pattern: { Regex: "\\p{L}+|\\s" }, behavior: "Isolated", invert: false },
        { type: "ByteLevel", add_prefix_space: false, use_regex: false },
      ],
    },
    post_processor: null,
    decoder: { type: "ByteLevel" },
    model: {
      type: "BPE",
      vocab: { a: 0, b: 1, "Ġ": 2, "Ã": 3, "©": 4, "ab": 5 },
      merges: [["a", "b"]],
      ignore_merges: false,
    },
  });
  const tokenizer = await parseTokenizer(json, { config: { eos_token: "<end>" } });
  assert.deepEqual([...tokenizer.encode("ab aé<end>")], [5, 2, 0, 3, 4, 6]);
  assert.equal(tokenizer.decode([5, 2, 0, 3, 4, 6]), "ab aé<end>");
  assert.equal(tokenizer.endId, 6);
  const stream = tokenizer.stream();
  assert.deepEqual([5, 0, 3, 4].map((id) => stream.push(id)), ["ab", "a", "", "é"]);
  assert.deepEqual([...tokenizer.encode("aca")], [0, 0]); // without an unknown token it is left out
  assert.throws(() => tokenizer.token(7), RangeError);
  assert.deepEqual([...tokenizer.files().keys()], ["tokenizer.json", "tokenizer_config.json"]);
});

Deno.test("Folio's own tokenizers read what they can, and what nothing reads is refused", async () => {
  const byteLevel = { type: "ByteLevel", add_prefix_space: false };
  const file = (merges: unknown) =>
    JSON.stringify({
      pre_tokenizer: byteLevel,
      decoder: byteLevel,
      model: { type: "BPE", vocab: { a: 0, b: 1, ab: 2 }, merges },
    });
  assert.equal((await parseTokenizer(file(["a b"]))).kind, "byte-pair");
  assert.equal((await parseTokenizer(file(["a b", "a b"]))).kind, "published");
  await assert.rejects(parseTokenizer(file(["a b c"])), /model\.merges\[0\]: expected a pair/);
  await assert.rejects(parseTokenizer("{"), /not JSON/);
  await assert.rejects(parseTokenizer("null"), SyntaxError);
  const config = "[";
  await assert.rejects(
    parseTokenizer(wordPiece(SPECIAL, true), { config }),
    /tokenizer_config\.json: not JSON/,
  );
});

const deep = (depth: number): unknown =>
  depth === 0 ? null : { type: "Sequence", normalizers: [deep(depth - 1)] };
const longer = { type: "Replace", pattern: { String: "a" }, content: "aaaa" };

/** [what is wrong, the change of a sound file, what the message says] */
const broken: [string, Record<string, unknown>, RegExp][] = [
  ["no model", { model: undefined }, /model: expected an object/],
  ["an unknown model", { model: { type: "Word2Vec" } }, /model\.type/],
  [
    "an id twice",
    { model: { type: "WordPiece", unk_token: "a", vocab: { a: 0, b: 0 } } },
    /each id once/,
  ],
  [
    "a huge id",
    { model: { type: "WordPiece", unk_token: "a", vocab: { a: 1e9 } } },
    /integer from 0/,
  ],
  ["a negative added id", { added_tokens: [{ id: -1, content: "x" }] }, /added_tokens\[0\]\.id/],
  ["no unknown token", { model: { type: "WordPiece", vocab: { a: 0 } } }, /unk_token/],
  ["words of any length", {
    model: { type: "WordPiece", unk_token: "a", vocab: { a: 0 }, max_input_chars_per_word: 1e9 },
  }, /0 to 1000/],
  ["a pattern that looks at captures", {
    pre_tokenizer: {
      type: "Split",
      pattern: { Regex: "(a)\\1" },
      behavior: "Isolated",
      invert: false,
    },
  }, /pre_tokenizer\.pattern: pattern "\(a\)\\\\1": expected an escape that is supported/],
  ["an empty repetition", {
    normalizer: { type: "Replace", pattern: { Regex: "(?:a*|b)*" }, content: "" },
  }, /no repetition of what can match nothing/],
  ["parts in parts", { normalizer: deep(30) }, /at most 8 deep/],
  [
    "many parts",
    { normalizer: { type: "Sequence", normalizers: Array(100).fill(null) } },
    /at most 64/,
  ],
  ["a text that explodes", {
    normalizer: { type: "Sequence", normalizers: Array(40).fill(longer) },
  }, /at most 1024 times/],
  ["a long word for each space", {
    pre_tokenizer: { type: "Metaspace", replacement: "x".repeat(5000) },
  }, /at most 128 characters/],
  ["pieces of length 0", { pre_tokenizer: { type: "FixedLength", length: 0 } }, /from 1/],
  ["a merge of three", {
    model: { type: "BPE", vocab: { a: 0 }, merges: ["a b c"] },
    pre_tokenizer: null,
  }, /a pair of tokens/],
  [
    "a score that is none",
    { model: { type: "Unigram", unk_id: 0, vocab: [["a", null]] } },
    /its score/,
  ],
  [
    "an unknown piece that is none",
    { model: { type: "Unigram", unk_id: 3, vocab: [["a", 0]] } },
    /unk_id/,
  ],
];

for (const [name, change, expected] of broken) {
  Deno.test(`malformed published file: ${name}`, () => {
    assert.throws(
      () => new PublishedTokenizer({ ...wordPiece({ ...SPECIAL }, true), ...change }),
      (error) => {
        assert.ok(error instanceof SyntaxError);
        assert.match(error.message, expected);
        return true;
      },
    );
  });
}

Deno.test("rows refuse what they cannot be", async () => {
  const tokenizer = await uncased();
  const refuses = (options: Parameters<Tokenizer["encodeBatch"]>[1], message: RegExp) =>
    assert.throws(() => tokenizer.encodeBatch(["so"], options), message);
  refuses({ truncation: true, maxLength: 0 }, /needs maxLength/);
  refuses({ truncation: true, maxLength: 1 }, /does not hold the 2 special tokens/);
  const words = await parseTokenizer({
    pre_tokenizer: { type: "WhitespaceSplit" },
    model: { type: "WordLevel", vocab: { a: 0 }, unk_token: "" },
  });
  assert.throws(() => words.encodeBatch(["a"], { padding: "max_length" }), /needs maxLength/);
  assert.throws(() => words.encodeBatch(["a", "a a"], { padding: true }), /no padding token/);
  assert.deepEqual(words.encodeBatch([]).ids, []);
});
