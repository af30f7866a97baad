/**
 * Conversations as the text that a model was trained on: the chat template of its tokenizer, a
 * Jinja template.
 *
 * The package that renders templates is loaded when the first one is used; this is the only module
 * that names it.
 *
 * @module
 */

import { describe } from "../errors.ts";
import { expectDeno } from "../runtime.ts";
import { expectTokenizer } from "./expect_tokenizer.ts";
import { renderTemplate } from "./template_budget.ts";
import type { Tokenizer } from "./tokenizer.ts";

const PACKAGE = "npm:@huggingface/jinja@0.5.11";

/** One turn of a conversation. */
export interface ChatMessage {
  /** The speaker. */
  readonly role: "system" | "user" | "assistant";
  /** The text. */
  readonly content: string;
}

/**
 * The text of a conversation up to the beginning of the model's next answer.
 *
 * @throws {RangeError} if the tokenizer has no chat template
 * @throws {SyntaxError} if the template is malformed, refuses the conversation, or takes too many
 *   steps or characters for it
 * @throws {TypeError} if `tokenizer` is none, or `messages` no list
 */
export async function chatText(
  tokenizer: Tokenizer,
  messages: readonly ChatMessage[],
): Promise<string> {
  expectTokenizer("chatText", tokenizer);
  if (!Array.isArray(messages)) {
    throw new TypeError(
      `chatText: expected a list of { role, content }, got ${describe(messages)}`,
    );
  }
  const { chatTemplate } = tokenizer;
  if (chatTemplate === undefined) {
    throw new RangeError(
      "chatText: the tokenizer has no chat template, so it is no model for conversations",
    );
  }
  expectDeno("fill in a chat template", "the package of templates");
  const jinja = await import(PACKAGE);
  const { beginToken, endToken } = tokenizer;
  try {
    return renderTemplate(jinja, chatTemplate, {
      messages,
      add_generation_prompt: true,
      ...(beginToken === undefined ? {} : { bos_token: beginToken }),
      ...(endToken === undefined ? {} : { eos_token: endToken }),
    });
  } catch (error) {
    throw new SyntaxError(`chat template: ${(error as Error).message}`, { cause: error });
  }
}
