/** The small language: the same seed gives the same text, and every end fits its subject. */
import assert from "node:assert/strict";
import { SMALL_LANGUAGE_WORDS, smallLanguage } from "../lib/lesson/small_language.ts";

Deno.test("the small language is drawn by its seed, and its sentences end as their subject bids", () => {
  const text = smallLanguage(600, 3);
  assert.equal(text, smallLanguage(600, 3));
  assert.notEqual(text, smallLanguage(600, 4));
  const lines = text.trimEnd().split("\n");
  assert.equal(lines.length, 600);
  const ends: Record<string, RegExp> = {
    royal: /(wears a crown|rules the land|sits on a throne) \.$/,
    worker: /(sells fresh bread|works all day|counts the coins) \.$/,
    animal: /(eats green grass|sleeps in the barn|drinks from the river) \.$/,
  };
  const seen = new Set<string>();
  for (const line of lines) {
    const subject = line.split(" ")[1];
    const kind = Object.keys(ends).find((name) => SMALL_LANGUAGE_WORDS[name].includes(subject))!;
    assert.match(line, ends[kind]);
    seen.add(subject);
  }
  assert.equal(seen.size, 12);
  assert.throws(() => smallLanguage(0), /whole number of sentences from 1, got 0/);
});
