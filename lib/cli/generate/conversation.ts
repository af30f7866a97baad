/**
 * A conversation with a model: turns, the text that its chat template makes of them, and answers as
 * they come.
 *
 * Reading lines and keys is left to the command.
 *
 * @module
 */

import { UserError } from "../../errors.ts";
import { generate } from "../../generate/generate.ts";
import type { GenerationOptions } from "../../generate/generation.ts";
import { type ChatMessage, chatText } from "../../text/chat_template.ts";
import { userInput } from "../run.ts";
import type { OpenedModel } from "./open_model.ts";

/** What a conversation is led with. */
export interface ConversationOptions extends GenerationOptions {
  /** Said to the model before everything else. Default: nothing. */
  readonly system?: string;
  /** The most tokens of an answer. */
  readonly maxNewTokens: number;
}

/** Turns so far, and the next. */
export class Conversation {
  readonly #opened: OpenedModel;
  readonly #options: ConversationOptions;
  readonly #messages: ChatMessage[];
  /** How many of the first turns no longer fit into the context. */
  forgotten = 0;

  /** @throws {UserError} where the tokenizer has no chat template */
  constructor(opened: OpenedModel, options: ConversationOptions) {
    if (opened.tokenizer.chatTemplate === undefined) {
      throw new UserError(
        "the model's tokenizer has no chat template; use `deno task sample` for models that go on with a text",
      );
    }
    this.#opened = opened;
    this.#options = options;
    const { system } = options;
    this.#messages = system === undefined ? [] : [{ role: "system", content: system }];
  }

  /**
   * Says something and gives the answer; `write` gets it piece by piece. An answer that the signal
   * cuts off counts as far as it came.
   *
   * @throws {UserError} where the turn alone does not fit into the context
   */
  async say(
    content: string,
    write: (piece: string) => void,
    signal?: AbortSignal,
  ): Promise<string> {
    this.#messages.push({ role: "user", content });
    const ids = await this.#fittingTokens();
    const { model, tokenizer, endTokens } = this.#opened;
    const { system: _, ...options } = this.#options;
    let printed = 0;
    const [{ text = "" }] = await userInput(() =>
      generate(model, ids, {
        ...options,
        ...{ tokenizer, endToken: endTokens, signal, overflow: "stop" },
        onToken: ({ text }) => {
          write(text);
          printed += text.length;
        },
      })
    );
    write(text.slice(printed));
    this.#messages.push({ role: "assistant", content: text });
    return text;
  }

  /** The ids of the conversation, without its first turns where it grew too long. */
  async #fittingTokens(): Promise<Uint32Array> {
    const { model, tokenizer } = this.#opened;
    const { contextLength } = model.config;
    const room = contextLength - Math.min(this.#options.maxNewTokens, Math.ceil(contextLength / 2));
    for (;;) {
      const text = await userInput(() => chatText(tokenizer, this.#messages));
      const ids = await userInput(() => tokenizer.encode(text));
      if (ids.length <= room && ids.length > 0) return ids;
      const first = this.#messages.findIndex(({ role }) => role === "user");
      if (ids.length === 0 || first === this.#messages.length - 1) {
        this.#messages.pop();
        throw new UserError(
          `a turn of ${ids.length} tokens does not fit: the model's context holds ${contextLength}, ${room} of them for what was said`,
        );
      }
      this.#messages.splice(first, 2);
      this.forgotten += 2;
    }
  }
}
