/**
 * Rows of texts and pairs: special tokens, token types, truncation with a stride, and padding, as
 * the library `tokenizers` makes them (`golden/batch_reference.py` asks it).
 */
import assert from "node:assert/strict";
import golden from "./golden/encoded_batches.json" with { type: "json" };
import {
  CharacterTokenizer,
  parseTokenizer,
  type Tokenizer,
  trainBytePair,
  WordTokenizer,
} from "../mod.ts";
import { PublishedTokenizer } from "../lib/text/published_tokenizer.ts";
import { sentencePieceFile, SMALL } from "./support/sentence_piece_file.ts";
import type { BatchOptions, BatchText } from "../mod.ts";

async function tokenizerWith(processor: string): Promise<Tokenizer> {
  const processors: Record<string, object | null> = golden.processors;
  return await parseTokenizer({
    pre_tokenizer: { type: "WhitespaceSplit" },
    post_processor: processors[processor],
    model: { type: "WordLevel", vocab: golden.words, unk_token: "[U]" },
    padding: { pad_token: "[P]", pad_id: 3 },
  });
}

interface Case {
  texts: string[];
  setting: [string, string, number, number, boolean, string | false, string, number];
  answer: { types: number[] | null; rows: [ids: number[], mask: string][] } | null;
}

function optionsOf([truncation, truncationSide, maxLength, stride, ...rest]: Case["setting"]) {
  const [addSpecialTokens, padding, paddingSide, padToMultipleOf] = rest;
  return {
    truncation,
    truncationSide,
    maxLength,
    stride,
    overflow: true,
    addSpecialTokens,
    padding,
    paddingSide,
    padToMultipleOf,
  } as BatchOptions;
}

function checkCase(tokenizer: Tokenizer, { texts, setting, answer }: Case): void {
  const options = optionsOf(setting);
  const batch = [texts.length > 1 ? texts as unknown as BatchText : texts[0]];
  const about = JSON.stringify({ texts, setting });
  if (answer === null) {
    return assert.throws(() => tokenizer.encodeBatch(batch, options), RangeError);
  }
  const { ids, attentionMask, tokenTypes, sequences, textIndex } = tokenizer.encodeBatch(
    batch,
    options,
  );
  const rows = ids.map((row, i) => [[...row], attentionMask[i].join("")]);
  assert.deepEqual(rows, answer.rows, about);
  if (answer.types !== null) assert.deepEqual([...tokenTypes[0]], answer.types, about);
  assert.deepEqual(textIndex, rows.map(() => 0));
  ids.forEach((row, i) =>
    row.forEach((id, at) => {
      const sequence = id < 10 ? -1 : id < 30 ? 0 : 1;
      assert.equal(sequences[i][at], sequence, about);
    })
  );
  // The rows of the first windows are those without `overflow`.
  const [first] = tokenizer.encodeBatch(batch, { ...options, overflow: false, padding: false }).ids;
  const unpadded = [...ids[0]].filter((_, at) => attentionMask[0][at] === 1);
  assert.deepEqual([...first], unpadded, about);
}

for (const name of Object.keys(golden.processors)) {
  Deno.test(`rows of texts and pairs: post-processor ${name}`, async () => {
    const tokenizer = await tokenizerWith(name);
    const cases = golden.cases.filter(({ processor }) => processor === name);
    assert.ok(cases.length > 0);
    for (const each of cases) checkCase(tokenizer, each as unknown as Case);
  });
}

Deno.test("encode takes a pair", async () => {
  const bert = await tokenizerWith("bert");
  assert.deepEqual([...bert.encode("a0 a1", { pair: "b0", addSpecialTokens: true })], [
    0,
    10,
    11,
    1,
    30,
    1,
  ]);
  assert.deepEqual([...bert.encode("a0 a1", { pair: "b0" })], [10, 11, 30]);
  const characters = CharacterTokenizer.fromText("ab");
  assert.deepEqual([...characters.encode("ab", { pair: "a", addSpecialTokens: true })], [0, 1, 0]);
  assert.throws(() => bert.encode("a0", { pair: 1 as unknown as string }), TypeError);
});

Deno.test("rows know their texts, and a mistake is named", async () => {
  const bert = await tokenizerWith("bert");
  const cut = { truncation: true, maxLength: 4, overflow: true, stride: 1 } as const;
  const { ids, textIndex } = bert.encodeBatch(["a0", "a0 a1 a2 a3", ["a0", "b0"]], {
    ...cut,
    maxLength: 5,
  });
  assert.deepEqual(textIndex, [0, 1, 1, 2]);
  assert.deepEqual(ids.map((row) => row.length), [3, 5, 4, 5]);
  const fails = (texts: unknown, options: unknown, message: RegExp) =>
    assert.throws(() => bert.encodeBatch(texts as BatchText[], options as BatchOptions), message);
  fails(
    ["a0 a1 a2"],
    { ...cut, stride: 2 },
    /expected a stride below the 2 tokens of a row's text/,
  );
  fails(["a0"], { overflow: true }, /overflow needs truncation/);
  fails(
    ["a0"],
    { truncation: "second" },
    /truncation: expected one of true, false, "longest_first"/,
  );
  fails(
    ["a0"],
    { truncation: true, maxLength: 4, stride: -1 },
    /stride: expected a whole number from 0/,
  );
  fails([["a0", "b0", "b1"]], {}, /expected a text or a pair of texts at 0, got an array of 3/);
  fails(
    [["a0 a1", "b0"]],
    { truncation: "only_second", maxLength: 4 },
    /only_second cannot cut 2 of 1/,
  );
});

Deno.test("offsets say what became each token", () => {
  const text = "<b>Ein  S\u00e4tzchen \ud83d\ude42.";
  const tokenizers = [
    CharacterTokenizer.fromText(text),
    new WordTokenizer(["Ein", "\ud83d\ude42."], { padding: "<b>", unknown: "<u>" }),
    trainBytePair(text.repeat(3), { vocabSize: 266, specialTokens: ["<b>"] }),
  ];
  for (const tokenizer of tokenizers) {
    const { ids, offsets } = tokenizer.encodeBatch([text, ""], { offsets: true });
    assert.deepEqual(ids[0], tokenizer.encode(text));
    const published = new PublishedTokenizer(tokenizer.toJSON());
    const { offsets: expected } = published.encodeBatch([text, ""], { offsets: true });
    assert.deepEqual(offsets![0], expected![0], tokenizer.kind);
    assert.equal(offsets![1].length, 0);
  }
  const [, words] = tokenizers;
  const [row] = words.encodeBatch([text], { offsets: true }).offsets!;
  const parts = Array.from(
    { length: row.length / 2 },
    (_, i) => text.slice(row[2 * i], row[2 * i + 1]),
  );
  assert.deepEqual(parts, ["<b>", "Ein", "S\u00e4tzchen", "\ud83d\ude42."]);
});

Deno.test("offsets of pairs are those of each text, in every window", async () => {
  const bert = await tokenizerWith("bert");
  const { offsets, sequences, tokenTypes } = bert.encodeBatch([["a0  a1", "b0 b1 b2 b3"]], {
    offsets: true,
    padding: true,
    truncation: "only_second",
    maxLength: 7,
    overflow: true,
  });
  const spans = offsets!.map((row) => [...row].join(" "));
  assert.deepEqual(spans, ["0 0 0 2 4 6 0 0 0 2 3 5 0 0", "0 0 0 2 4 6 0 0 6 8 9 11 0 0"]);
  assert.deepEqual([...sequences[1]], [-1, 0, 0, -1, 1, 1, -1]);
  assert.deepEqual([...tokenTypes[1]], [0, 0, 0, 0, 1, 1, 1]);
});

Deno.test("a SentencePiece model has no offsets", async () => {
  const tokenizer = await parseTokenizer(sentencePieceFile(SMALL));
  assert.throws(
    () => tokenizer.encodeBatch(["to be"], { offsets: true }),
    /^RangeError: encodeBatch: offsets: not supported by a tokenizer of kind sentencepiece$/,
  );
});
