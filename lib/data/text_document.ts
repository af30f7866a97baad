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
 * @throws {UserError} if the value is no document, or could be two
 */
export function documentOf(
  value: unknown,
  { where, column }: { where: string; column: string },
): TextDocument {
  const found = formsOf(value, column);
  if (found.length === 1) return found[0];
  const forms = `"${column}", with "prompt" and "completion", or with "messages" that hold an ` +
    "answer of the assistant";
  if (found.length === 0) {
    throw new UserError(`${where}: expected an object with ${forms}, got ${describe(value)}`);
  }
  throw new UserError(`${where}: expected an object either with ${forms}, got several of them`);
}

/** The documents that a value holds: one, unless it is none or leaves open which is meant. */
function formsOf(value: unknown, column: string): TextDocument[] {
  const { [column]: text, prompt, completion, messages } = isObject(value) ? value : {};
  const forms: TextDocument[] = [];
  if (typeof prompt === "string" && typeof completion === "string") {
    forms.push({ prompt, completion });
  }
  if (Array.isArray(messages) && messages.every(isMessage) && messages.some(isAnswer)) {
    forms.push({ messages: messages.map(({ role, content }) => ({ role, content })) });
  }
  if (typeof text === "string") forms.push({ text });
  return forms;
}

/** Whether a turn is the model's. */
export function isAnswer({ role }: ChatMessage): boolean {
  return role === "assistant";
}

/** Whether a value is a turn of a conversation. */
export function isMessage(value: unknown): value is ChatMessage {
  return isObject(value) && ROLES.includes(value.role) && typeof value.content === "string";
}
