/** The trie of vocabularies and added tokens. */
import assert from "node:assert/strict";
import { UnitTrie } from "../lib/text/unit_trie.ts";
import { Random } from "../lib/random.ts";

/** The value of a text, or −1. */
function find(trie: UnitTrie, text: string): number {
  let node = 0;
  for (let at = 0; at < text.length && node >= 0; at++) {
    node = trie.child(node, text.charCodeAt(at));
  }
  return node < 0 ? -1 : trie.value(node);
}

Deno.test("a trie holds what a map holds", () => {
  const random = new Random(3);
  const digit = () => String.fromCharCode(97 + Math.floor(random.uniform() * 4));
  const word = () => Array.from({ length: 1 + Math.floor(random.uniform() * 9) }, digit).join("");
  const trie = new UnitTrie(), map = new Map<string, number>();
  for (let value = 0; value < 3000; value++) {
    const text = value % 100 === 0 ? `\u{1F642}${word()}` : word();
    trie.insert(text, value);
    map.set(text, value);
  }
  for (const [text, value] of map) assert.equal(find(trie, text), value);
  for (let n = 0; n < 3000; n++) {
    const text = word();
    assert.equal(find(trie, text), map.get(text) ?? -1);
  }
});

Deno.test("texts that are too long together are refused before they take memory", () => {
  const trie = new UnitTrie();
  const long = "x".repeat(4096);
  assert.throws(() => {
    for (let value = 0; value < 4096; value++) trie.insert(long, value);
  }, /^SyntaxError: tokenizer\.json: tokens: expected at most 12000000 characters together/);
});
