/**
 * `generate`: continuations of one prompt or of many at once, with every usual option.
 *
 * The sampled loop is in sequences.ts, beams in beam_search.ts, what ends a text in continuation.ts.
 *
 * @module
 */
import type { GPT } from "../nn/gpt.ts";
import type { Tokenizer, TokenStream } from "../text/tokenizer.ts";
import { beamSearch } from "./beam_search.ts";
import {
  type CertainToken,
  Continuation,
  type Endings,
  type FinishReason,
} from "./continuation.ts";
import {
  expectPrompt,
  expectRules,
  expectSampling,
  expectWhole,
  type SamplingOptions,
} from "./options.ts";
import { withSequences } from "./sequences_pool.ts";

/** A prompt: token ids, or text where a `tokenizer` is given; what the tokenizer puts before a text is put before it. */
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
  /** Turns text prompts into ids and results into text. It is needed for prompts or `stop` given as text. */
  tokenizer?: Tokenizer;
  /** For a rectangular batch of ids: 0 where a prompt is padding, on the left or on the right; those ids are left out. */
  attentionMask?: readonly ArrayLike<number>[];
  /** End tokens are held back until there are so many tokens. Default 0. */
  minNewTokens?: number;
  /** Divides the positive and multiplies the negative logits of tokens that have come, in the prompt too; 1 is none. Default 1. */
  repetitionPenalty?: number;
  /** No run of so many tokens comes twice, the prompt counted; 0 lets any. Default 0. */
  noRepeatNgram?: number;
  /** What ends a text; it is cut off. A list holds strings and sequences of token ids. Default: none. */
  stop?: string | readonly (string | readonly number[])[];
  /** Ends a text and is not given back. Default: the tokenizer's, if it has one. */
  endToken?: number | readonly number[];
  /** Continuations of each prompt; with beams, the best of them. Default 1. */
  sequences?: number;
  /** Beams of a beam search, the likeliest continuations kept at each step; it takes no sampling option. Default 1: sampling. */
  beams?: number;
  /** With beams: a text's score is Σ log p / tokens^lengthPenalty. Default 1. */
  lengthPenalty?: number;
  /**
   * With beams: true ends the search with as many ended texts as beams; false as soon as no running beam, as it is, could beat them;
   * "never" as soon as none could at its best length. Default false.
   */
  earlyStopping?: boolean | "never";
  /** Give the log-probability of each token, in nats, before any rule or filter. Default false. */
  scores?: boolean;
  /** Put the prompt before tokens and text. Default false. */
  echo?: boolean;
  /** What happens when the context is full: "slide" reads its last half again and goes on, "stop" ends the text. Beams stop. Default "slide". */
  overflow?: "slide" | "stop";
  /** Called for each token of the results in order, as soon as it is certain that no stop sequence begins with it. Not for the prompt. */
  onToken?: (event: TokenEvent) => void;
}

/** A continuation. */
export interface Generated {
  /** Which prompt it continues, from 0. */
  readonly prompt: number;
  /** Which of the prompt's continuations it is, from 0. */
  readonly sequence: number;
  /** Its tokens, without the end token or stop sequence; the one that a stop string begins in is there. */
  readonly tokens: number[];
  /** Its text, without the stop string; undefined without a tokenizer. */
  readonly text: string | undefined;
  /** Why it ended. */
  readonly finishReason: FinishReason;
  /** The log-probability of each new token, with `scores`. */
  readonly scores: number[] | undefined;
  /** With beams: Σ log p of its tokens and its end token, over their number to the length penalty. */
  readonly score: number | undefined;
}

/**
 * Continues prompts: token by token on the device, all prompts at once, in the order of the prompts and then of their sequences.
 *
 * Rules come in this order: repetition penalty, repeated runs, end tokens held back, temperature, topK, topP, minP. Each prompt of a batch has its
 * own place in the cache, so that it gets what it gets alone; sequence i draws the same random numbers for every prompt, and sequence 0 those of
 * a single one. RangeError for an option out of range, a prompt without tokens or with unknown ones, and, where the text stops at the
 * context's end, one that fills it; TypeError for text without a tokenizer.
 *
 * ```ts
 * import { generate, GPT, openDevice } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const model = new GPT({ vocabSize: 8, contextLength: 16, layers: 1, heads: 2, width: 16 });
 * const [one, two] = await generate(model, [[1, 2, 3], [4]], { maxNewTokens: 4, topK: 5, seed: 7 });
 * console.log(one.tokens, two.tokens, two.finishReason); // …, …, "length"
 * device.close();
 * ```
 */
export async function generate(
  model: GPT,
  prompt: Prompt | readonly Prompt[],
  options: GenerationOptions = {},
): Promise<Generated[]> {
  const prompts = readPrompts(prompt, options);
  const endings = readEndings(options);
  for (const ids of prompts) expectPrompt(ids, model.config.vocabSize);
  for (const ids of [[...endings.ends], ...endings.stopTokens]) {
    if (ids.length > 0) expectPrompt(ids, model.config.vocabSize);
  }
  expectRules(options);
  const { beams = 1, overflow = "slide" } = options;
  const { contextLength } = model.config;
  const longest = Math.max(...prompts.map((ids) => ids.length));
  if ((beams > 1 || overflow === "stop") && longest >= contextLength) {
    throw new RangeError(
      `generate: a prompt of ${longest} tokens leaves no room in a context of ${contextLength}`,
    );
  }
  return beams > 1
    ? await searched(model, prompts, endings, options)
    : await sampled(model, prompts, endings, options);
}

function readPrompts(prompt: Prompt | readonly Prompt[], options: GenerationOptions): number[][] {
  const { tokenizer, attentionMask } = options;
  const several = Array.isArray(prompt) && typeof prompt[0] !== "number" && prompt.length > 0;
  const prompts = (several ? prompt : [prompt]) as readonly Prompt[];
  return prompts.map((prompt, row) => {
    if (typeof prompt === "string") {
      if (!tokenizer) throw new TypeError("generate: a text as prompt needs the option tokenizer");
      return [...tokenizer.surroundings.before, ...tokenizer.encode(prompt)];
    }
    const mask = attentionMask?.[row];
    if (mask && mask.length !== prompt.length) {
      throw new RangeError(
        `generate: prompt ${row} has ${prompt.length} tokens and a mask of ${mask.length}`,
      );
    }
    return Array.from(prompt).filter((_, i) => mask === undefined || mask[i] !== 0);
  });
}

function readEndings(options: GenerationOptions): Endings {
  const { stop = [], endToken = options.tokenizer?.endId ?? [], maxNewTokens = 200 } = options;
  const stops = typeof stop === "string" ? [stop] : stop;
  const stopStrings = stops.filter((item) => typeof item === "string");
  const stopTokens = stops.filter((item) => typeof item !== "string");
  if (stopStrings.length > 0 && !options.tokenizer) {
    throw new TypeError("generate: a text in stop needs the option tokenizer");
  }
  if (stops.some((item) => item.length === 0)) {
    throw new RangeError("generate: stop holds an empty text or sequence");
  }
  const ends = new Set(typeof endToken === "number" ? [endToken] : endToken);
  return { ends, stopStrings, stopTokens, most: maxNewTokens };
}

/** A stream of text that has seen the prompt. */
function streamAfter(prompt: readonly number[], tokenizer: Tokenizer): TokenStream {
  const stream = tokenizer.stream({ skipSpecialTokens: true });
  for (const id of prompt) stream.push(id);
  return stream;
}

async function sampled(
  model: GPT,
  prompts: readonly number[][],
  endings: Endings,
  options: GenerationOptions,
): Promise<Generated[]> {
  const { maxNewTokens = 200, temperature = 1, topK = 0, topP = 1, minP = 0, seed = 0 } = options;
  const { sequences = 1, minNewTokens = 0, repetitionPenalty = 1, noRepeatNgram = 0 } = options;
  expectSampling({ maxNewTokens, temperature, topK, topP, minP });
  expectWhole("sequences", sequences, 1);
  const ends = [...endings.ends];
  const rules = repetitionPenalty !== 1 || noRepeatNgram > 0 ||
    (minNewTokens > 0 && ends.length > 0);
  const rowPrompts = prompts.flatMap((prompt) => Array.from({ length: sequences }, () => prompt));
  const longest = Math.max(...prompts.map((prompt) => prompt.length));
  const shape = {
    rows: rowPrompts.length,
    perPrompt: sequences,
    history: rules ? longest + maxNewTokens : 0,
    ends: rules ? ends.length : 0,
    scores: options.scores ?? false,
  };
  const choice = { temperature, topK, topP, minP, seed, ends };
  const place = (row: number) => ({
    prompt: Math.floor(row / sequences),
    sequence: row % sequences,
  });
  const report = (row: number, certain: readonly CertainToken[]) => {
    for (const token of certain) options.onToken?.({ ...place(row), ...token });
  };
  const { tokenizer, signal, overflow } = options;
  const continuations = rowPrompts.map((prompt) =>
    new Continuation(endings, tokenizer && streamAfter(prompt, tokenizer))
  );
  const open = () => continuations.keys().filter((row) => !continuations[row].reason);
  const finishAll = (reason: FinishReason) => {
    for (const row of open()) report(row, continuations[row].finish(reason));
  };
  await withSequences(model, shape, async (rows) => {
    rows.start(rowPrompts, {
      ...choice,
      repetitionPenalty,
      noRepeatNgram,
      minNewTokens,
    });
    for (let given = 0; given < maxNewTokens;) {
      if (signal?.aborted) finishAll("aborted");
      if (overflow === "stop") {
        for (const row of open()) {
          if (rows.isFull(row)) report(row, continuations[row].finish("context"));
        }
      }
      if (open().next().done) return;
      const { steps, tokens, scores } = await rows.next(maxNewTokens - given);
      for (let i = 0; i < steps && !signal?.aborted; i++) {
        for (const row of open()) {
          const at = i * shape.rows + row;
          report(row, continuations[row].push(tokens[at], scores?.[at]));
          if (continuations[row].reason) rows.finish(row);
        }
      }
      given += steps;
    }
    finishAll("aborted"); // the signal came with the last tokens
  });
  return continuations.map((continuation, row) => ({
    ...place(row),
    ...echoed(rowPrompts[row], continuation.tokens, continuation.text, options),
    finishReason: continuation.reason!,
    scores: options.scores ? continuation.scores : undefined,
    score: undefined,
  }));
}

function echoed(
  prompt: readonly number[],
  tokens: readonly number[],
  text: string,
  { echo, tokenizer }: GenerationOptions,
): { tokens: number[]; text: string | undefined } {
  if (!echo) return { tokens: [...tokens], text: tokenizer && text };
  const before = tokenizer?.decode(prompt, { skipSpecialTokens: true });
  return { tokens: [...prompt, ...tokens], text: tokenizer && before + text };
}

async function searched(
  model: GPT,
  prompts: readonly number[][],
  endings: Endings,
  options: GenerationOptions,
): Promise<Generated[]> {
  const { beams = 1, sequences = 1, maxNewTokens = 200, minNewTokens = 0, tokenizer } = options;
  const { repetitionPenalty = 1, noRepeatNgram = 0 } = options;
  const { lengthPenalty = 1, earlyStopping = false, signal } = options;
  expectWhole("maxNewTokens", maxNewTokens, 1);
  const generated: Generated[] = [];
  for (const [prompt, ids] of prompts.entries()) {
    const found = await beamSearch(model, ids, {
      ...{ beams, maxNewTokens, minNewTokens, repetitionPenalty, noRepeatNgram },
      ...{ lengthPenalty, earlyStopping, signal, ends: [...endings.ends] },
    });
    for (const [sequence, beam] of found.slice(0, sequences).entries()) {
      const continuation = new Continuation(
        { ...endings, most: Infinity },
        tokenizer && streamAfter(ids, tokenizer),
      );
      const certain = beam.tokens.flatMap((token, i) => continuation.push(token, beam.scores[i]));
      certain.push(...continuation.finish(beam.finishReason));
      for (const token of certain) options.onToken?.({ prompt, sequence, ...token });
      generated.push({
        ...{ prompt, sequence },
        ...echoed(ids, beam.tokens, continuation.text, options),
        finishReason: beam.finishReason,
        scores: options.scores ? beam.scores : undefined,
        score: beam.score,
      });
    }
  }
  return generated;
}
