/**
 * The two-way table between tokens and ids that the tokenizers share.
 *
 * @module
 */

import { MAXIMUM_VOCABULARY } from "./tokenizer_file.ts";

/** Tokens numbered from 0 in the order given. */
export class Vocabulary {
  /** The tokens; the index is the id. */
  readonly tokens: readonly string[];
  readonly #ids = new Map<string, number>();

  /**
   * Numbers the tokens.
   *
   * @throws {RangeError} if there is no token, or more than 2^20, or one is empty or occurs twice
   */
  constructor(tokens: Iterable<string>) {
    this.tokens = [...tokens];
    this.tokens.forEach((token, id) => this.#ids.set(token, id));
    if (this.tokens.length === 0) throw new RangeError("Vocabulary: expected tokens, got none");
    if (this.tokens.length > MAXIMUM_VOCABULARY) {
      throw new RangeError(
        `Vocabulary: expected at most ${MAXIMUM_VOCABULARY} tokens, got ${this.tokens.length}`,
      );
    }
    if (this.#ids.has("")) throw new RangeError("Vocabulary: a token is empty");
    if (this.#ids.size < this.tokens.length) {
      const twice = this.tokens.find((token, id) => this.#ids.get(token) !== id);
      throw new RangeError(`Vocabulary: token ${JSON.stringify(twice)} occurs twice`);
    }
  }

  /** V, the number of tokens. */
  get size(): number {
    return this.tokens.length;
  }

  /**
   * The token of an id.
   *
   * @throws {RangeError} if the id is no integer in [0, size)
   */
  token(id: number): string {
    const token = this.tokens[id];
    if (token === undefined) {
      throw new RangeError(`Vocabulary: expected an id from 0 to ${this.size - 1}, got ${id}`);
    }
    return token;
  }

  /** The id of a token, or undefined. */
  id(token: string): number | undefined {
    return this.#ids.get(token);
  }

  /**
   * The token of an id, or undefined beyond the last: tables of models are often larger than their
   * vocabularies.
   *
   * @throws {RangeError} if the id is no integer from 0 on
   */
  tokenOrNone(id: number): string | undefined {
    return Number.isInteger(id) && id >= this.size ? undefined : this.token(id);
  }

  /**
   * The tokens of ids, without those of `leftOut`; ids beyond the last have none.
   *
   * @throws {RangeError} if an id is no integer from 0 on
   */
  tokensOf(ids: Iterable<number>, leftOut?: ReadonlyMap<string, number>): string[] {
    const tokens: string[] = [];
    for (const id of ids) {
      const token = this.tokenOrNone(id);
      if (token !== undefined && !leftOut?.has(token)) tokens.push(token);
    }
    return tokens;
  }

  /** Token → id, as `tokenizer.json` holds it. */
  toJSON(): Record<string, number> {
    return Object.fromEntries(this.#ids);
  }
}
