/** Folders that have a vocabulary and no tokenizer.json. */
import assert from "node:assert/strict";
import { tokenizerIn } from "../lib/text/tokenizer_files.ts";
import type { Tokenizer } from "../lib/text/tokenizer.ts";
import { BYTE_TOKENS } from "../lib/text/byte_alphabet.ts";
import { parseTokenizer } from "../lib/text/parse_tokenizer.ts";
import { golden } from "./support/golden.ts";
import { goldenLines } from "./support/tokenizer_lines.ts";

type Files = Record<string, string | object>;

async function open(files: Files): Promise<Tokenizer | undefined> {
  return await tokenizerIn((name) => {
    const content = files[name];
    const json = typeof content === "string" ? content : JSON.stringify(content);
    return Promise.resolve(content === undefined ? undefined : new TextEncoder().encode(json));
  });
}

const SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];
const WORDS = [...SPECIAL, "i", "loved", "it", ".", "##s", "Loved", "it", "été", "ete"];
const VOCAB_TXT = WORDS.join("\r\n") + "\r\n";

Deno.test("vocab.txt is read as BERT reads it", async () => {
  const tokenizer = (await open({ "vocab.txt": VOCAB_TXT }))!;
  const encode = (text: string) => [...tokenizer.encode(text, { addSpecialTokens: true })];
  // Of a token on two lines the last counts.
  assert.deepEqual(encode("I LOVED its \u00e9t\u00e9 [MASK]."), [2, 5, 6, 11, 9, 13, 4, 8, 3]);
  assert.deepEqual([tokenizer.paddingId, tokenizer.vocabSize], [0, WORDS.length]);
  assert.deepEqual([...tokenizer.specialTokens.keys()], SPECIAL);
  assert.equal(tokenizer.decode(encode("loved its"), { skipSpecialTokens: true }), "loved its");
});

Deno.test("the configuration beside vocab.txt counts", async () => {
  const config = { do_lower_case: false, model_max_length: 8, tokenizer_class: "ElectraTokenizer" };
  const tokenizer = (await open({
    "vocab.txt": [...SPECIAL, "Loved", "\u00e9t\u00e9"].join("\n"),
    "tokenizer_config.json": config,
    "added_tokens.json": { "[NEW]": 7 },
  }))!;
  assert.deepEqual([...tokenizer.encode("Loved loved \u00e9t\u00e9[NEW]")], [5, 1, 6, 7]);
  assert.equal(tokenizer.maximumLength, 8);
  await assert.rejects(
    open({
      "vocab.txt": VOCAB_TXT,
      "tokenizer_config.json": { tokenizer_class: "MPNetTokenizer" },
    }),
    /tokenizer_class: expected one that reads vocab\.txt as BERT does, got "MPNetTokenizer"/,
  );
});

const TOKENS = [
  ...BYTE_TOKENS,
  "he",
  "\u0120he",
  "<|endoftext|>",
  "<s>",
  "</s>",
  "<pad>",
  "<mask>",
];
const VOCAB_JSON = Object.fromEntries(TOKENS.map((token, id) => [token, id]));
const MERGES = "#version: 0.2\nh e\n\u0120 he\n";
const id = (token: string) => TOKENS.indexOf(token);

Deno.test("vocab.json and merges.txt are read as GPT-2 reads them", async () => {
  const files = { "vocab.json": VOCAB_JSON, "merges.txt": MERGES };
  const tokenizer = (await open(files))!;
  assert.equal(tokenizer.kind, "byte-pair");
  assert.deepEqual([...tokenizer.encode("he he<|endoftext|>")], [256, 257, 258]);
  assert.equal(tokenizer.endId, 258);
  assert.equal(await open({ "vocab.json": VOCAB_JSON }), undefined);
  await assert.rejects(
    open({ ...files, "vocab.json": "[]" }),
    /vocab\.json: expected a JSON object/,
  );
  const prefix = await open({ ...files, "tokenizer_config.json": { add_prefix_space: true } });
  assert.deepEqual([...prefix!.encode("he")], [257]);
  const other = { "tokenizer_config.json": { tokenizer_class: "Qwen2Tokenizer" } };
  await assert.rejects(open({ ...files, ...other }), /reads vocab\.json as GPT-2 does/);
});

Deno.test("CLIP's vocab.json and merges.txt are read as transformers 5 reads them", async () => {
  const words = ["he</w>", "the</w>", "ab</w>", "12</w>", "<|startoftext|>", "<|endoftext|>"];
  // The bytes in the order of their characters.
  const bytes = [...BYTE_TOKENS].sort((a, b) => order(a) - order(b));
  const tokens = [...bytes, ...bytes.map((byte) => `${byte}</w>`), ...words];
  const tokenizer = (await open({
    "vocab.json": Object.fromEntries(tokens.map((token, id) => [token, id])),
    "merges.txt": "#version: 0.2\nh e</w>\nt he</w>\na b</w>\n1 2</w>\n",
    "tokenizer_config.json": { tokenizer_class: "CLIPTokenizer" },
  }))!;
  const rows: [line: string, ids: number[], text: string, without: string][] = [
    [
      "The  HE 12's\n",
      [516, 513, 512, 272, 273, 6, 338, 517],
      "<|startoftext|>the he 1 2 's <|endoftext|>",
      "the he 1 2 's",
    ],
    [
      "caf\u00e9 <|endoftext|> ab!?",
      [516, 66, 64, 69, 127, 358, 517, 514, 0, 286, 517],
      "<|startoftext|>caf\u00e9 <|endoftext|>ab !? <|endoftext|>",
      "caf\u00e9 ab !?",
    ],
    [
      " \u0130 \u65e5x\u00a0",
      [516, 328, 136, 485, 162, 245, 98, 343, 517],
      "<|startoftext|>i \u0307 \u65e5x <|endoftext|>",
      "i \u0307 \u65e5x",
    ],
  ];
  for (const [line, ids, text, without] of rows) {
    assert.deepEqual([...tokenizer.encode(line, { addSpecialTokens: true })], ids, line);
    assert.equal(tokenizer.decode(ids), text);
    assert.equal(tokenizer.decode(ids, { skipSpecialTokens: true }), without);
  }
  assert.deepEqual([tokenizer.endId, tokenizer.paddingId], [517, 517]);
});

/** A byte's place in CLIP's vocabulary: bytes that are no characters come last. */
function order(token: string): number {
  return token.codePointAt(0)!;
}

Deno.test("ranks of byte pairs are refused by name", async () => {
  for (const name of ["tekken.json", "tiktoken.model", "qwen.tiktoken"]) {
    await assert.rejects(open({ [name]: "{}" }), new RegExp(`${name}: ranks .* add a tokenizer`));
  }
  const ranks = "IQ== 0\nIg== 1\n";
  await assert.rejects(open({ "tokenizer.model": ranks }), /tokenizer\.model: ranks of byte pairs/);
});

Deno.test("RoBERTa puts its tokens around, and its mask takes the space before it", async () => {
  const tokenizer = (await open({
    "vocab.json": VOCAB_JSON,
    "merges.txt": MERGES,
    "tokenizer_config.json": { tokenizer_class: "RobertaTokenizerFast" },
  }))!;
  const ids = [...tokenizer.encode("he <mask>", { addSpecialTokens: true })];
  assert.deepEqual(ids, [id("<s>"), id("he"), id("<mask>"), id("</s>")]);
  assert.equal(tokenizer.paddingId, id("<pad>"));
});

Deno.test("tokenizer.json wins", async () => {
  const json = { model: { type: "WordLevel", vocab: { a: 0 }, unk_token: "a" } };
  const tokenizer = (await open({ "tokenizer.json": json, "vocab.txt": VOCAB_TXT }))!;
  assert.equal(tokenizer.vocabSize, 1);
});

Deno.test({
  name: "bert-base-uncased and gpt2 by their vocabularies are what their tokenizer.json are",
  ignore: golden === undefined,
  fn: async () => {
    const read = (name: string) =>
      JSON.parse(Deno.readTextFileSync(`${golden}/tokenizers/${name}/tokenizer.json`));
    const bert = read("bert-base-uncased"), gpt2 = read("gpt2");
    const words = Object.entries<number>(bert.model.vocab).sort(([, a], [, b]) => a - b);
    const merges = gpt2.model.merges.map((merge: string | string[]) => [merge].flat().join(" "));
    const pairs: [Tokenizer, Tokenizer][] = [
      [
        (await open({ "vocab.txt": words.map(([word]) => `${word}\n`).join("") }))!,
        await parseTokenizer(bert),
      ],
      [
        (await open({ "vocab.json": gpt2.model.vocab, "merges.txt": merges.join("\n") }))!,
        await parseTokenizer(gpt2),
      ],
    ];
    for (const [own, published] of pairs) {
      for (const line of goldenLines()) {
        const ids = [...own.encode(line, { addSpecialTokens: true })];
        assert.deepEqual(ids, [...published.encode(line, { addSpecialTokens: true })]);
      }
    }
  },
});

Deno.test("files of too many lines or entries are refused before they take memory", async () => {
  const lines = "x\n".repeat(2 ** 20 + 1);
  await assert.rejects(open({ "vocab.txt": lines }), /vocab\.txt: expected at most 1048576 lines/);
  const files = { "vocab.json": VOCAB_JSON, "merges.txt": lines };
  await assert.rejects(open(files), /merges\.txt: expected at most 1048576 lines/);
  const many = `{${'"":0,'.repeat(2 ** 20 + 1)}"":0}`;
  const entries = { "vocab.json": many, "merges.txt": MERGES };
  await assert.rejects(open(entries), /vocab\.json: expected at most 1048576 entries/);
});
