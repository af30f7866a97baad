/**
 * Documents as ids, each with its end token and the length of its masked prompt.
 *
 * @module
 */
import { chatText } from "../text/chat_template.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { yieldToEvents } from "../yield_to_events.ts";
import { isAnswer, type TextDocument } from "./text_document.ts";

/** A document's ids. */
export interface EncodedDocument {
  /** Token ids, the end token last. */
  readonly ids: Uint32Array<ArrayBuffer>;
  /** How many ids at its beginning are no targets: those of the prompt. */
  readonly prompt: number;
}

/**
 * Encodes documents. A model learns the whole of a text, and only the completion or the assistant's
 * answer of the others; each answer of a conversation is a separate example, in the form of the
 * tokenizer's chat template.
 *
 * @throws {RangeError} if the tokenizer has no end token or cannot encode a text, or if there are
 *   conversations and it has no chat template
 */
export async function encodeDocuments(
  tokenizer: Tokenizer,
  documents: readonly TextDocument[],
): Promise<EncodedDocument[]> {
  const { endId } = tokenizer;
  if (endId === undefined) {
    throw new RangeError(
      "encodeDocuments: expected a tokenizer with an end token, which separates documents, got " +
        'one without; CharacterTokenizer.fromText(text, { padding: "<|endoftext|>" }) has one, ' +
        "and trainBytePair with that special token",
    );
  }
  const encoded: EncodedDocument[] = [];
  for (const document of documents) {
    await yieldToEvents();
    for (const [prompt, text] of await parts(tokenizer, document)) {
      const [before, learned] = [tokenizer.encode(prompt), tokenizer.encode(text)];
      const ids = new Uint32Array(before.length + learned.length + 1);
      ids.set(before);
      ids.set(learned, before.length);
      ids[ids.length - 1] = endId;
      encoded.push({ ids, prompt: before.length });
    }
  }
  return encoded;
}

/** The masked and the learned part of each example of a document. */
async function parts(
  tokenizer: Tokenizer,
  document: TextDocument,
): Promise<[prompt: string, text: string][]> {
  if ("text" in document) return [["", document.text]];
  if ("prompt" in document) return [[document.prompt, document.completion]];
  const { messages } = document;
  return await Promise.all(
    messages.flatMap((message, index) => {
      if (!isAnswer(message)) return [];
      const prompt = chatText(tokenizer, messages.slice(0, index));
      return [prompt.then((text): [string, string] => [text, message.content])];
    }),
  );
}
