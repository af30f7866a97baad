/**
 * The options and results of `generate`, which is in generate.ts.
 *
 * @module
 */
import type { Tokenizer } from "../text/tokenizer.ts";
import type { OptionNames } from "../options.ts";
import type { CertainToken, FinishReason } from "./continuation.ts";
import { SAMPLING_OPTIONS, type SamplingOptions } from "./options.ts";

/**
 * A prompt: token ids, or text if there is a `tokenizer`, which adds its begin tokens.
 */
export type Prompt = string | ArrayLike<number>;

/** A token as soon as it is certain, and the continuation that it belongs to. */
export interface TokenEvent extends CertainToken {
  /** Which prompt it continues, from 0. */
  readonly prompt: number;
  /** Which of the prompt's continuations it belongs to, from 0. */
  readonly sequence: number;
}

/** Options of `generate`. */
export interface GenerationOptions extends SamplingOptions {
  /**
   * Turns text prompts into ids and results into text. Required for prompts or `stop` as text. Ids
   * of the model that are no token of it are never chosen.
   */
  tokenizer?: Tokenizer;
  /**
   * For a rectangular batch of ids, a mask for each prompt: 0 for padding, on the left or on the
   * right, which is omitted. Texts have no padding.
   */
  attentionMask?: readonly ArrayLike<number>[];
  /** Suppress end tokens until this many tokens are generated. Default 0. */
  minNewTokens?: number;
  /**
   * Divides the positive and multiplies the negative logits of tokens already generated or in the
   * prompt; 1 disables it. Default 1.
   */
  repetitionPenalty?: number;
  /** No n-gram of this size may repeat, the prompt included; 0 allows all. Default 0. */
  noRepeatNgram?: number;
  /**
   * Ends a text and is not part of it: a string, or a list of strings and of sequences of token
   * ids. The name of a special token, such as `<|im_end|>`, is that token. Default: none.
   */
  stop?: string | readonly (string | readonly number[])[];
  /** Ends a text; not included in the result. Default: the tokenizer's, if it has one. */
  endToken?: number | readonly number[];
  /**
   * Continuations of each prompt; with beams, the best of them. More than one requires the prompts
   * in an array. Default 1.
   */
  sequences?: number;
  /**
   * Beams of a beam search: the likeliest continuations kept at each step, without sampling
   * options. Default 1: sampling.
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
  /**
   * Return the log-probability of each token, in nats, before any rule or filter. Default false.
   */
  scores?: boolean;
  /** Put the prompt before tokens and text. Default false. */
  echo?: boolean;
  /**
   * What happens when the context is full: "slide" reads its last half again and continues, "stop"
   * ends the text. Beams stop. Default "slide".
   */
  overflow?: "slide" | "stop";
  /**
   * Called for each token of the results in order, as soon as it is certain that no stop sequence
   * begins with it. Not for the prompt.
   */
  onToken?: (event: TokenEvent) => void;
}

/** The names of all options. */
export const GENERATION_OPTIONS: OptionNames<GenerationOptions> = {
  ...SAMPLING_OPTIONS,
  tokenizer: true,
  attentionMask: true,
  minNewTokens: true,
  repetitionPenalty: true,
  noRepeatNgram: true,
  stop: true,
  endToken: true,
  sequences: true,
  beams: true,
  lengthPenalty: true,
  earlyStopping: true,
  scores: true,
  echo: true,
  overflow: true,
  onToken: true,
};

/** A continuation. */
export interface Generated {
  /** Which prompt it continues, from 0. */
  readonly prompt: number;
  /** Which of the prompt's continuations it is, from 0. */
  readonly sequence: number;
  /**
   * Its tokens, without the end token or stop sequence, but with the one that a stop string begins
   * in.
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
