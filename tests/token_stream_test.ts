/**
 * Streams of every kind of tokenizer: the pieces joined are `decode` of all ids, whatever the ids,
 * and an id without a token is no text.
 */
import assert from "node:assert/strict";
import { Random } from "../lib/random.ts";
import { trainBytePair } from "../lib/text/byte_pair_training.ts";
import { CharacterTokenizer } from "../lib/text/character_tokenizer.ts";
import { PublishedTokenizer } from "../lib/text/published_tokenizer.ts";
import { SentencePieceTokenizer } from "../lib/text/sentence_piece_tokenizer.ts";
import type { Tokenizer } from "../lib/text/tokenizer.ts";
import { WordTokenizer } from "../lib/text/word_tokenizer.ts";
import { sentencePieceFile, SMALL } from "./support/sentence_piece_file.ts";

const PIECES = [
  ..."<unk> a ##b \u2581 \u2581a b\u2581 </w> a</w> . ' n't 's | <pad> é Ã © Ġ Ġthe ' . ?".split(
    " ",
  ),
  ..."<0xE4> <0xBD> <0xA0> <0xFF> <0x41> <0x+A> \u2581\u2581 aab aba  do not".split(" "),
  ...[" ", "  ", " .", " 's", "\n", "🙂", " n", "'", "t"],
];

const VOCABULARY = Object.fromEntries([...new Set(PIECES)].filter(Boolean).map((p, i) => [p, i]));

/** A tokenizer of all those pieces with a decoder. */
function withDecoder(decoder: unknown): Tokenizer {
  return new PublishedTokenizer({
    added_tokens: [{ id: VOCABULARY["<pad>"], content: "<pad>", special: true }],
    decoder,
    model: { type: "WordLevel", vocab: VOCABULARY, unk_token: "<unk>" },
  });
}

const replace = (pattern: unknown, content: string) => ({ type: "Replace", pattern, content });
const sequence = (...decoders: unknown[]) => ({ type: "Sequence", decoders });
const strip = (content: string, start: number, stop: number) => ({
  type: "Strip",
  content,
  start,
  stop,
});
const SPACED = replace({ String: "\u2581" }, " ");
const BYTE_LEVEL = { type: "ByteLevel", add_prefix_space: true, trim_offsets: true };
const METASPACE = { type: "Metaspace", replacement: "\u2581", prepend_scheme: "first" };

const DECODERS: Record<string, unknown> = {
  none: null,
  ByteLevel: BYTE_LEVEL,
  WordPiece: { type: "WordPiece", prefix: "##", cleanup: true },
  Metaspace: METASPACE,
  ByteFallback: { type: "ByteFallback" },
  BPEDecoder: { type: "BPEDecoder", suffix: "</w>" },
  CTC: { type: "CTC", pad_token: "<pad>", word_delimiter_token: "|", cleanup: true },
  Replace: replace({ Regex: "a+b?|\\s$" }, "x"),
  "Llama 2's": sequence(SPACED, { type: "ByteFallback" }, { type: "Fuse" }, strip(" ", 1, 0)),
  "of fused text": sequence({ type: "Fuse" }, replace({ String: "aab" }, "-"), strip("a", 2, 3)),
  "pattern of fused text": sequence(BYTE_LEVEL, replace({ Regex: "(?:a|b)+$" }, "."), METASPACE),
  "word pieces of fused text": sequence({ type: "Fuse" }, { type: "BPEDecoder", suffix: " " }),
};

const TEXT = "It's 1 text: naïve 🙂\n\nof  words, don't  stop . ! 's";
const tokenizers: [name: string, tokenizer: Tokenizer | (() => Promise<Tokenizer>)][] = [
  ["characters", CharacterTokenizer.fromText(TEXT)],
  ["words", WordTokenizer.fromText(TEXT, { padding: "<pad>", unknown: "<unk>" })],
  ["byte pairs", trainBytePair(TEXT, { vocabSize: 270, specialTokens: ["<|endoftext|>"] })],
  ["SentencePiece", () => SentencePieceTokenizer.open(sentencePieceFile(SMALL))],
  ...Object.entries(DECODERS).map(([name, decoder]) =>
    [`decoder: ${name}`, withDecoder(decoder)] as [string, Tokenizer]
  ),
];

for (const [name, made] of tokenizers) {
  Deno.test(`a stream's pieces joined are what is decoded: ${name}`, async () => {
    const tokenizer = typeof made === "function" ? await made() : made;
    const random = new Random(5);
    for (let round = 0; round < 400; round++) {
      const ids = Array.from(
        { length: Math.floor(random.uniform() * 12) },
        () => Math.floor(random.uniform() * (tokenizer.vocabSize + 2)),
      );
      for (const cleanUp of [false, true]) {
        const options = { skipSpecialTokens: round % 2 === 0, cleanUp };
        const stream = tokenizer.stream(options);
        const pieces = ids.map((id) => stream.push(id)).join("") + stream.end();
        assert.equal(pieces, tokenizer.decode(ids, options), JSON.stringify(ids));
        const known = ids.filter((id) => id < tokenizer.vocabSize);
        assert.equal(pieces, tokenizer.decode(known, options), JSON.stringify(ids));
      }
    }
    assert.throws(() => tokenizer.decode([-1]), RangeError);
  });
}

Deno.test("text that cannot change appears immediately", () => {
  const pieces = (decoder: unknown, tokens: string[], cleanUp = false) => {
    const stream = withDecoder(decoder).stream({ cleanUp });
    return [...tokens.map((token) => stream.push(VOCABULARY[token])), stream.end()];
  };
  assert.deepEqual(pieces(DECODERS["Llama 2's"], ["\u2581a", "<0xE4>", "<0xBD>", "<0xA0>", "a"]), [
    ...["a", "", "", "", "你a", ""],
  ]);
  assert.deepEqual(pieces(DECODERS.WordPiece, ["a", "##b", "."]), ["a", "b", ".", ""]);
  assert.deepEqual(pieces(DECODERS.ByteLevel, ["a", "Ã", "©", "Ġthe"]), ["a", "", "é", " the", ""]);
  // The clean-up of "He said 'maybe'" once cost the letters after the quotation mark.
  assert.deepEqual(pieces(DECODERS.ByteLevel, ["a", " ", "'", "t", "a"], true), [
    ...["a", "", "", " 't", "a", ""],
  ]);
});
