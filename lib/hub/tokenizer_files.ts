/**
 * A tokenizer written to a folder: alone, or beside a model as `transformers` opens it.
 *
 * See load_tokenizer.ts for reading it back.
 *
 * @module
 */
import { jsonContent, makeFolder, type NamedFile, writeFilesAtomically } from "../files.ts";
import { localPath } from "../place.ts";
import { expectTokenizer } from "../text/expect_tokenizer.ts";
import { tokenizerContents } from "../text/tokenizer_files.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { WordTokenizer } from "../text/word_tokenizer.ts";
import type { TextEnds } from "./text_ends.ts";

const GPT2_END = "<|endoftext|>";

/**
 * Saves a tokenizer's files to a folder, which is made if it is missing, and returns their paths:
 * all files or none. `loadTokenizer` reads them back.
 *
 * ```ts
 * import { saveTokenizer, WordTokenizer } from "../../mod.ts";
 * const folder = await Deno.makeTempDir();
 * const [path] = await saveTokenizer(folder, WordTokenizer.fromText("to be or not to be"));
 * console.log(path === `${folder}/tokenizer.json`); // true
 * ```
 *
 * @throws {UserError} if one cannot be written
 * @throws {TypeError} if the folder is no path, or `tokenizer` no tokenizer
 */
export async function saveTokenizer(
  folder: string | URL,
  tokenizer: Tokenizer,
): Promise<string[]> {
  const path = localPath("saveTokenizer", folder);
  expectTokenizer("saveTokenizer", tokenizer);
  const files = tokenizerContents(tokenizer)
    .map(([name, content]): NamedFile => [`${path}/${name}`, content]);
  await makeFolder(path);
  await writeFilesAtomically(...files);
  return files.map(([path]) => path);
}

/** What is known of a tokenizer's model. */
export interface BesideTokenizer {
  /** The tokens around its texts. */
  readonly ends: Partial<TextEnds>;
  /** The longest sequence, in tokens. */
  readonly contextLength: number;
}

/** The files by which `transformers`, and Folio, open a model's tokenizer. */
export function pretrainedTokenizerFiles(
  tokenizer: Tokenizer,
  { ends: { beginToken, endTokens = [] }, contextLength }: BesideTokenizer,
): NamedFile[] {
  const files = tokenizerContents(tokenizer);
  // What was read from several files, or from SentencePiece's, is written to the same ones.
  if (files.length > 1 || files[0][0] !== "tokenizer.json") return files;
  const token = (id: number | undefined) => id === undefined ? null : tokenizer.token(id);
  const settings = {
    tokenizer_class: "PreTrainedTokenizerFast",
    bos_token: token(beginToken),
    eos_token: token(endTokens[0]),
    pad_token: token(tokenizer.paddingId),
    unk_token: unknownToken(tokenizer),
    model_max_length: contextLength,
  };
  return [...files, ["tokenizer_config.json", jsonContent(settings)]];
}

/** The token of what the vocabulary lacks; GPT-2's names its end token, though bytes lack none. */
function unknownToken(tokenizer: Tokenizer): string | null {
  if (tokenizer instanceof WordTokenizer) {
    return tokenizer.unknownId === undefined ? null : tokenizer.token(tokenizer.unknownId);
  }
  const isGpt2 = tokenizer.kind === "byte-pair" && tokenizer.specialTokens.has(GPT2_END);
  return isGpt2 ? GPT2_END : null;
}
