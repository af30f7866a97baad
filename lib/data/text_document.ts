/**
 * Documents to train on: a text, a prompt with its completion, or a conversation.
 *
 * @module
 */
import { describe, UserError } from "../errors.ts";
import { isObject } from "../rules.ts";
import type { ChatMessage } from "../text/chat_template.ts";

/** A document, or an example of an instruction and its answer. */
export type TextDocument =
  | { readonly text: string }
  | { readonly prompt: string; readonly completion: string }
  | { readonly messages: readonly ChatMessage[] };

const ROLES: readonly unknown[] = ["system", "user", "assistant"];

/**
 * Reads a document from a JSON value; `where` names the value in errors, `column` is the key of its
 * text.
 *
 * @throws {UserError} if the value is no document
 */
export function documentOf(
  value: unknown,
  { where, column }: { where: string; column: string },
): TextDocument {
  const { [column]: text, prompt, completion, messages } = isObject(value) ? value : {};
  if (typeof prompt === "string" && typeof completion === "string") return { prompt, completion };
  if (Array.isArray(messages) && messages.every(isMessage) && messages.some(isAnswer)) {
    return { messages: messages.map(({ role, content }) => ({ role, content })) };
  }
  if (typeof text === "string") return { text };
  throw new UserError(
    `${where}: expected an object with "${column}", with "prompt" and "completion", or with ` +
      `"messages" that hold an answer of the assistant, got ${describe(value)}`,
  );
}

/** Whether a turn is the model's. */
export function isAnswer({ role }: ChatMessage): boolean {
  return role === "assistant";
}

/** Whether a value is a turn of a conversation. */
export function isMessage(value: unknown): value is ChatMessage {
  return isObject(value) && ROLES.includes(value.role) && typeof value.content === "string";
}
