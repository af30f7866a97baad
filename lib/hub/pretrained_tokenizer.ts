/**
 * The tokenizer beside a model's weights, read and written.
 *
 * @module
 */
import { openTokenizer } from "../text/open_tokenizer.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import type { TextEnds } from "./config.ts";
import { readText, readWhole, type Repository } from "./repository.ts";

/** The most bytes that a SentencePiece model may have. */
const LARGEST_MODEL = 100_000_000;

/**
 * The tokenizer of a model; undefined where it has no file of one.
 *
 * @throws {SyntaxError} where the file is malformed, or needs what Folio cannot do
 */
export async function readTokenizer(repository: Repository): Promise<Tokenizer | undefined> {
  const json = await readText(repository, "tokenizer.json");
  if (json !== undefined) {
    const config = await readText(repository, "tokenizer_config.json");
    const template = await readText(repository, "chat_template.jinja");
    return await openTokenizer({ json, config, template });
  }
  const model = await readWhole(repository, "tokenizer.model", LARGEST_MODEL);
  return model && await openTokenizer({ model });
}

/** The files by which `transformers`, and Folio, open a tokenizer: names and contents. */
export function tokenizerFiles(
  tokenizer: Tokenizer,
  { beginToken, endTokens = [] }: Partial<TextEnds>,
): [name: string, content: Uint8Array[]][] {
  const files = tokenizer.files();
  // What was opened from files goes into the same files.
  if (files.size > 1 || !files.has("tokenizer.json")) {
    return Array.from(files, ([name, content]) => [
      name,
      typeof content === "string" ? encode(content) : [content],
    ]);
  }
  const token = (id: number | undefined) => id === undefined ? null : tokenizer.token(id);
  const settings = {
    tokenizer_class: "PreTrainedTokenizerFast",
    bos_token: token(beginToken),
    eos_token: token(endTokens[0]),
    pad_token: token(tokenizer.paddingId),
  };
  return [
    ["tokenizer.json", encode(JSON.stringify(tokenizer.toJSON()))],
    ["tokenizer_config.json", encode(JSON.stringify(settings, undefined, 2) + "\n")],
  ];
}

function encode(text: string): Uint8Array[] {
  return [new TextEncoder().encode(text)];
}
