/**
 * Unigram models: ids and decoded texts are those of `sentencepiece` 0.2.2, which
 * `deno task test:reference PYTHON --write` asks. Older releases decide ties and user-defined
 * pieces otherwise.
 */
import assert from "node:assert/strict";
import golden from "./golden/sentence_piece_unigram.json" with { type: "json" };
import { SentencePieceTokenizer } from "../lib/text/sentence_piece_tokenizer.ts";
import { sentencePieceFile, SMALL } from "./support/sentence_piece_file.ts";
import { UNIGRAM_IDS, UNIGRAM_LINES, UNIGRAM_MODELS } from "./support/sentence_piece_models.ts";

const answers: Record<string, { ids: number[][]; texts: (string | null)[] }> = golden;

for (const [name, file] of Object.entries(UNIGRAM_MODELS)) {
  Deno.test(`a unigram model, ${name}: ids and texts are SentencePiece's`, async () => {
    const tokenizer = await SentencePieceTokenizer.open(file);
    const { ids, texts } = answers[name];
    UNIGRAM_LINES.forEach((line, i) => {
      assert.deepEqual([...tokenizer.encode(line)], ids[i], JSON.stringify(line));
    });
    UNIGRAM_IDS.forEach((ids, i) => {
      if (texts[i] === null) return; // an id that the model has not
      assert.equal(tokenizer.decode(ids, { skipSpecialTokens: true }), texts[i], ids.join());
      const stream = tokenizer.stream({ skipSpecialTokens: true });
      assert.equal(ids.map((id) => stream.push(id)).join("") + stream.end(), texts[i]);
    });
  });
}

Deno.test("unigram models that SentencePiece refuses are refused", async () => {
  const refused: [Uint8Array<ArrayBuffer>, RegExp][] = [
    [sentencePieceFile([["<unk>", 0, 2]]), /no pieces of text/],
    [sentencePieceFile([...SMALL, ["a\0", 0]]), /U\+0000/],
    [sentencePieceFile(SMALL, { settings: [[35, 1]] }), /byte_fallback true with 0 pieces/],
    [sentencePieceFile([...SMALL, ["<0x41>", 0, 6]]), /byte_fallback false with 1 pieces/],
  ];
  for (const [file, expected] of refused) {
    await assert.rejects(SentencePieceTokenizer.open(file), expected);
  }
});

Deno.test("a word that is spelled as a control piece is refused, not lost", async () => {
  const file = sentencePieceFile(SMALL, { type: 3, normalizer: [[3, 0]] });
  const tokenizer = await SentencePieceTokenizer.open(file);
  assert.deepEqual([...tokenizer.encode("t")], [6]);
  assert.deepEqual([...tokenizer.encode("  ")], []);
  assert.throws(() => tokenizer.encode("<s>"), /spelled as a control piece/);
});
