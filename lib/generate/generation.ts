/**
 * What is asked of `generate`, and what it gives.
 *
 * @module
 */
import type { Tokenizer } from "../text/tokenizer.ts";
import type { CertainToken, FinishReason } from "./continuation.ts";
import type { SamplingOptions } from "./options.ts";

/**
 * A prompt: token ids, or text where a `tokenizer` is given; what the tokenizer puts before a text
 * is put before it.
 */
export type Prompt = string | ArrayLike<number>;

/** A token as it comes, and whose it is. */
export interface TokenEvent extends CertainToken {
  /** Which prompt it continues, from 0. */
  readonly prompt: number;
  /** Which of the prompt's continuations it belongs to, from 0. */
  readonly sequence: number;
}

/** Options of `generate`. */
export interface GenerationOptions extends SamplingOptions {
  /**
   * Turns text prompts into ids and results into text. It is needed for prompts or `stop` given as
   * text.
   */
  tokenizer?: Tokenizer;
  /**
   * For a rectangular batch of ids: 0 where a prompt is padding, on the left or on the right; those
   * ids are left out.
   */
  attentionMask?: readonly ArrayLike<number>[];
  /** End tokens are held back until there are so many tokens. Default 0. */
  minNewTokens?: number;
  /**
   * Divides the positive and multiplies the negative logits of tokens that have come, in the prompt
   * too; 1 is none. Default 1.
   */
  repetitionPenalty?: number;
  /** No run of so many tokens comes twice, the prompt counted; 0 lets any. Default 0. */
  noRepeatNgram?: number;
  /**
   * What ends a text; it is cut off. A list holds strings and sequences of token ids. Default:
   * none.
   */
  stop?: string | readonly (string | readonly number[])[];
  /** Ends a text and is not given back. Default: the tokenizer's, if it has one. */
  endToken?: number | readonly number[];
  /** Continuations of each prompt; with beams, the best of them. Default 1. */
  sequences?: number;
  /**
   * Beams of a beam search, the likeliest continuations kept at each step; it takes no sampling
   * option. Default 1: sampling.
   */
  beams?: number;
  /** With beams: a text's score is Σ log p / tokens^lengthPenalty. Default 1. */
  lengthPenalty?: number;
  /**
   * With beams: true ends the search with as many ended texts as beams; false as soon as no running
   * beam, as it is, could beat them; "never" as soon as none could at its best length. Default
   * false.
   */
  earlyStopping?: boolean | "never";
  /** Give the log-probability of each token, in nats, before any rule or filter. Default false. */
  scores?: boolean;
  /** Put the prompt before tokens and text. Default false. */
  echo?: boolean;
  /**
   * What happens when the context is full: "slide" reads its last half again and goes on, "stop"
   * ends the text. Beams stop. Default "slide".
   */
  overflow?: "slide" | "stop";
  /**
   * Called for each token of the results in order, as soon as it is certain that no stop sequence
   * begins with it. Not for the prompt.
   */
  onToken?: (event: TokenEvent) => void;
}

/** A continuation. */
export interface Generated {
  /** Which prompt it continues, from 0. */
  readonly prompt: number;
  /** Which of the prompt's continuations it is, from 0. */
  readonly sequence: number;
  /**
   * Its tokens, without the end token or stop sequence; the one that a stop string begins in is
   * there.
   */
  readonly tokens: number[];
  /** Its text, without the stop string; undefined without a tokenizer. */
  readonly text: string | undefined;
  /** Why it ended. */
  readonly finishReason: FinishReason;
  /** The log-probability of each new token, with `scores`. */
  readonly scores: number[] | undefined;
  /**
   * With beams: Σ log p of its tokens and its end token, over their number to the length penalty.
   */
  readonly score: number | undefined;
}
