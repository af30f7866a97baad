/**
 * Mutated `tokenizer.json` and `.model` files, and folders with neither whole, against their
 * readers: each must be opened or refused with a SyntaxError or RangeError, in bounded time. What
 * opens must encode and decode, with offsets and in pairs, without anything worse.
 *
 *     deno run -A tests/support/fuzz_tokenizers.ts [COUNT] [SEED]
 *
 * @module
 */
import { parseTokenizer } from "../../lib/text/parse_tokenizer.ts";
import { tokenizerIn } from "../../lib/text/tokenizer_files.ts";
import { readSentencePieceModel } from "../../lib/text/sentence_piece_model.ts";
import { SentencePieceTokenizer } from "../../lib/text/sentence_piece_tokenizer.ts";
import type { Tokenizer } from "../../lib/text/tokenizer.ts";
import { Random } from "../../lib/random.ts";
import { sentencePieceFile, SMALL } from "./sentence_piece_file.ts";
import { UNIGRAM_MODELS } from "./sentence_piece_models.ts";

const TEXT = "to be, or not: I've 3 naïve 🙂 \0 <s> [CLS] words\n\n  x" + "ab ".repeat(50);

/** Outcomes of the inputs. */
export interface FuzzReport {
  opened: number;
  refused: number;
  /** The longest time for one input, in milliseconds. */
  slowest: number;
}

/** Small files of every kind of model. */
const FILES: readonly Record<string, unknown>[] = [
  {
    added_tokens: [{ id: 0, content: "[UNK]", special: true }, { id: 1, content: "[CLS]" }],
    normalizer: { type: "BertNormalizer", lowercase: true, handle_chinese_chars: true },
    pre_tokenizer: { type: "BertPreTokenizer" },
    post_processor: { type: "BertProcessing", cls: ["[CLS]", 1], sep: ["[UNK]", 0] },
    decoder: { type: "WordPiece", prefix: "##", cleanup: true },
    model: {
      type: "WordPiece",
      unk_token: "[UNK]",
      continuing_subword_prefix: "##",
      max_input_chars_per_word: 100,
      vocab: { "[UNK]": 0, "[CLS]": 1, to: 2, be: 3, "##e": 4, a: 5, "##b": 6 },
    },
  },
  {
    added_tokens: [{ id: 6, content: "<s>", special: true, lstrip: true, normalized: false }],
    normalizer: {
      type: "Sequence",
      normalizers: [{ type: "NFC" }, {
        type: "Replace",
        pattern: { Regex: " {2,}" },
        content: " ",
      }],
    },
    pre_tokenizer: {
      type: "Sequence",
      pretokenizers: [
        {
          type: "Split",
          pattern: {
            Regex: "(?i:'s|'t)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}|\\s+(?!\\S)|\\s+",
          },
          behavior: "Isolated",
          invert: false,
        },
        { type: "ByteLevel", add_prefix_space: false, use_regex: false },
      ],
    },
    post_processor: {
      type: "TemplateProcessing",
      single: [{ SpecialToken: { id: "<s>", type_id: 0 } }, { Sequence: { id: "A", type_id: 0 } }],
      pair: [],
      special_tokens: { "<s>": { id: "<s>", ids: [6], tokens: ["<s>"] } },
    },
    decoder: { type: "ByteLevel" },
    model: {
      type: "BPE",
      vocab: { a: 0, b: 1, "Ġ": 2, t: 3, o: 4, ab: 5 },
      merges: ["a b"],
      byte_fallback: false,
    },
  },
  {
    added_tokens: [],
    normalizer: {
      type: "Sequence",
      normalizers: [
        { type: "Prepend", prepend: "\u2581" },
        { type: "Strip", strip_left: false, strip_right: true },
        { type: "StripAccents" },
        { type: "Nmt" },
        { type: "NFKC" },
      ],
    },
    pre_tokenizer: { type: "Metaspace", replacement: "\u2581", prepend_scheme: "first" },
    decoder: {
      type: "Sequence",
      decoders: [
        { type: "Replace", pattern: { String: "\u2581" }, content: " " },
        { type: "ByteFallback" },
        { type: "Fuse" },
        { type: "Strip", content: " ", start: 1, stop: 0 },
      ],
    },
    model: { type: "Unigram", unk_id: 0, vocab: [["<unk>", 0], ["\u2581to", -1], ["b", -2]] },
  },
  {
    added_tokens: [{ id: 0, content: "<unk>", special: true }],
    padding: null,
    pre_tokenizer: {
      type: "Sequence",
      pretokenizers: [
        { type: "Whitespace" },
        { type: "UnicodeScripts" },
        { type: "Punctuation", behavior: "Contiguous" },
        { type: "Digits", individual_digits: true },
        { type: "CharDelimiterSplit", delimiter: "x" },
        { type: "FixedLength", length: 3 },
      ],
    },
    decoder: { type: "CTC", pad_token: "<unk>", word_delimiter_token: "|", cleanup: true },
    model: { type: "WordLevel", vocab: { "<unk>": 0, to: 1, be: 2 }, unk_token: "<unk>" },
  },
  {
    pre_tokenizer: { type: "ByteLevel", add_prefix_space: false },
    decoder: { type: "ByteLevel" },
    model: { type: "BPE", vocab: { a: 0, b: 1, ab: 2 }, merges: ["a b"] },
  },
];

const bytes = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);
const BYTE_PIECES = Array.from(
  { length: 256 },
  (_, byte) => [`<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`, 0, 6] as const,
);

/** Folders without a `tokenizer.json`: JSON files, and one file that is none. */
const FOLDERS: readonly {
  readonly json: Record<string, unknown>;
  readonly other: Record<string, Uint8Array<ArrayBuffer>>;
}[] = [
  {
    json: {
      "tokenizer_config.json": {
        tokenizer_class: "LlamaTokenizer",
        add_bos_token: true,
        pad_token: "<pad>",
        additional_special_tokens: ["<x>"],
      },
      "special_tokens_map.json": {
        bos_token: { content: "<s>", lstrip: false },
        eos_token: "</s>",
      },
      "added_tokens.json": { "<x>": 269, "to be": 270 },
    },
    other: {
      "tokenizer.model": sentencePieceFile([...SMALL, ...BYTE_PIECES], {
        type: 2,
        settings: [[35, 1]],
        removesSpaces: false,
      }),
    },
  },
  {
    json: {
      "tokenizer_config.json": {
        tokenizer_class: "T5Tokenizer",
        extra_ids: 3,
        added_tokens_decoder: { "0": { content: "<s>", special: true }, "4": { content: "to" } },
      },
      "config.json": { model_type: "t5" },
    },
    other: {
      "spiece.model": sentencePieceFile([
        ["<pad>", 0, 3],
        ["</s>", 0, 3],
        ["<unk>", 0, 2],
        ...SMALL.slice(3),
      ]),
    },
  },
  {
    json: {
      "tokenizer_config.json": { tokenizer_class: "RobertaTokenizer", add_prefix_space: true },
      "special_tokens_map.json": { mask_token: { content: "<mask>", lstrip: true } },
      "vocab.json": { "<s>": 0, "</s>": 1, "<mask>": 2, "\u0120": 3, t: 4, o: 5, to: 6 },
    },
    other: { "merges.txt": bytes("#version: 0.2\nt o\n") },
  },
  {
    json: { "tokenizer_config.json": { do_lower_case: false }, "added_tokens.json": { "<x>": 6 } },
    other: { "vocab.txt": bytes("[PAD]\n[UNK]\n[CLS]\n[SEP]\nto\n##e\n") },
  },
];

const VALUES: readonly unknown[] = [
  ...[
    null,
    true,
    0,
    -1,
    1e9,
    1.5,
    "",
    "a",
    "\ud800",
    "x".repeat(5000),
    [],
    {},
    [[]],
    "(a+)+$",
    "(?:a|ab)*?(?=b)",
    "[",
  ],
  ...[
    "Sequence",
    "Split",
    "ByteLevel",
    "Replace",
    "Unigram",
    "BPE",
    "Digits",
    "Punctuation",
    "NFKC",
  ],
  ...["Precompiled", "Strip", "FixedLength", "CTC", "Metaspace", "RobertaProcessing", "BPEDecoder"],
  Array.from({ length: 300 }, () => ({ type: "NFD" })),
];

/** A deep copy with a few values replaced, removed, doubled or moved. */
function mutateJson(file: unknown, random: Random): unknown {
  const copy = structuredClone(file);
  for (let n = 1 + pick(random, 3); n > 0; n--) {
    const nodes = containers(copy);
    const node = nodes[pick(random, nodes.length)];
    const keys = Object.keys(node);
    const key = keys.length > 0 ? keys[pick(random, keys.length)] : "type";
    const other = nodes[pick(random, nodes.length)];
    const change = pick(random, 5);
    if (change === 0) delete node[key];
    else if (change === 1) node[key] = structuredClone(other);
    else if (change === 2) node[`${key}x`] = node[key];
    else node[key] = structuredClone(VALUES[pick(random, VALUES.length)]);
  }
  return copy;
}

function containers(value: unknown): Record<string, unknown>[] {
  if (typeof value !== "object" || value === null) return [];
  return [value as Record<string, unknown>, ...Object.values(value).flatMap(containers)];
}

/** A copy with bytes changed, removed, doubled or put in. */
function mutateBytes(bytes: Uint8Array, random: Random): Uint8Array<ArrayBuffer> {
  let copy = Uint8Array.from(bytes);
  for (let n = 1 + pick(random, 4); n > 0; n--) {
    const at = pick(random, copy.length + 1);
    const length = 1 + pick(random, 8);
    const change = pick(random, 4);
    if (change === 0) copy[at] = pick(random, 256);
    else if (change === 1) copy[at] ^= 1 << pick(random, 8);
    else if (change === 2) {
      copy = Uint8Array.of(...copy.subarray(0, at), ...copy.subarray(at + length));
    } else copy = Uint8Array.of(...copy.subarray(0, at + length), ...copy.subarray(at));
  }
  return copy;
}

function pick(random: Random, count: number): number {
  return Math.floor(random.uniform() * count);
}

async function run(
  count: number,
  open: () => Promise<Tokenizer | undefined>,
): Promise<FuzzReport> {
  const report = { opened: 0, refused: 0, slowest: 0 };
  for (let i = 0; i < count; i++) {
    const start = performance.now();
    try {
      const tokenizer = await open();
      if (tokenizer) {
        report.opened++;
        const ids = tokenizer.encode(TEXT, { addSpecialTokens: true });
        const stream = tokenizer.stream();
        let text = "";
        for (const id of ids) text += stream.push(id);
        text += stream.end();
        if (text !== tokenizer.decode(ids)) throw new Error("a stream is not what is decoded");
        checkRows(tokenizer, ids);
      }
    } catch (error) {
      const expected = error instanceof SyntaxError || error instanceof RangeError;
      // A stack that overflows is a RangeError too, and no refusal.
      if (!expected || /call stack/.test(error.message)) throw error;
      report.refused++;
    }
    report.slowest = Math.max(report.slowest, performance.now() - start);
  }
  return report;
}

/** Rows with offsets must have the same ids, and places inside the text. */
function checkRows(tokenizer: Tokenizer, ids: Uint32Array): void {
  tokenizer.encode(TEXT, { pair: "to be", addSpecialTokens: true });
  if (tokenizer.kind === "sentencepiece") return;
  const { ids: [row], offsets: [places] = [] } = tokenizer.encodeBatch([TEXT], { offsets: true });
  if (row.join() !== ids.join()) throw new Error("ids with offsets are not those without");
  for (let i = 0; i < places.length; i += 2) {
    const isPlace = places[i] <= places[i + 1] && places[i + 1] <= TEXT.length;
    if (!isPlace) throw new Error(`token ${i / 2} has the place ${places[i]} to ${places[i + 1]}`);
  }
}

/** Opens `count` mutated `tokenizer.json`, some changed as values, some as text. */
export async function fuzzJson(count: number, seed: number): Promise<FuzzReport> {
  const random = new Random(seed);
  return await run(count, async () => {
    const file = mutateJson(FILES[pick(random, FILES.length)], random);
    const text = new TextEncoder().encode(JSON.stringify(file));
    const bytes = pick(random, 4) === 0 ? mutateBytes(text, random) : text;
    return await parseTokenizer(new TextDecoder().decode(bytes));
  });
}

/**
 * Reads `count` mutated models. Unigram ones are opened in full, of the others every `each`-th,
 * which takes an instance of the package.
 */
export async function fuzzModels(count: number, seed: number, each: number): Promise<FuzzReport> {
  const random = new Random(seed);
  const sound = [sentencePieceFile(SMALL), ...Object.values(UNIGRAM_MODELS)];
  let read = 0;
  return await run(count, async () => {
    const bytes = mutateBytes(sound[pick(random, sound.length)], random);
    const { type } = readSentencePieceModel(bytes);
    const opens = type === "unigram" || read++ % each === 0;
    return opens ? await SentencePieceTokenizer.open(bytes) : undefined;
  });
}

/** Opens `count` folders without a `tokenizer.json`, with changed files. */
export async function fuzzFolders(count: number, seed: number): Promise<FuzzReport> {
  const random = new Random(seed);
  return await run(count, async () => {
    const folder = FOLDERS[pick(random, FOLDERS.length)];
    const { json, other } = { json: mutateJson(folder.json, random), other: folder.other };
    const files: Record<string, unknown> = { ...json as object, ...other };
    if (pick(random, 3) === 0) {
      const [name] = Object.keys(other);
      files[name] = mutateBytes(other[name], random);
    }
    return await tokenizerIn((name) => {
      const content = files[name];
      if (content === undefined || content instanceof Uint8Array) {
        return Promise.resolve(content as Uint8Array<ArrayBuffer> | undefined);
      }
      return Promise.resolve(new TextEncoder().encode(JSON.stringify(content)));
    });
  });
}

if (import.meta.main) {
  const [count = 100_000, seed = 1] = Deno.args.map(Number);
  const all = { "tokenizer.json": fuzzJson, models: fuzzModels, folders: fuzzFolders };
  for (const [name, fuzz] of Object.entries(all)) {
    const start = performance.now();
    const report = await fuzz(count, seed, 50);
    const seconds = Math.round((performance.now() - start) / 1000);
    const { rss } = Deno.memoryUsage();
    console.log(name, count, { ...report, seconds, residentMB: Math.round(rss / 1e6) });
  }
}
