/**
 * The tokenizer of a loaded model. If there is none, reading it is an error that says so, because
 * many models are loaded without one ever being used.
 *
 * @module
 */
import { UserError } from "../errors.ts";
import type { Tokenizer } from "../text/tokenizer.ts";

/** The tokenizer of a loaded model. */
export interface WithTokenizer {
  /**
   * The tokenizer beside the weights.
   *
   * @throws {UserError} if there is none, or the option `tokenizer` was false; see `hasTokenizer`
   */
  readonly tokenizer: Tokenizer;
  /** Whether there is a tokenizer. */
  readonly hasTokenizer: boolean;
}

/**
 * `loaded` with its tokenizer, or, if that is undefined, with an error of `model`'s name instead.
 */
export function withTokenizer<Loaded extends object>(
  loaded: Loaded,
  tokenizer: Tokenizer | undefined,
  model: string,
): Loaded & WithTokenizer {
  return {
    ...loaded,
    hasTokenizer: tokenizer !== undefined,
    get tokenizer() {
      if (tokenizer) return tokenizer;
      throw new UserError(
        `model ${model}: no tokenizer was loaded with it; put its tokenizer.json beside the ` +
          "weights, or load another with loadTokenizer(place)",
      );
    },
  };
}
