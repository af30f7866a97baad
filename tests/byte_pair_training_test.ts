import assert from "node:assert/strict";
import { splitForBytePairs } from "../lib/text/byte_pair_split.ts";
import { trainBytePair } from "../lib/text/byte_pair_training.ts";
import { sharedText } from "./support/shared_text.ts";

const corpus = sharedText("golden/bpe-training/corpus.en");
const merges = sharedText("golden/bpe-training/train-bpe-reference-merges.txt");
const vocabulary = sharedText("golden/bpe-training/train-bpe-reference-vocab.json");

const mergesOf = (text: string, count: number) =>
  trainBytePair(text, { vocabSize: 256 + count }).toJSON().model.merges!;

/**
 * The definition, word for word: count all pairs anew for each merge. ASCII texts without special
 * tokens.
 */
function mergesByRescanning(text: string, count: number): string[] {
  let pieces = [...splitForBytePairs(text)].map((piece) => [...piece]);
  const found: string[] = [];
  while (found.length < count) {
    const counts = new Map<string, number>();
    for (const piece of pieces) {
      for (let at = 0; at + 1 < piece.length; at++) {
        const pair = `${piece[at]}\0${piece[at + 1]}`;
        counts.set(pair, (counts.get(pair) ?? 0) + 1);
      }
    }
    if (counts.size === 0) break;
    const [best] = [...counts].reduce((a, b) =>
      b[1] > a[1] || (b[1] === a[1] && b[0] > a[0]) ? b : a
    );
    const [left, right] = best.split("\0");
    found.push(`${left} ${right}`.replaceAll("\n", "Ċ"));
    pieces = pieces.map((piece) => merged(piece, left, right));
  }
  return found;
}

function merged(piece: string[], left: string, right: string): string[] {
  const result: string[] = [];
  for (let at = 0; at < piece.length; at++) {
    if (piece[at] === left && piece[at + 1] === right) result.push(left + piece[++at]);
    else result.push(piece[at]);
  }
  return result;
}

Deno.test("the most frequent pair merges first, of equals the greater one", () => {
  assert.deepEqual(mergesOf("low low low lower lowest", 3), ["o w", "l ow", "Ġ low"]);
  // "ab" and "cd" occur as often; then "ba" beats "ab" by its left byte.
  assert.deepEqual(mergesOf("ab.cd.ab.cd", 1), ["c d"]);
  assert.deepEqual(mergesOf("ba1ab", 1), ["b a"]);
});

Deno.test("pairs compare as bytes, a token before its continuation", () => {
  // "a"+"b" makes "ab"; then ("a","c") against ("ab","c"), each twice: the longer left token is
  // greater.
  assert.deepEqual(mergesOf("ab.ab.ab.abc.abc.ac.ac", 2), ["a b", "ab c"]);
  // é is two bytes above ASCII.
  assert.deepEqual(mergesOf("é.zz.é.zz", 1), ["Ã ©"]);
});

Deno.test("overlapping pairs merge from the left", () => {
  assert.deepEqual(mergesOf("aaaaa", 2), ["a a", "aa aa"]);
  assert.deepEqual(mergesOf("aaaaaaa", 3), ["a a", "aa aa", "aaaa aa"]);
});

Deno.test("the index and the heap find the same merges as rescanning does", () => {
  let state = 7;
  for (let round = 0; round < 40; round++) {
    let text = "";
    for (let length = 0; length < 300; length++) {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      text += "aaabbcd.\n"[(state >>> 16) % 9];
    }
    assert.deepEqual(mergesOf(text, 30), mergesByRescanning(text, 30), JSON.stringify(text));
  }
});

Deno.test("training ends when no pair is left", () => {
  const tokenizer = trainBytePair("ab ab", { vocabSize: 1000 });
  assert.deepEqual(tokenizer.toJSON().model.merges, ["a b", "Ġ ab"]);
  assert.equal(tokenizer.vocabSize, 258);
  assert.equal(trainBytePair("", { vocabSize: 1000 }).vocabSize, 256);
});

Deno.test("special tokens are first and take no part in training", () => {
  const tokenizer = trainBytePair("<|x|>ab<|x|>ab", { vocabSize: 300, specialTokens: ["<|x|>"] });
  assert.equal(tokenizer.id("<|x|>"), 0);
  assert.equal(tokenizer.id("!"), 1);
  assert.deepEqual(tokenizer.toJSON().model.merges, ["a b"]);
});

Deno.test("a vocabulary too small for the bytes is refused", () => {
  assert.throws(
    () => trainBytePair("ab", { vocabSize: 256, specialTokens: ["<|x|>"] }),
    /vocabSize of at least 257 \(256 bytes and 1 special tokens\), got 256/,
  );
  assert.throws(() => trainBytePair("ab", { vocabSize: 300.5 }), RangeError);
});

Deno.test({
  name: "the reference corpus gives the reference merges and vocabulary",
  ignore: corpus === undefined || merges === undefined || vocabulary === undefined,
  fn() {
    const tokenizer = trainBytePair(corpus!, { vocabSize: 500, specialTokens: ["<|endoftext|>"] });
    const { model } = tokenizer.toJSON();
    assert.deepEqual(model.merges, merges!.trimEnd().split("\n"));
    assert.deepEqual(model.vocab, JSON.parse(vocabulary!));
  },
});
