/**
 * Small unigram models with every setting of SentencePiece, lines for them, and ids to decode.
 * reference_tokenizers.ts asks `sentencepiece` about them, sentence_piece_unigram_test.ts checks
 * Folio's answers.
 *
 * @module
 */
import { CHARSMAP } from "./charsmap.ts";
import { type PieceField, sentencePieceFile } from "./sentence_piece_file.ts";

const SCORES: Record<string, number> = {
  "\u2581": -2.1,
  "-": -4.3,
  "--": -5.1,
  a: -3.3,
  aa: -5.7,
  aaaa: -8.3,
};
const LETTERS: PieceField[] = [
  ["<unk>", 0, 2],
  ["<s>", 0, 3],
  ...["\u2581", "-", "--", "a", "aa", "aaaa", "\u2581a", ..."bfi12/X3+é"].map(
    (text): PieceField => [text, SCORES[text] ?? -4.2],
  ),
];
const BYTES = Array.from(
  { length: 256 },
  (_, byte): PieceField => [`<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`, 0, 6],
);
const USER: PieceField[] = [
  ["ab", 0, 4],
  ["\u2581\u2581", 0, 4],
  ["bi1", -0.05],
  ["A", 0, 4],
  ["i  ", 0, 4],
];
const TABLE = { normalizer: [[2, Uint8Array.fromBase64(CHARSMAP)]] as const };
const KEPT = { ...TABLE, removesSpaces: false };

/** Models by what is special about them. */
export const UNIGRAM_MODELS: Readonly<Record<string, Uint8Array<ArrayBuffer>>> = {
  ties: sentencePieceFile(LETTERS),
  "user-defined pieces": sentencePieceFile([...LETTERS, ...USER], TABLE),
  "user-defined pieces, spaces kept": sentencePieceFile([...LETTERS, ...USER], KEPT),
  "a table of replacements": sentencePieceFile(LETTERS, TABLE),
  "a table, spaces kept": sentencePieceFile(LETTERS, KEPT),
  "spaces after words": sentencePieceFile([...LETTERS, ["a\u2581", -1]], {
    ...TABLE,
    settings: [[24, 1]],
  }),
  "no space before a text": sentencePieceFile(LETTERS, { normalizer: [[3, 0]] }),
  "spaces as they are": sentencePieceFile([...LETTERS, [" ", -2], [" a", -3]], {
    normalizer: [[5, 0]],
  }),
  bytes: sentencePieceFile([...LETTERS, ...BYTES], { settings: [[35, 1]] }),
  "pieces that are not used": sentencePieceFile([...LETTERS, ["ai", -0.5, 5], ["bb", -9]]),
};

/** Texts to encode. */
export const UNIGRAM_LINES: readonly string[] = [
  ...["", "   ", "\n", "---aaaaaaa", "-- --- ----", "  a  b ", "abi1", "babi1  a"],
  ...["Aaab \u2581\u2581 i   b", "\uFB01½あい X", "ク 1\u2167👍", "日本b語", "<s>a"],
  ...["é\u0301\u00AD", "\u200B", "aib\tbbb"],
];

/** Ids to decode; those beyond 18 are the bytes of one model. */
export const UNIGRAM_IDS: readonly number[][] = [
  ...[[2, 2, 8, 3], [2, 8, 2], [1, 2, 8], [0, 8], [2, 0, 8], [3, 2], [2, 2, 84, 8], [246]],
  ...[[2, 246, 170, 9], [246, 170, 191, 2], [245, 170, 2, 8], [262, 171, 172, 173, 9]],
];
