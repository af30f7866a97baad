import assert from "node:assert/strict";
import { splitForBytePairs } from "../lib/text/byte_pair_split.ts";
import { HOSTILE_TEXTS } from "./support/hostile_texts.ts";

// The rule as a regular expression, which cannot take long pieces but is plain to see.
const RULE = new RegExp(
  "'(?:[stmd]|re|ve|ll)| ?\\p{L}+| ?\\p{N}+| ?[^\\p{White_Space}\\p{L}\\p{N}]+" +
    "|\\p{White_Space}+(?!\\P{White_Space})|\\p{White_Space}+",
  "gu",
);

Deno.test("contractions, words, numerals and signs part; a space goes with what follows", () => {
  assert.deepEqual([...splitForBytePairs("I'll pay 10£ (it's 2 late)!")], [
    ..."I|'ll| pay| 10|£| (|it|'s| 2| late|)!".split("|"),
  ]);
});

Deno.test("the last character of white space belongs to the next word", () => {
  assert.deepEqual([...splitForBytePairs("a   b\n\n\tc  ")], [
    "a",
    "  ",
    " b",
    "\n\n",
    "\t",
    "c",
    "  ",
  ]);
});

Deno.test("the pieces are those of the regular expression", () => {
  for (const [name, text] of Object.entries(HOSTILE_TEXTS)) {
    assert.deepEqual([...splitForBytePairs(text)], text.match(RULE) ?? [], name);
  }
});

Deno.test("random texts split as by the regular expression", () => {
  const alphabet = ["a", "é", "中", "🙂", "1", "½", " ", " ", "\n", "\u00A0", "'", "s", "l", "."];
  let state = 1;
  for (let round = 0; round < 300; round++) {
    let text = "";
    for (let length = 0; length < 40; length++) {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      text += alphabet[(state >>> 16) % alphabet.length];
    }
    assert.deepEqual([...splitForBytePairs(text)], text.match(RULE), JSON.stringify(text));
  }
});

Deno.test("a piece may have millions of characters", () => {
  const long = "中".repeat(5_000_000);
  assert.deepEqual([...splitForBytePairs(`${long} a`)].map((piece) => piece.length), [
    long.length,
    2,
  ]);
});
