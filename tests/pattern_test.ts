/**
 * Patterns of tokenizer files, against matches that Oniguruma (as the library `tokenizers` 0.23
 * uses it) found for random patterns in random texts, and patterns that make backtracking engines
 * hang.
 */
import assert from "node:assert/strict";
import golden from "./golden/patterns.json" with { type: "json" };
import { Pattern } from "../lib/text/regex/pattern.ts";

const LLAMA_3 = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}|" +
  " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

function pieces(pattern: string, text: string): string[] {
  const places = new Pattern(pattern).matches(text);
  return Array.from(
    { length: places.length / 2 },
    (_, i) => text.slice(places[2 * i], places[2 * i + 1]),
  );
}

Deno.test("random patterns match what Oniguruma matches", () => {
  assert.ok(golden.length > 200);
  for (const [pattern, text, places] of golden as [string, string, number[]][]) {
    const found = new Pattern(pattern).matches(text);
    const filled = found.filter((_, i) => found[i & ~1] !== found[i | 1]);
    assert.deepEqual(filled, places, `${pattern} in ${JSON.stringify(text)}`);
  }
});

Deno.test("Llama 3's pattern", () => {
  assert.deepEqual(pieces(LLAMA_3, "I'LL pay 12345£ \n\n  (it's)!\n"), [
    ..."I|'LL| pay| |123|45|£| \n\n| | (|it|'s|)!\n".split("|"),
  ]);
  assert.deepEqual(pieces(LLAMA_3, "'ſ"), ["'ſ"]); // U+017F is an s if case is ignored
});

Deno.test("brackets nest, intersect and know POSIX names", () => {
  assert.deepEqual(pieces("[^(\\s|[.,])]+", "a|b(c.d e"), ["a", "b", "c", "d", "e"]);
  assert.deepEqual(pieces("[\\p{L}&&[^a-c]]+", "abxyc"), ["xy"]);
  assert.deepEqual(pieces("[[:digit:]-]+", "a1-2b"), ["1-2"]);
  assert.deepEqual(pieces("[\\p{Han}]+", "abc中文"), ["中文"]);
  assert.deepEqual([pieces("\\w+", "a½"), pieces("[\\w]+", "a½")], [["a½"], ["a"]]);
});

// Each would take a backtracking engine longer than the universe has.
const runaways = [
  ..."(?:a|a)*b (?:a?){40}b (?:.|\\w)*b (?:a+){20}b (?:a+?)+?b (?:a|ab|aa)*c".split(" "),
  ..."(a+)+$b (?:x|\\w*y)*z (?=(?:a|aa)*c)a (?:a(?>a*)c)|(?:a.*b)|a".split(" "),
  "a*".repeat(20) + "b",
];

for (const pattern of runaways) {
  Deno.test(`linear time: ${pattern.slice(0, 40)}`, () => {
    const text = "a".repeat(20_000);
    const matches = new Pattern(pattern).matches(text);
    assert.equal(matches.length, pattern.endsWith("|a") ? 2 * text.length : 0);
  });
}

Deno.test("a match may have millions of characters", () => {
  assert.deepEqual(new Pattern("\\p{L}+|\\s").matches("中".repeat(3_000_000) + " "), [
    0,
    3_000_000,
    3_000_000,
    3_000_001,
  ]);
});

/** [pattern, what the message says] */
const refused: [string, RegExp][] = [
  ["(a)\\1", /an escape that is supported, not \\1/],
  ["a(?<n>b)\\k<n>", /not \\k/],
  ["\\X", /not \\X/],
  ["(?x: a)", /no \(\?x\)/],
  ["(?<=a+)b", /a fixed length/],
  ["(?:a*|b)*", /no repetition of what can match nothing/],
  ["(?:^)+", /no repetition/],
  ["(?i:ß)", /letters of ASCII/],
  ["(?i:off)", /no "ff" if case is ignored/],
  ["\\p{Age=3}", /a property that is supported, not Age=3/],
  ["(a", /a \) for each \(/],
  ["a)", /no \) without a \(/],
  ["[a", /a \] for each \[/],
  ["[]a]", /for a \] that is a member/],
  ["[b-a]", /a character to a later one/],
  ["*a", /something to repeat/],
  ["a{2000}", /at most 1000/],
  ["(?:(?:a|b){100}){100}", /at most 256 alternatives/],
  ["(".repeat(40) + ")".repeat(40), /at most 32 deep/],
  ["a".repeat(5000), /at most 4096 characters/],
];

for (const [pattern, message] of refused) {
  Deno.test(`refused pattern: ${pattern.slice(0, 40)}`, () => {
    assert.throws(() => new Pattern(pattern), (error) => {
      assert.ok(error instanceof SyntaxError, String(error));
      assert.match(error.message, message);
      return true;
    });
  });
}
