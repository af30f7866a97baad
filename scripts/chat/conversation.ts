/**
 * A conversation with a model: its turns, the text that the chat template makes of them, and
 * answers while they are generated. See ../chat.ts for the lines and keys.
 *
 * @module
 */
import { userInput } from "../../lib/cli/run.ts";
import {
  type ChatMessage,
  chatText,
  type GenerationOptions,
  streamText,
  UserError,
} from "../../mod.ts";
import type { OpenedModel } from "../generation/open_model.ts";

/** Options of a conversation. */
export interface ConversationOptions extends GenerationOptions {
  /** Instruction that precedes all turns. Default: none. */
  readonly system?: string;
  /** Maximum number of tokens of an answer. */
  readonly maxNewTokens: number;
}

/** What a conversation needs of a model. */
export type Speaker = Pick<OpenedModel, "model" | "tokenizer" | "endTokens">;

/** The turns so far; `ask` and `answer` add the next. */
export class Conversation {
  readonly #opened: Speaker;
  readonly #options: GenerationOptions;
  readonly #maxNewTokens: number;
  readonly #messages: ChatMessage[];
  /** How many of the first messages no longer fit into the context. */
  forgotten = 0;

  /** @throws {UserError} if the tokenizer has no chat template */
  constructor(opened: Speaker, { system, ...options }: ConversationOptions) {
    if (opened.tokenizer.chatTemplate === undefined) {
      throw new UserError(
        "the model's tokenizer has no chat template; use `deno task sample` for models that " +
          "continue a text",
      );
    }
    this.#opened = opened;
    this.#options = options;
    this.#maxNewTokens = options.maxNewTokens;
    this.#messages = system === undefined ? [] : [{ role: "system", content: system }];
  }

  /**
   * Adds a turn, and returns the tokens of the conversation for `answer`.
   *
   * @throws {UserError} if the turn alone does not fit into the context
   */
  async ask(content: string): Promise<Uint32Array> {
    this.#messages.push({ role: "user", content });
    return await this.#fittingTokens();
  }

  /**
   * Returns the answer to the tokens of `ask`; `write` receives it as it is generated. An answer
   * that the signal ends early is kept in the conversation.
   */
  async answer(
    ids: Uint32Array,
    write: (piece: string) => void,
    signal?: AbortSignal,
  ): Promise<string> {
    const { model, tokenizer, endTokens } = this.#opened;
    const { text = "" } = await userInput(() =>
      streamText(model, ids, {
        ...this.#options,
        tokenizer,
        endToken: endTokens,
        signal,
        overflow: "stop",
        write,
      })
    );
    this.#messages.push({ role: "assistant", content: text });
    return text;
  }

  /** The ids of the conversation, without its first turns if it grew too long. */
  async #fittingTokens(): Promise<Uint32Array> {
    const { model, tokenizer } = this.#opened;
    const { textLength: contextLength } = model;
    const room = contextLength - Math.min(this.#maxNewTokens, Math.ceil(contextLength / 2));
    for (;;) {
      const text = await userInput(() => chatText(tokenizer, this.#messages));
      const ids = await userInput(() => tokenizer.encode(text));
      if (ids.length <= room && ids.length > 0) return ids;
      const first = this.#messages.findIndex(({ role }) => role === "user");
      if (ids.length === 0 || first === this.#messages.length - 1) {
        this.#messages.pop();
        throw new UserError(
          `a turn of ${ids.length} tokens does not fit: the model's context holds ` +
            `${contextLength}, of which ${room} may be used for the conversation`,
        );
      }
      this.#messages.splice(first, 2);
      this.forgotten += 2;
    }
  }
}
