import assert from "node:assert/strict";
import { CharacterTokenizer } from "../lib/text/character_tokenizer.ts";
import { parseOwnTokenizer } from "../lib/text/own_tokenizer.ts";
import { trainBytePair } from "../lib/text/byte_pair_training.ts";
import type { Tokenizer } from "../lib/text/tokenizer.ts";
import { WordTokenizer } from "../lib/text/word_tokenizer.ts";

const TEXT = "It's 1 text: naïve 🙂\n\nof  words, it's\0 text\u2028!";

const tokenizers: Record<string, Tokenizer> = {
  "characters": CharacterTokenizer.fromText(TEXT),
  "characters with padding": CharacterTokenizer.fromText(TEXT, { padding: "<pad>" }),
  "ASCII characters": CharacterTokenizer.ascii(),
  "words": WordTokenizer.fromText(TEXT),
  "words that spell <unk>": WordTokenizer.fromText("a <unk> b"),
  "words with padding and unknown": WordTokenizer.fromText(TEXT, {
    padding: "<pad>",
    unknown: "<unk>",
  }),
  "byte pairs": trainBytePair(TEXT, { vocabSize: 270, specialTokens: ["<|endoftext|>"] }),
};

for (const [name, tokenizer] of Object.entries(tokenizers)) {
  Deno.test(`${name}: what is loaded is what was saved`, () => {
    const loaded = reparsed(tokenizer);
    assert.equal(loaded.kind, tokenizer.kind);
    assert.equal(loaded.vocabSize, tokenizer.vocabSize);
    assert.equal(loaded.paddingId, tokenizer.paddingId);
    assert.deepEqual(loaded.specialTokens, tokenizer.specialTokens);
    assert.deepEqual(loaded.toJSON(), tokenizer.toJSON());
    for (const text of [TEXT, "it's <pad> <unk> <|endoftext|>", "unseen: Ω"]) {
      assert.deepEqual(outcome(loaded, text), outcome(tokenizer, text), text);
    }
  });
}

/** A tokenizer written as JSON and read back. */
function reparsed(tokenizer: Tokenizer): Tokenizer {
  return parseOwnTokenizer(JSON.parse(JSON.stringify(tokenizer)));
}

/** Ids, or the error's message. */
function outcome(tokenizer: Tokenizer, text: string): number[] | string {
  try {
    return [...tokenizer.encode(text)];
  } catch (error) {
    return (error as Error).message;
  }
}

Deno.test("a word tokenizer without an unknown token stays without one", () => {
  const loaded = reparsed(tokenizers["words that spell <unk>"]);
  assert.throws(() => loaded.encode("c"), RangeError);
});

Deno.test("tokens that are names of object members are tokens like others", () => {
  const words = WordTokenizer.fromText("__proto__ constructor toString 10 2 1");
  const loaded = reparsed(words);
  assert.deepEqual(loaded.toJSON(), words.toJSON());
  assert.deepEqual([...loaded.encode("toString __proto__ 1")], [
    ...words.encode("toString __proto__ 1"),
  ]);
});

Deno.test("merges as pairs, an older file without model.type, and missing parts are read", () => {
  const loaded = parseOwnTokenizer({
    pre_tokenizer: { type: "ByteLevel" },
    decoder: { type: "ByteLevel" },
    model: { vocab: { a: 0, b: 1, ab: 2 }, merges: [["a", "b"]] },
  });
  assert.equal(loaded.kind, "byte-pair");
  assert.deepEqual([...loaded.encode("abb")], [2, 1]);
});

/** A sound file of each model, to be broken. */
const sound: Record<string, () => Record<string, unknown>> = {
  words: () => ({
    added_tokens: [{ id: 0, content: "<unk>", special: true }],
    padding: null,
    pre_tokenizer: { type: "WhitespaceSplit" },
    model: { type: "WordLevel", vocab: { "<unk>": 0, a: 1, b: 2 }, unk_token: "<unk>" },
  }),
  characters: () => ({
    pre_tokenizer: { type: "Split", pattern: { Regex: "[\\s\\S]" }, behavior: "Isolated" },
    decoder: { type: "Fuse" },
    model: { type: "WordLevel", vocab: { a: 0, b: 1 }, unk_token: "" },
  }),
  bytePairs: () => ({
    pre_tokenizer: { type: "ByteLevel" },
    decoder: { type: "ByteLevel" },
    model: { type: "BPE", vocab: { a: 0, b: 1, ab: 2 }, merges: ["a b"] },
  }),
};

const deep = JSON.parse("[".repeat(100_000) + "]".repeat(100_000));

/** [what is wrong, the sound file, the change that breaks it, what the message says] */
const broken: [string, string, Record<string, unknown>, RegExp][] = [
  ["no model", "words", { model: null }, /model: expected an object, got null/],
  ["unknown model", "words", { model: { type: "Unigram", vocab: { a: 0 } } }, /"Unigram"/],
  ["vocab is a list", "words", { model: { type: "WordLevel", vocab: ["a"] } }, /an array of 1/],
  ["empty vocab", "characters", { model: { type: "WordLevel", vocab: {} } }, /expected tokens/],
  ["ids with a hole", "words", words({ "<unk>": 0, a: 1, b: 3 }), /0 to 2, as there are 3, got 3/],
  ["id used twice", "words", words({ "<unk>": 0, a: 1, b: 1 }), /"b": expected an id used once/],
  ["fractional id", "words", words({ "<unk>": 0, a: 1, b: 1.5 }), /"b".*got 1\.5/],
  ["id as text", "words", words({ "<unk>": 0, a: 1, b: "2" }), /"b".*got "2"/],
  ["negative id", "words", words({ "<unk>": 0, a: 1, b: -1 }), /"b".*got -1/],
  ["huge id", "words", words({ "<unk>": 0, a: 1, b: 1e15 }), /"b".*got 1000000000000000/],
  ["word with a space", "words", words({ "<unk>": 0, "a b": 1 }), /white space, got "a b"/],
  ["empty word", "words", words({ "<unk>": 0, "": 1 }), /without white space, got ""/],
  ["two characters", "characters", { model: { type: "WordLevel", vocab: { ab: 0 } } }, /"ab"/],
  ["normalizer", "words", { normalizer: { type: "NFC" } }, /normalizer.*got an object "NFC"/],
  ["endless nesting", "words", { normalizer: deep }, /normalizer.*got an array of 1/],
  ["no splitter", "words", { pre_tokenizer: null }, /pre_tokenizer: expected an object/],
  ["other splitter", "words", { pre_tokenizer: { type: "Whitespace" } }, /object "Whitespace"/],
  ["own pattern", "characters", {
    pre_tokenizer: { type: "Split", pattern: { Regex: "(a+)+$" }, behavior: "Isolated" },
  }, /got an object "Split"/],
  ["added tokens no list", "words", { added_tokens: { id: 0 } }, /added_tokens: expected an array/],
  ["added token twice", "words", {
    added_tokens: [{ id: 0, content: "<unk>" }, { id: 0, content: "<unk>" }],
  }, /added_tokens\[1\].content: expected a text that is not empty, each once/],
  [
    "added token empty",
    "words",
    { added_tokens: [{ id: 3, content: "" }] },
    /text that is not empty/,
  ],
  ["added token elsewhere", "words", { added_tokens: [{ id: 2, content: "a" }] }, /vocab id 1/],
  ["added token strips", "words", {
    added_tokens: [{ id: 0, content: "<unk>", lstrip: true }],
  }, /no single_word, lstrip or rstrip \(not supported\)/],
  ["unknown token not added", "words", { added_tokens: [] }, /expected "<unk>" among them/],
  ["a WordPiece model", "words", {
    model: { continuing_subword_prefix: "##", vocab: { a: 0 }, unk_token: "a" },
  }, /model\.type.*"WordPiece"/],
  ["other added token", "words", { added_tokens: [{ id: 3, content: "<x>" }] }, /only the padding/],
  ["padding elsewhere", "words", { padding: { pad_id: 2, pad_token: "a" } }, /its id as pad_id/],
  ["no merges", "bytePairs", bytePairs(null), /merges: expected an array/],
  ["merge of three", "bytePairs", bytePairs(["a b ab"]), /merges\[0\]: expected a pair/],
  ["merge of numbers", "bytePairs", bytePairs([[0, 1]]), /merges\[0\]: expected a pair/],
  ["merge twice", "bytePairs", bytePairs(["a b", ["a", "b"]]), /merges\[1\].*each pair once/],
  ["merge of no token", "bytePairs", bytePairs(["b c"]), /"c" is no token/],
  ["merge to no token", "bytePairs", bytePairs(["b a"]), /"ba" is no token/],
  ["not bytes", "bytePairs", { model: { vocab: { "中": 0 }, merges: [] } }, /alphabet of bytes/],
  ["dropout", "bytePairs", {
    model: { type: "BPE", dropout: 0.1, vocab: { a: 0 }, merges: [] },
  }, /model\.dropout: expected none \(not supported\), got 0\.1/],
  ["another decoder", "words", { decoder: { type: "Fuse" } }, /decoder: expected null/],
  ["no decoder of bytes", "bytePairs", { decoder: null }, /decoder: expected ByteLevel, got null/],
  ["no decoder of characters", "characters", { decoder: null }, /decoder: expected Fuse, got null/],
  ["own unknown token", "bytePairs", {
    model: { type: "BPE", unk_token: "a", vocab: { a: 0 }, merges: [] },
  }, /unk_token: expected none, as not all bytes are tokens/],
  ["added token of bytes", "bytePairs", {
    added_tokens: [{ id: 3, content: "é", special: true }],
  }, /no token in the alphabet of bytes/],
  ["own splitting", "bytePairs", {
    pre_tokenizer: { type: "ByteLevel", use_regex: false },
  }, /ByteLevel with its own pattern/],
];

function words(vocab: Record<string, unknown>): Record<string, unknown> {
  return { model: { type: "WordLevel", vocab, unk_token: "<unk>" } };
}

function bytePairs(merges: unknown): Record<string, unknown> {
  return { model: { type: "BPE", vocab: { a: 0, b: 1, ab: 2 }, merges } };
}

Deno.test("the sound files load", () => {
  for (const make of Object.values(sound)) parseOwnTokenizer(make());
});

for (const [name, base, change, message] of broken) {
  Deno.test(`malformed file: ${name}`, () => {
    assert.throws(
      () => parseOwnTokenizer({ ...sound[base](), ...change }),
      (error) => {
        assert.ok(error instanceof SyntaxError, String(error));
        assert.match(error.message, /^tokenizer\.json: /);
        assert.match(error.message, message);
        return true;
      },
    );
  });
}

Deno.test("what is no JSON object is refused", () => {
  for (const json of ["", "{", "null", "[]", '"text"', 5, undefined]) {
    assert.throws(() => parseOwnTokenizer(json), /^SyntaxError: tokenizer\.json: /);
  }
});

Deno.test("lists longer than any vocabulary are refused before they are looked at", () => {
  const long = new Array(2 ** 20 + 1);
  assert.throws(
    () => parseOwnTokenizer({ ...sound.words(), added_tokens: long }),
    /added_tokens: expected at most 1048576 tokens, got 1048577/,
  );
  assert.throws(
    () => parseOwnTokenizer({ ...sound.bytePairs(), ...bytePairs(long) }),
    /merges: expected at most 1048576 merges, got 1048577/,
  );
});
