import assert from "node:assert/strict";
import { BYTE_TOKENS, bytesToCharacters, charactersToBytes } from "../lib/text/byte_alphabet.ts";
import { BytePairTokenizer } from "../lib/text/byte_pair_tokenizer.ts";
import { trainBytePair } from "../lib/text/byte_pair_training.ts";
import { parseTokenizer } from "../lib/text/parse_tokenizer.ts";
import { HOSTILE_TEXTS } from "./support/hostile_texts.ts";
import { sharedText } from "./support/shared_text.ts";

const gpt2File = sharedText("golden/tokenizers/gpt2/tokenizer.json");
const gpt2Encoded = sharedText("golden/tokenizers/gpt2_encoded_tokens.json");
const practical = sharedText("golden/practical.json");

/** Bytes, and the merges given as "left right". */
function tokenizerOf(...merges: string[]): BytePairTokenizer {
  return new BytePairTokenizer({
    tokens: [...BYTE_TOKENS, ...new Set(merges.map((merge) => merge.replace(" ", "")))],
    merges: merges.map((merge) => merge.split(" ") as [string, string]),
  });
}

const spelled = (tokenizer: BytePairTokenizer, text: string) =>
  Array.from(tokenizer.encode(text), (id) => tokenizer.token(id)).join(" ");

Deno.test("the byte alphabet is GPT-2's", () => {
  assert.equal(BYTE_TOKENS.length, 256);
  assert.equal(new Set(BYTE_TOKENS).size, 256);
  assert.equal(BYTE_TOKENS[0], "!");
  assert.equal(BYTE_TOKENS[255], "\u0143"); // byte 0xAD
  assert.equal(bytesToCharacters([0x20, 0x0A, 0x61, 0x00]), "ĠĊaĀ");
  assert.deepEqual([...charactersToBytes("ĠĊaĀ")!], [0x20, 0x0A, 0x61, 0x00]);
  assert.equal(charactersToBytes("中"), undefined);
});

Deno.test("merges are made in their order, not from left to right", () => {
  assert.equal(spelled(tokenizerOf("b c", "a b"), "abc"), "a bc");
  assert.equal(spelled(tokenizerOf("a b", "b c"), "abc"), "ab c");
  assert.equal(spelled(tokenizerOf("a b", "ab c", "c d"), "abcd"), "abc d");
});

Deno.test("equal merges are made from left to right", () => {
  assert.equal(spelled(tokenizerOf("a a"), "aaaaa"), "aa aa a");
  assert.equal(spelled(tokenizerOf("a a", "aa aa"), "aaaaaa"), "aaaa aa");
});

Deno.test("merges stay within a piece", () => {
  assert.equal(spelled(tokenizerOf("a Ġ", "Ġ b"), "a b"), "a Ġb");
});

Deno.test("every text round-trips; lone surrogates read as U+FFFD", () => {
  const tokenizer = trainBytePair(Object.values(HOSTILE_TEXTS).join("\n"), {
    vocabSize: 400,
    specialTokens: ["<|endoftext|>"],
  });
  for (const [name, text] of Object.entries(HOSTILE_TEXTS)) {
    assert.equal(tokenizer.decode(tokenizer.encode(text)), text, name);
  }
  assert.equal(tokenizer.decode(tokenizer.encode("a\uD83Db\uDE00")), "a\uFFFDb\uFFFD");
});

Deno.test("special tokens are recognized, and left out on request", () => {
  const specialTokens = ["<|end|>", "<|end|>!"];
  const tokenizer = trainBytePair("aa", { vocabSize: 258, specialTokens });
  assert.deepEqual([...tokenizer.specialTokens.keys()], specialTokens);
  const ids = tokenizer.encode("<|end|>a<|end|>!<|end|>");
  const spellings = Array.from(ids, (id) => tokenizer.token(id));
  assert.deepEqual(spellings, ["<|end|>", "a", "<|end|>!", "<|end|>"]);
  assert.equal(tokenizer.decode(ids), "<|end|>a<|end|>!<|end|>");
  assert.equal(tokenizer.decode(ids, { skipSpecialTokens: true }), "a");
});

Deno.test("a character streams with its last byte", () => {
  const tokenizer = tokenizerOf();
  const stream = tokenizer.stream();
  const pieces = Array.from(tokenizer.encode("é🙂a"), (id) => stream.push(id));
  assert.deepEqual(pieces, ["", "é", "", "", "", "🙂", "a"]);
  stream.push(tokenizer.id("ð")!); // the first of four bytes
  assert.equal(stream.end(), "\uFFFD");
});

Deno.test("a prefix space is added if the text has none", () => {
  const tokens = [...BYTE_TOKENS, "Ġa"];
  const tokenizer = new BytePairTokenizer({ tokens, merges: [["Ġ", "a"]], addPrefixSpace: true });
  assert.equal(spelled(tokenizer, "a a"), "Ġa Ġa");
  assert.equal(spelled(tokenizer, " a"), "Ġa");
});

Deno.test("a byte without a token is an error that names it", () => {
  const tokenizer = new BytePairTokenizer({ tokens: ["a", "b"], merges: [] });
  assert.deepEqual([...tokenizer.encode("ab")], [0, 1]);
  assert.throws(() => tokenizer.encode("abé"), /2 tokens has no token for byte 0xC3 in "abé"/);
});

Deno.test("malformed models are refused", () => {
  const tokens = ["a", "b", "ab"];
  const make = (model: Partial<ConstructorParameters<typeof BytePairTokenizer>[0]>) => () =>
    new BytePairTokenizer({ tokens, merges: [], ...model });
  assert.throws(make({ merges: [["a", "c"]] }), /"c" is no token/);
  assert.throws(make({ merges: [["b", "a"]] }), /"ba" is no token/);
  assert.throws(make({ tokens: ["a", "中"] }), /"中" is not in GPT-2's alphabet/);
  assert.throws(make({ tokens: ["a", "a"] }), /occurs twice/);
  assert.throws(make({ padding: "<pad>" }), /"<pad>" is no token/);
  const added = { content: "<x>", id: 3, special: true };
  assert.throws(make({ addedTokens: [added] }), /added token <x> is not token 3/);
});

Deno.test("a megabyte without a space is encoded as its parts are", () => {
  const tokenizer = trainBytePair("abcab abcab cab", { vocabSize: 262 });
  const unit = spelled(tokenizer, "abcab".repeat(20)).split(" ");
  const long = tokenizer.encode("abcab".repeat(200_000));
  assert.equal(long.length, 10_000 * unit.length);
  assert.equal(tokenizer.decode(long), "abcab".repeat(200_000));
});

Deno.test({
  name: "GPT-2's tokenizer gives the reference ids of a long text",
  ignore: gpt2File === undefined || gpt2Encoded === undefined,
  async fn() {
    const tokenizer = await parseTokenizer(gpt2File!);
    const { text, decoded_text, bpe_tokens, token_ids } = JSON.parse(gpt2Encoded!);
    const ids = tokenizer.encode(text);
    assert.deepEqual([...ids], token_ids);
    assert.deepEqual(Array.from(ids, (id) => tokenizer.token(id)), bpe_tokens);
    assert.equal(tokenizer.decode(ids), decoded_text);
    assert.equal(tokenizer.vocabSize, 50257);
    assert.equal(tokenizer.specialTokens.get("<|endoftext|>"), 50256);
    for (const [name, hostile] of Object.entries(HOSTILE_TEXTS)) {
      assert.equal(tokenizer.decode(tokenizer.encode(hostile)), hostile, name);
    }
  },
});

Deno.test({
  name: "GPT-2's tokenizer gives the practical's ids",
  ignore: gpt2File === undefined || practical === undefined,
  async fn() {
    const tokenizer = await parseTokenizer(gpt2File!);
    const { cases } = JSON.parse(practical!).tokenizers.gpt2_bpe;
    for (const [text, ids] of Object.entries(cases)) {
      assert.deepEqual([...tokenizer.encode(text)], ids, text);
    }
  },
});
