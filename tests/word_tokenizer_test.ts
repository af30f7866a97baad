import assert from "node:assert/strict";
import { WordTokenizer } from "../lib/text/word_tokenizer.ts";
import { shakespeare } from "./support/shared_text.ts";

const tokensOf = (tokenizer: WordTokenizer) =>
  Array.from({ length: tokenizer.vocabSize }, (_, id) => tokenizer.token(id));

Deno.test("words are ordered by count, then by code unit", () => {
  const tokenizer = WordTokenizer.fromText("b a c\tb\n\nc  b é Z");
  assert.deepEqual(tokensOf(tokenizer), ["b", "c", "Z", "a", "é"]);
  assert.deepEqual([...tokenizer.encode(" c b\nZ ")], [1, 0, 2]);
  assert.equal(tokenizer.decode([1, 0, 2]), "c b Z");
});

Deno.test("white space is Unicode's: U+0085 and U+3000 part words, U+FEFF does not", () => {
  assert.deepEqual(tokensOf(WordTokenizer.fromText("a\u0085b\u3000c\uFEFFd")), [
    "a",
    "b",
    "c\uFEFFd",
  ]);
});

Deno.test("an unknown word is an error that names the nearest one", () => {
  const tokenizer = WordTokenizer.fromText("to be or not");
  assert.throws(
    () => tokenizer.encode("to bee"),
    new RangeError('encode: the vocabulary of 4 words has no "bee"; the nearest is "be"'),
  );
});

Deno.test("padding and the unknown word have the first ids", () => {
  const tokenizer = WordTokenizer.fromText("to be to", { padding: "<pad>", unknown: "<unk>" });
  assert.deepEqual(tokensOf(tokenizer), ["<pad>", "<unk>", "to", "be"]);
  assert.equal(tokenizer.paddingId, 0);
  assert.equal(tokenizer.unknownId, 1);
  assert.deepEqual([...tokenizer.encode("be is <pad> to<unk>")], [3, 1, 0, 2, 1]);
  assert.equal(tokenizer.decode([3, 1, 0, 2], { skipSpecialTokens: true }), "be to");
});

Deno.test("a corpus that spells the unknown word itself does not count it twice", () => {
  const tokenizer = WordTokenizer.fromText("a <unk> a <unk> <unk>", { unknown: "<unk>" });
  assert.deepEqual(tokensOf(tokenizer), ["<unk>", "a"]);
});

Deno.test("vocabSize keeps the most frequent words", () => {
  const text = "a a a b b c";
  const tokenizer = WordTokenizer.fromText(text, { unknown: "<unk>", vocabSize: 3 });
  assert.deepEqual(tokensOf(tokenizer), ["<unk>", "a", "b"]);
  assert.equal(tokenizer.decode(tokenizer.encode(text)), "a a a b b <unk>");
  assert.throws(() => WordTokenizer.fromText(text, { vocabSize: 3 }), /needs the option unknown/);
  assert.throws(
    () => WordTokenizer.fromText(text, { unknown: "<unk>", vocabSize: 1 }),
    /vocabSize above 1, got 1/,
  );
});

Deno.test("only texts without white space are words", () => {
  assert.throws(() => new WordTokenizer(["a b"]), /without white space, got "a b"/);
  assert.throws(() => new WordTokenizer(["a", "a"]), /"a" occurs twice/);
  assert.throws(() => WordTokenizer.fromText(" \n "), /holds no word/);
});

Deno.test("streamed words joined are the decoded text", () => {
  const tokenizer = WordTokenizer.fromText("to be or", { padding: "<pad>" });
  const ids = [0, 1, 2, 0, 3];
  for (const options of [{}, { skipSpecialTokens: true }]) {
    const stream = tokenizer.stream(options);
    const streamed = ids.map((id) => stream.push(id)).join("") + stream.end();
    assert.equal(streamed, tokenizer.decode(ids, options));
  }
});

Deno.test({
  name: "Tiny Shakespeare has 25,670 words, in the practical's numbers",
  ignore: shakespeare === undefined,
  fn() {
    const tokenizer = WordTokenizer.fromText(shakespeare!);
    assert.equal(tokenizer.vocabSize, 25670);
    assert.deepEqual(tokensOf(tokenizer).slice(0, 5), ["the", "I", "to", "and", "of"]);
    const counts = new Map<number, number>();
    const ids = tokenizer.encode(shakespeare!);
    for (const id of ids) counts.set(id, (counts.get(id) ?? 0) + 1);
    assert.equal(ids.length, 202651);
    assert.deepEqual([0, 1, 2, 3, 4].map((id) => counts.get(id)), [5437, 4403, 3923, 3678, 3275]);
    assert.equal([...counts.values()].filter((count) => count === 1).length, 14919);
    assert.equal(counts.get(tokenizer.id("Love")!), 10);
    assert.equal(tokenizer.decode(ids), shakespeare!.trim().split(/\s+/).join(" "));
  },
});
