/** The words of small classifiers: ids by the rule, and the same from the file that is written. */
import assert from "node:assert/strict";
import { lowerCaseWords } from "../lib/text/lower_case_words.ts";
import { parseTokenizer } from "../lib/text/parse_tokenizer.ts";

const TEXTS = [
  "Don't WIN 100 prizes!! Ärger Ärger",
  "don't win 100 naïve prizes; e\u0301e\u0301 ärger",
];

Deno.test("words seen twice have ids in order; others, and new ones, are <unk>", async () => {
  const tokenizer = await lowerCaseWords(TEXTS);
  const words = Array.from({ length: tokenizer.vocabSize }, (_, id) => tokenizer.token(id));
  assert.deepEqual(words, [
    ...["<pad>", "<unk>", "<cls>"],
    ...["!", "100", "don't", "prizes", "win", "ärger"],
  ]);
  assert.equal(tokenizer.paddingId, 0);
  const { ids } = tokenizer.encodeBatch(["WIN? win, don't!", "e\u0301"]);
  assert.deepEqual(ids.map((row) => tokenizer.tokensOf(row)), [
    ["<cls>", "win", "<unk>", "win", "<unk>", "don't", "!"],
    ["<cls>", "<unk>"],
  ]);
});

Deno.test("the token of the class stays when a text is cut, first or last", async () => {
  for (const classToken of ["first", "last"] as const) {
    const tokenizer = await lowerCaseWords(["a b", "a b"], { classToken });
    const { ids } = tokenizer.encodeBatch(["a b a b"], { truncation: true, maxLength: 3 });
    const expected = classToken === "first" ? ["<cls>", "a", "b"] : ["a", "b", "<cls>"];
    assert.deepEqual(tokenizer.tokensOf(ids[0]), expected);
    assert.equal(tokenizer.endId, classToken === "last" ? ids[0][2] : undefined);
  }
});

Deno.test("the written file gives the same ids", async () => {
  const tokenizer = await lowerCaseWords(TEXTS, { minimumCount: 1, classToken: "last" });
  const again = await parseTokenizer(tokenizer.files().get("tokenizer.json") as string);
  const texts = [...TEXTS, "", "new <cls> words"];
  assert.deepEqual(again.encodeBatch(texts).ids, tokenizer.encodeBatch(texts).ids);
});

Deno.test("texts without a repeated word are refused", async () => {
  await assert.rejects(() => lowerCaseWords(["one two"]), /a word that occurs 2 times, got none/);
});
