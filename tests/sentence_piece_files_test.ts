/**
 * Folders that hold a SentencePiece model without a tokenizer.json, against what `transformers` 5
 * makes of them (`golden/sentence_piece_reference.py` trains the models and asks it).
 */
import assert from "node:assert/strict";
import golden from "./golden/sentence_piece_folders.json" with { type: "json" };
import { tokenizerIn } from "../lib/text/tokenizer_files.ts";
import type { Tokenizer } from "../lib/text/tokenizer.ts";
import { sentencePieceFile, SMALL } from "./support/sentence_piece_file.ts";

type Files = Record<string, object | Uint8Array<ArrayBuffer>>;

async function open(files: Files): Promise<Tokenizer> {
  const tokenizer = await tokenizerIn((name) => {
    const content = files[name];
    if (content === undefined || content instanceof Uint8Array) return Promise.resolve(content);
    return Promise.resolve(new TextEncoder().encode(JSON.stringify(content)));
  });
  return tokenizer!;
}

const models: Record<string, string> = golden.models;

for (const [name, folder] of Object.entries(golden.folders)) {
  Deno.test(`a folder of ${name} is read as transformers reads it`, async () => {
    const model = Uint8Array.fromBase64(models[folder.model]);
    const tokenizer = await open({ ...folder.files as Files, [folder.file]: model });
    for (const [line, ids, decoded] of folder.rows as [string, number[], string][]) {
      const own = [...tokenizer.encode(line, { addSpecialTokens: true })];
      assert.deepEqual(own, ids, line);
      assert.equal(tokenizer.decode(ids, { skipSpecialTokens: true }), decoded, line);
    }
    for (const [id, content, special] of folder.added as [number, string, boolean][]) {
      assert.equal(tokenizer.id(content), id, content);
      assert.equal(tokenizer.specialTokens.has(content), special, content);
    }
    assert.equal(tokenizer.endId, folder.end);
    const again = await open(savedFiles(tokenizer));
    assert.deepEqual(again.toJSON(), tokenizer.toJSON());
    assert.equal(again.endId, folder.end);
  });
}

function savedFiles(tokenizer: Tokenizer): Files {
  return Object.fromEntries(
    Array.from(tokenizer.files(), ([name, content]) => [name, JSON.parse(content as string)]),
  );
}

Deno.test("the class of a T5 folder without a configuration is that of its model", async () => {
  const model = Uint8Array.fromBase64(models.t5);
  const files = { "spiece.model": model, "config.json": { model_type: "t5" } };
  const { end, rows } = golden.folders.t5;
  const tokenizer = await open(files);
  assert.equal(tokenizer.endId, end);
  const [line, ids] = rows[2] as [string, number[], string];
  assert.deepEqual([...tokenizer.encode(line, { addSpecialTokens: true })], ids);
});

Deno.test("a model alone is SentencePiece's own", async () => {
  const model = Uint8Array.fromBase64(models.llama);
  assert.equal((await open({ "tokenizer.model": model })).kind, "sentencepiece");
  const config = { model_type: "llama" };
  assert.equal(
    (await open({ "tokenizer.model": model, "config.json": config })).kind,
    "sentencepiece",
  );
});

/** Runs of one letter: each can be cut anywhere. */
const LETTERS = sentencePieceFile(
  [["<unk>", 0, 2], ...Array.from({ length: 2000 }, (_, i) => ["a".repeat(i + 1)] as const)],
  { type: 2, settings: [[35, 1]], removesSpaces: false },
);

const refused: [
  name: string,
  file: string,
  model: Uint8Array<ArrayBuffer>,
  beside: Files,
  RegExp,
][] = [
  [
    "another class",
    "spiece.model",
    sentencePieceFile(SMALL),
    {
      "tokenizer_config.json": { tokenizer_class: "BarthezTokenizer" },
    },
    /expected one of LlamaTokenizer, .* for spiece\.model, got "BarthezTokenizer"; add a tokenizer/,
  ],
  ["no class", "tokenizer.model", sentencePieceFile(SMALL), {
    "added_tokens.json": { "<new>": 13 },
  }, /got none; add a tokenizer\.json/],
  ["ids that are moved", "sentencepiece.bpe.model", sentencePieceFile(SMALL), {
    "config.json": { model_type: "mbart50" },
  }, /for sentencepiece\.bpe\.model, got "mbart50"/],
  ["languages without ids", "sentencepiece.bpe.model", Uint8Array.fromBase64(models.nllb), {
    "tokenizer_config.json": { tokenizer_class: "NllbTokenizer" },
  }, /src_lang: expected a token of the vocabulary, got "eng_Latn"; list the languages/],
  ["many unused tokens", "spiece.model", Uint8Array.fromBase64(models.pegasus), {
    "tokenizer_config.json": { tokenizer_class: "PegasusTokenizer", offset: 1e9 },
  }, /offset: expected 2 to 10000, got 1000000000/],
  ["unigram for byte pairs", "tokenizer.model", sentencePieceFile(SMALL), {
    "tokenizer_config.json": { tokenizer_class: "LlamaTokenizer" },
  }, /for its tokenizer_class expected byte pairs, got unigram/],
  ["a normalization that Gemma ignores", "tokenizer.model", Uint8Array.fromBase64(models.llama), {
    "tokenizer_config.json": { tokenizer_class: "GemmaTokenizer" },
  }, /expected add_dummy_prefix false/],
  ["the unknown piece elsewhere", "spiece.model", sentencePieceFile(SMALL), {
    "tokenizer_config.json": { tokenizer_class: "T5Tokenizer" },
  }, /expected piece 2 of type unknown/],
  ["pieces that need merges without end", "tokenizer.model", LETTERS, {
    "tokenizer_config.json": { tokenizer_class: "LlamaTokenizer" },
  }, /its pieces need more than 1048576 merges/],
  ["many sentinels", "spiece.model", Uint8Array.fromBase64(models.t5), {
    "tokenizer_config.json": { tokenizer_class: "T5Tokenizer", extra_ids: 1e9 },
  }, /extra_ids: expected 0 to 10000, got 1000000000/],
];

for (const [name, file, model, beside, message] of refused) {
  Deno.test(`refused by name: ${name}`, async () => {
    await assert.rejects(open({ ...beside, [file]: model }), (error: Error) => {
      assert.ok(error instanceof SyntaxError, String(error));
      assert.match(error.message, message);
      return true;
    });
  });
}
