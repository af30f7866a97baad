/**
 * Turns a text into tokens: train.bin, val.bin (nanoGPT's format) and tokenizer.json.
 *
 *     deno task tokenize --dataset book.txt --tokenizer bpe --vocab-size 4096 --out runs/book
 *
 * @module
 */
import { choice, type FlagValues, integer, text, toggle } from "../lib/cli/flags.ts";
import { formatCount, formatItems, formatRate } from "../lib/cli/numbers.ts";
import { print, stderr } from "../lib/cli/output.ts";
import { withDownloadProgress } from "../lib/cli/progress.ts";
import { runScript, userInput } from "../lib/cli/run.ts";
import {
  CharacterTokenizer,
  loadCorpus,
  loadPreparedCorpus,
  prepareCorpus,
  preparedFilesIn,
  splitCorpus,
  type Tokenizer,
  trainBytePair,
  UserError,
  WordTokenizer,
} from "../mod.ts";

const flags = {
  dataset: text(undefined, "corpus name, text file, URL, or - for standard input", {
    placeholder: "CORPUS",
    shownDefault: "tiny-shakespeare",
  }),
  tokenizer: choice("char", "what a token is: a character, a word, or a byte pair", {
    choices: ["char", "word", "bpe"],
  }),
  vocabSize: integer(undefined, "size of the vocabulary, for bpe and word", {
    min: 2,
    max: 65536,
    shownDefault: "4096 for bpe, every word for word",
  }),
  out: text("runs/tokens", "folder to write to", { placeholder: "DIR" }),
  keep: toggle(false, "if --out already holds these tokens, leave them as they are"),
};

const command = {
  name: "deno task tokenize",
  summary:
    "Turns a text into train.bin, val.bin and tokenizer.json, for `deno task train --dataset DIR`.",
  flags,
  examples: [
    ["deno task tokenize --dataset book.txt --out runs/book", "characters of a file"],
    ["deno task tokenize --tokenizer bpe --vocab-size 2048", "byte pairs learned from the text"],
  ] as const,
};

await runScript(command, async ({ flags }) => {
  const { dataset, out } = flags;
  const existing = await preparedFilesIn(out);
  if (existing.length > 0 && !flags.keep) {
    throw new UserError(
      `${out} already holds ${existing.join(", ")}; ` +
        "name another folder with --out, or remove it first",
    );
  }
  if (flags.vocabSize !== undefined && flags.tokenizer === "char") {
    throw new UserError("--vocab-size is for bpe and word; char takes every character of the text");
  }
  const corpus = await withDownloadProgress(
    dataset ?? "corpus",
    (onProgress) => loadCorpus(dataset, { onProgress }),
  );
  if (corpus.notice) stderr.write(`${corpus.notice}\n`);
  const tokenizer = await userInput(() => makeTokenizer(corpus.text, flags));
  if (existing.length > 0) {
    await expectSameTokens(out, corpus.text, tokenizer);
    return print(`kept        ${out}: it already holds these tokens`);
  }
  const counts = await userInput(() => prepareCorpus(out, { text: corpus.text, tokenizer }));
  const tokens = counts.trainTokens + counts.validationTokens;
  const rate = formatRate(tokens / counts.encodeMilliseconds * 1000);
  print(`corpus      ${corpus.name}, ${formatCount(corpus.bytes)} bytes`);
  print(
    `tokens      ${formatCount(counts.trainTokens)} to train on, ` +
      `${formatCount(counts.validationTokens)} held out; encoded at ${rate} tokens/s`,
  );
  print(`vocabulary  ${formatItems(counts.vocabSize, "token")} (${flags.tokenizer})`);
  print(`wrote       ${counts.files.join(", ")}`);
});

/** Refuses a folder whose files are not those of this text and tokenizer. */
async function expectSameTokens(folder: string, text: string, tokenizer: Tokenizer): Promise<void> {
  const found = await userInput(() => loadPreparedCorpus(folder));
  const { train, validation } = splitCorpus(await userInput(() => tokenizer.encode(text)));
  const isSame = JSON.stringify(found.tokenizer.toJSON()) === JSON.stringify(tokenizer.toJSON()) &&
    isEqual(found.train, train) && isEqual(found.validation, validation);
  if (isSame) return;
  throw new UserError(
    `--keep: ${folder} holds tokens of another text or tokenizer; ` +
      "name another folder with --out, or remove it first",
  );
}

function isEqual(one: ArrayLike<number>, other: ArrayLike<number>): boolean {
  return one.length === other.length && Array.prototype.every.call(one, (id, i) => id === other[i]);
}

function makeTokenizer(
  text: string,
  { tokenizer, vocabSize }: FlagValues<typeof flags>,
): Tokenizer {
  if (tokenizer === "char") return CharacterTokenizer.fromText(text);
  if (tokenizer === "bpe") {
    return trainBytePair(text, { vocabSize: vocabSize ?? 4096, specialTokens: ["<|endoftext|>"] });
  }
  return WordTokenizer.fromText(text, { unknown: "<unk>", vocabSize });
}
