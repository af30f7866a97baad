import assert from "node:assert/strict";
import { CharacterTokenizer } from "../lib/text/character_tokenizer.ts";

Deno.test("characters are sorted by code point and round-trip", () => {
  const tokenizer = CharacterTokenizer.fromText("cab 🙂é\n");
  assert.deepEqual(
    Array.from({ length: tokenizer.vocabSize }, (_, id) => tokenizer.token(id)),
    ["\n", " ", "a", "b", "c", "é", "🙂"],
  );
  assert.deepEqual([...tokenizer.encode("a🙂b")], [2, 6, 3]);
  assert.equal(tokenizer.decode([2, 6, 3]), "a🙂b");
  assert.equal(tokenizer.id("é"), 5);
  assert.equal(tokenizer.id("z"), undefined);
  assert.equal(tokenizer.paddingId, undefined);
});

Deno.test("unknown characters are named, with what the vocabulary holds", () => {
  const tokenizer = CharacterTokenizer.fromText("abc");
  assert.throws(
    () => tokenizer.encode("a→b🙂→"),
    new RangeError(
      'encode: the vocabulary has no "→" (U+2192) "🙂" (U+1F642); its 3 tokens are "a" "b" "c"',
    ),
  );
  // More than can be listed is counted.
  const cyrillic = Array.from({ length: 30 }, (_, index) => String.fromCharCode(0x430 + index));
  assert.throws(() => tokenizer.encode(cyrillic.join("")), /"й" \(U\+0439\) … \(20 more\); its 3/);
});

Deno.test("a code point beyond the largest known one is unknown too", () => {
  assert.throws(() => CharacterTokenizer.fromText("a").encode("\u{10FFFF}"), /U\+10FFFF/);
});

Deno.test("a lone surrogate reads as U+FFFD", () => {
  const tokenizer = CharacterTokenizer.fromText("a\uD800b");
  assert.equal(tokenizer.decode(tokenizer.encode("\uDC00a")), "\uFFFDa");
});

Deno.test("padding has its own id, and is left out on request", () => {
  const tokenizer = CharacterTokenizer.fromText("ab", { padding: "<pad>" });
  assert.equal(tokenizer.paddingId, 0);
  assert.equal(tokenizer.vocabSize, 3);
  assert.deepEqual([...tokenizer.encode("b<pad>a")], [2, 0, 1]);
  assert.equal(tokenizer.decode([2, 0, 1]), "b<pad>a");
  assert.equal(tokenizer.decode([2, 0, 1], { skipSpecialTokens: true }), "ba");
});

Deno.test("the ASCII tokenizer's ids are the codes, and NUL is padding", () => {
  const tokenizer = CharacterTokenizer.ascii();
  assert.equal(tokenizer.vocabSize, 128);
  assert.deepEqual([...tokenizer.encode("Az\0~")], [65, 122, 0, 126]);
  assert.equal(tokenizer.paddingId, 0);
  assert.throws(() => tokenizer.encode("é"), RangeError);
});

Deno.test("ids out of range are refused", () => {
  const tokenizer = CharacterTokenizer.fromText("ab");
  for (const id of [-1, 0.5, NaN]) {
    assert.throws(() => tokenizer.decode([0, id]), new RegExp(`from 0 to 1, got ${id}`));
  }
  assert.throws(() => tokenizer.token(2), /from 0 to 1, got 2/);
  assert.equal(tokenizer.decode([0, 2, 1]), "ab"); // tables of models may be larger
});

Deno.test("only single, different characters make a vocabulary", () => {
  assert.throws(() => new CharacterTokenizer(["a", "bc"]), /single characters, got "bc"/);
  assert.throws(() => new CharacterTokenizer(["a", ""]), /single characters, got ""/);
  assert.throws(() => new CharacterTokenizer(["\uD800"]), RangeError);
  assert.throws(() => new CharacterTokenizer(["a", "b", "a"]), /"a" occurs twice/);
  assert.throws(() => CharacterTokenizer.fromText(""), RangeError);
});

Deno.test("characters stream one by one", () => {
  const tokenizer = CharacterTokenizer.fromText("ab", { padding: "<pad>" });
  const stream = tokenizer.stream({ skipSpecialTokens: true });
  assert.deepEqual([2, 0, 1].map((id) => stream.push(id)), ["b", "", "a"]);
  assert.equal(stream.end(), "");
});
