/**
 * Preferences to learn from: a prompt, an answer that was chosen and one that was rejected.
 *
 * See document_files.ts for texts, lib/train/preference_trainer.ts for learning.
 *
 * @module
 */
import { describe, UserError } from "../errors.ts";
import { localPath } from "../place.ts";
import { type ChatMessage, chatText } from "../text/chat_template.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { textOf } from "./checked_text.ts";
import { readCorpusFile } from "./corpus_files.ts";
import { encodeDocuments } from "./encode_documents.ts";
import { isAnswer, isMessage } from "./text_document.ts";

/** Two answers to a prompt. */
export interface Preference {
  /** The text before the answer, or the turns of a conversation. */
  readonly prompt: string | readonly ChatMessage[];
  /** The better answer. */
  readonly chosen: string;
  /** The worse one. */
  readonly rejected: string;
}

/** The same as ids; both answers end with the end token. */
export interface PreferencePair {
  /** Token ids before the answer; at least one. */
  readonly prompt: ArrayLike<number>;
  /** Ids of the better answer. */
  readonly chosen: ArrayLike<number>;
  /** Ids of the worse one. */
  readonly rejected: ArrayLike<number>;
}

/**
 * Loads preferences from a `.jsonl` file in the forms of Python's TRL: `prompt`, `chosen` and
 * `rejected` as texts or as lists of messages; without `prompt` the messages that both answers
 * share come before it.
 *
 * @throws {UserError} if the file cannot be read, is empty, or a line is no preference
 */
export async function loadPreferences(place: string | URL): Promise<Preference[]> {
  const path = localPath("loadPreferences", place);
  const { bytes } = await readCorpusFile(path, `preferences ${path}`);
  const lines = textOf(bytes, `preferences ${path}`).split(/\r?\n/);
  return lines.flatMap((line, index) =>
    line.trim() === "" ? [] : [preferenceOf(line, `${path} line ${index + 1}`)]
  );
}

/** Reads a preference from a line; `where` names it in errors. */
function preferenceOf(line: string, where: string): Preference {
  const value = parsed(line);
  const found = ofTexts(value) ?? ofMessages(value);
  if (!found) {
    throw new UserError(
      `${where}: expected an object with "prompt", "chosen" and "rejected", texts or lists of ` +
        `messages of which the last is the assistant's, got ${describe(value)}`,
    );
  }
  if (found.chosen !== found.rejected) return found;
  throw new UserError(`${where}: expected different answers, both are ${describe(found.chosen)}`);
}

function parsed(line: string): Record<string, unknown> {
  try {
    return Object(JSON.parse(line));
  } catch {
    return {};
  }
}

function ofTexts({ prompt, chosen, rejected }: Record<string, unknown>): Preference | undefined {
  if (![prompt, chosen, rejected].every((text) => typeof text === "string")) return undefined;
  return { prompt, chosen, rejected } as Preference;
}

function ofMessages(value: Record<string, unknown>): Preference | undefined {
  const { prompt = [], chosen, rejected } = value;
  if (
    ![prompt, chosen, rejected].every((turns) => Array.isArray(turns) && turns.every(isMessage))
  ) {
    return undefined;
  }
  const [before, better, worse] = [prompt, chosen, rejected] as ChatMessage[][];
  const turns = (messages: ChatMessage[]) =>
    messages.map(({ role, content }) => ({ role, content }));
  const [first, other] = [turns([...before, ...better]), turns([...before, ...worse])];
  const [answer, otherAnswer] = [first.pop(), other.pop()];
  const isSame = JSON.stringify(first) === JSON.stringify(other);
  if (!isSame || !answer || !otherAnswer || first.length === 0) return undefined;
  if (!isAnswer(answer) || !isAnswer(otherAnswer)) return undefined;
  return { prompt: first, chosen: answer.content, rejected: otherAnswer.content };
}

/**
 * Encodes preferences; conversations in the form of the tokenizer's chat template.
 *
 * @throws {RangeError} if the tokenizer has no end token or cannot encode a text, if there are
 *   conversations and it has no chat template, or a prompt has no token
 */
export async function encodePreferences(
  tokenizer: Tokenizer,
  preferences: readonly Preference[],
): Promise<PreferencePair[]> {
  return await Promise.all(preferences.map(async ({ prompt, chosen, rejected }, i) => {
    const text = typeof prompt === "string" ? prompt : await chatText(tokenizer, prompt);
    const documents = [chosen, rejected].map((completion) => ({ prompt: text, completion }));
    const [better, worse] = await encodeDocuments(tokenizer, documents);
    if (better.prompt === 0) {
      throw new RangeError(
        `encodePreferences: expected a prompt with a token, got ${
          describe(text)
        } in preference ${i}`,
      );
    }
    return {
      prompt: better.ids.subarray(0, better.prompt),
      chosen: better.ids.subarray(better.prompt),
      rejected: worse.ids.subarray(worse.prompt),
    };
  }));
}
