/**
 * The clean-up of spaces before punctuation, of one token and of a whole text, and the stages it is
 * made of. The decoders that a file describes are in decoders.ts.
 *
 * @module
 */

import { literalPattern, type TextPattern } from "./literal_pattern.ts";
import type { TokenSink } from "./token_sink.ts";

const CLEANED: readonly (readonly [from: string, to: string])[] = [
  [" .", "."],
  [" ?", "?"],
  [" !", "!"],
  [" ,", ","],
  [" ' ", "'"],
  [" n't", "n't"],
  [" 'm", "'m"],
  [" do not", " don't"],
  [" 's", "'s"],
  [" 've", "'ve"],
  [" 're", "'re"],
];

/** A token without the spaces that English does not write. */
export function cleanUp(token: string): string {
  return CLEANED.reduce((token, [from, to]) => token.replaceAll(from, to), token);
}

/** The clean-up of `transformers` over a whole text: what `cleanUp` of `decode` does. */
export function cleanUpText(next: TokenSink): TokenSink {
  const pairs = CLEANED.filter(([from]) => from !== " do not");
  const stages = pairs.reduceRight(
    (next: TokenSink, [from, to]) => new ReplaceStage(next, literalPattern(from), to),
    next,
  );
  return new FuseStage(stages);
}

/** All tokens as one. */
export class FuseStage implements TokenSink {
  #opened = false;

  constructor(readonly next: TokenSink) {}

  open(): void {
    if (!this.#opened) this.next.open();
    this.#opened = true;
  }

  write(text: string): void {
    this.next.write(text);
  }

  close(): void {}

  end(): void {
    this.open();
    this.next.close();
    this.next.end();
  }
}

/** Replaces the matches in each token; those of a pattern are known at the end of the token. */
export class ReplaceStage implements TokenSink {
  #rest = "";

  constructor(
    readonly next: TokenSink,
    readonly pattern: TextPattern,
    readonly content: string,
  ) {}

  open(): void {
    this.#rest = "";
    this.next.open();
  }

  write(text: string): void {
    this.#rest += text;
    const { literal } = this.pattern;
    if (literal !== undefined) this.#release(this.#beginning(literal));
  }

  close(): void {
    this.#release(0);
    this.next.close();
  }

  end(): void {
    this.next.end();
  }

  /** How many of the last characters may be the beginning of a match. */
  #beginning(literal: string): number {
    for (let length = Math.min(literal.length - 1, this.#rest.length); length > 0; length--) {
      if (this.#rest.endsWith(literal.slice(0, length))) return length;
    }
    return 0;
  }

  /** Passes on all but the last characters. */
  #release(held: number): void {
    const text = this.#rest;
    const matches = this.pattern.matches(text);
    let passed = "", last = 0;
    for (let i = 0; i < matches.length; i += 2) {
      passed += text.slice(last, matches[i]) + this.content;
      last = matches[i + 1];
    }
    const end = Math.max(last, text.length - held);
    this.#rest = text.slice(end);
    this.next.write(passed + text.slice(last, end));
  }
}
