/**
 * One continuation while it grows: what ends it, and which of its tokens and text are certain.
 *
 * A token that may be the beginning of a stop sequence, or whose text may be that of a stop string,
 * is held back until that is decided.
 *
 * @module
 */
import type { TokenStream } from "../text/tokenizer.ts";

/**
 * Why a text ended: enough tokens, an end token, a stop sequence, the context's end, rules that
 * forbid every token, or the signal.
 */
export type FinishReason = "length" | "end" | "stop" | "context" | "forbidden" | "aborted";

/** A token that certainly belongs to the result, and the text that it completes. */
export interface CertainToken {
  /** Its id. */
  readonly token: number;
  /** What it adds to the text; empty while a character still lacks bytes. */
  readonly text: string;
  /** Its log-probability in nats, with `scores`. */
  readonly score: number | undefined;
}

/** What may end a continuation. */
export interface Endings {
  /** End tokens; they are not part of the result. */
  readonly ends: ReadonlySet<number>;
  /** Runs of tokens that end it; they are cut off. */
  readonly stopTokens: readonly (readonly number[])[];
  /** Texts that end it; it is cut off before them. */
  readonly stopStrings: readonly string[];
  /** The maximum number of tokens. */
  readonly most: number;
}

/** Tokens after a prompt, one at a time. */
export class Continuation {
  /** The tokens so far, without those that were cut off. */
  readonly tokens: number[] = [];
  /** Their log-probabilities, if known. */
  readonly scores: number[] = [];
  /** Set when it has ended. */
  reason: FinishReason | undefined;
  #text = "";
  /** The length of the text with each token. */
  readonly #ends: number[] = [];
  #released = 0;

  /** `stream` decodes the tokens; it has seen the prompt's. */
  constructor(readonly endings: Endings, readonly stream: TokenStream | undefined) {}

  /** The text so far, cut off before a stop string. */
  get text(): string {
    return this.#text;
  }

  /** Takes the next token and returns those that are certain by now. */
  push(token: number, score: number | undefined): CertainToken[] {
    if (this.reason) return [];
    const { ends, stopTokens, stopStrings, most } = this.endings;
    if (ends.has(token)) return this.finish("end");
    this.tokens.push(token);
    if (score !== undefined) this.scores.push(score);
    const before = this.#text.length;
    this.#text += this.stream?.push(token) ?? "";
    this.#ends.push(this.#text.length);
    const run = stopTokens.find((run) => endsWith(this.tokens, run));
    if (run) return this.#stopAt(this.tokens.length - run.length);
    const at = firstOf(this.#text, stopStrings, before);
    if (at >= 0) return this.#cutText(at);
    if (this.tokens.length === most) return this.finish("length");
    return this.#release(
      this.tokens.length - heldTokens(this.tokens, stopTokens),
      this.#text.length - heldText(this.#text, stopStrings),
    );
  }

  /** Ends it and returns the tokens that were still held back; pending text is added. */
  finish(reason: FinishReason): CertainToken[] {
    this.reason = reason;
    this.#text += this.stream?.end() ?? "";
    if (this.#ends.length > 0) this.#ends[this.#ends.length - 1] = this.#text.length;
    return this.#release(this.tokens.length, this.#text.length);
  }

  /** Ends it with its first `count` tokens. */
  #stopAt(count: number): CertainToken[] {
    this.reason = "stop";
    this.tokens.length = this.#ends.length = count;
    this.scores.length = Math.min(this.scores.length, count);
    this.#text = this.#text.slice(0, this.#ends.at(-1) ?? 0);
    return this.#release(count, this.#text.length);
  }

  /** Ends it before the character `at`, with the tokens whose text begins before that. */
  #cutText(at: number): CertainToken[] {
    const count = this.#ends.findIndex((end) => end >= at) + (at > 0 ? 1 : 0);
    this.#ends[count - 1] = Math.min(this.#ends[count - 1], at);
    return this.#stopAt(count);
  }

  #release(tokens: number, text: number): CertainToken[] {
    const certain: CertainToken[] = [];
    while (this.#released < tokens && this.#ends[this.#released] <= text) {
      const i = this.#released++;
      const piece = this.#text.slice(i === 0 ? 0 : this.#ends[i - 1], this.#ends[i]);
      certain.push({ token: this.tokens[i], text: piece, score: this.scores[i] });
    }
    return certain;
  }
}

function endsWith(tokens: readonly number[], run: readonly number[]): boolean {
  const start = tokens.length - run.length;
  return start >= 0 && run.every((token, i) => tokens[start + i] === token);
}

/** Where the first of the strings begins that ends after `before`, or −1. */
function firstOf(text: string, strings: readonly string[], before: number): number {
  const places = strings
    .map((string) => text.indexOf(string, Math.max(0, before - string.length + 1)))
    .filter((place) => place >= 0);
  return places.length === 0 ? -1 : Math.min(...places);
}

/** How many of the last tokens may begin a run. */
function heldTokens(tokens: readonly number[], runs: readonly (readonly number[])[]): number {
  const held = runs.map((run) => {
    for (let n = Math.min(run.length - 1, tokens.length); n > 0; n--) {
      if (endsWith(tokens, run.slice(0, n))) return n;
    }
    return 0;
  });
  return Math.max(0, ...held);
}

/** How many of the last characters may begin one of the strings. */
function heldText(text: string, strings: readonly string[]): number {
  const held = strings.map((string) => {
    for (let n = Math.min(string.length - 1, text.length); n > 0; n--) {
      if (text.endsWith(string.slice(0, n))) return n;
    }
    return 0;
  });
  return Math.max(0, ...held);
}
