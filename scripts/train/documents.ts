/**
 * The documents that a run of `deno task train` learns from, and the tokenizer made of them.
 *
 * @module
 */
import {
  CharacterTokenizer,
  type EncodedDocument,
  lowerCaseWords,
  type TextDocument,
  type Tokenizer,
  UserError,
  WordTokenizer,
} from "../../mod.ts";
import type { Plan } from "./choices.ts";

/** Encoded documents to learn from, and to measure on. */
export interface DocumentParts {
  readonly train: readonly EncodedDocument[];
  readonly validation: readonly EncodedDocument[];
}

/** The end token of every document. It also pads rows, as in GPT-2. */
export const END = "<|endoftext|>";

/**
 * A tokenizer with an end token of everything that the documents contain; of lower-case words, of
 * those that occur twice in the part to learn from, as `<unk>` stands for the others.
 *
 * @throws {UserError} if there are conversations, which need a model's own chat template
 */
export async function documentTokenizer(
  { train, validation }: Record<keyof DocumentParts, readonly TextDocument[]>,
  kind: Plan["tokenizer"],
): Promise<Tokenizer> {
  if (kind === "lower-words") {
    return await lowerCaseWords(train.flatMap(textsOf), { classToken: "last" });
  }
  const text = [...train, ...validation].flatMap(textsOf).join(kind === "char" ? "" : "\n");
  if (kind === "char") return CharacterTokenizer.fromText(text, { padding: END });
  return WordTokenizer.fromText(text, {
    padding: END,
    unknown: kind === "word" ? "<unk>" : undefined,
  });
}

/**
 * Holds the last documents out: a fraction of them, at least one.
 *
 * @throws {UserError} if there is only one document
 */
export function splitDocuments(
  documents: readonly TextDocument[],
  share: number,
): { train: readonly TextDocument[]; validation: readonly TextDocument[] } {
  const held = Math.max(1, Math.round(documents.length * share));
  if (held < documents.length) {
    return { train: documents.slice(0, -held), validation: documents.slice(-held) };
  }
  throw new UserError(
    `expected several documents, of which a share of ${share} is held out, got ` +
      `${documents.length}; name others to measure on with --validation FILE`,
  );
}

/** The ids of all documents, concatenated. */
export function joined(documents: readonly EncodedDocument[]): Uint32Array<ArrayBuffer> {
  const length = documents.reduce((sum, { ids }) => sum + ids.length, 0);
  const all = new Uint32Array(length);
  let at = 0;
  for (const { ids } of documents) {
    all.set(ids, at);
    at += ids.length;
  }
  return all;
}

function textsOf(document: TextDocument): string[] {
  if ("text" in document) return [document.text];
  if ("prompt" in document) return [document.prompt, document.completion];
  throw new UserError(
    "conversations need the chat template of a model; give one with --init-from",
  );
}
