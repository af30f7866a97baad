/**
 * The end of a decoder: what collects the text.
 *
 * @module
 */

import type { TokenSink } from "./token_sink.ts";

/** Joins the text of all tokens. */
export class Collector implements TokenSink {
  #text = "";

  /** Nothing: tokens are joined without anything between them. */
  open(): void {}

  /** Appends a part of a token. */
  write(text: string): void {
    this.#text += text;
  }

  /** Nothing. */
  close(): void {}

  /** Nothing. */
  end(): void {}

  /** The text since the last call. */
  take(): string {
    const text = this.#text;
    this.#text = "";
    return text;
  }
}
