/**
 * `generate`: continuations of one prompt, or of many together, with every usual option.
 *
 * Its options are in generation.ts, the sampled loop in sampled_texts.ts, beams in beam_search.ts,
 * and what ends a text in continuation.ts. See generator.ts for tokens as a stream.
 *
 * @module
 */
import { describe } from "../errors.ts";
import { expectLanguageModel } from "../nn/expect_model.ts";
import type { GPT } from "../nn/gpt.ts";
import { checkOptions } from "../options.ts";
import { expectTokenizer } from "../text/expect_tokenizer.ts";
import { splitSpecialTokens } from "../text/special_tokens.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { expectIdList, expectIds } from "../token_ids.ts";
import { beamSearch } from "./beam_search.ts";
import { Continuation, type Endings } from "./continuation.ts";
import { excludedIds } from "./excluded_ids.ts";
import {
  type Generated,
  GENERATION_OPTIONS,
  type GenerationOptions,
  type Prompt,
} from "./generation.ts";
import { expectPrompt, expectRules, expectWhole } from "./options.ts";
import { sampledTexts } from "./sampled_texts.ts";
import { echoed, streamAfter } from "./texts.ts";

/**
 * Continues a prompt, token by token on the device: one prompt gives one result, an array of
 * prompts an array of results, in the order of the prompts and then of their sequences.
 *
 * Rules apply in this order: repetition penalty, repeated n-grams, suppressed end tokens,
 * temperature, topK, topP, minP. Each prompt of a batch has its own row of the cache, so its text
 * is the one that it gets alone; sequence i draws the same random numbers for every prompt, and
 * sequence 0 those of a single one.
 *
 * ```ts
 * import { generate, GPT, openDevice } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const model = new GPT({ vocabSize: 8, contextLength: 16, layers: 1, heads: 2, width: 16 });
 * const { tokens } = await generate(model, [1, 2, 3], { maxNewTokens: 4, temperature: 0 });
 * const options = { maxNewTokens: 4, topK: 5, seed: 7 };
 * const [one, two] = await generate(model, [[1, 2, 3], [4]], options);
 * console.log(tokens, one.tokens, two.finishReason); // …, …, "length"
 * device.close();
 * ```
 *
 * @throws {RangeError} if an option is out of range, a prompt has no tokens or unknown ones, or the
 * text stops at the context's end and the prompt fills the context
 * @throws {TypeError} if an option is unknown, or there is text without a tokenizer
 */
export async function generate(
  model: GPT,
  prompt: Prompt,
  options?: GenerationOptions,
): Promise<Generated>;
/** The same for many prompts together. */
export async function generate(
  model: GPT,
  prompts: readonly Prompt[],
  options?: GenerationOptions,
): Promise<Generated[]>;
export async function generate(
  model: GPT,
  prompt: Prompt | readonly Prompt[],
  options: GenerationOptions = {},
): Promise<Generated | Generated[]> {
  expectLanguageModel("generate", model);
  checkOptions("generate", options, GENERATION_OPTIONS);
  expectRules(options);
  const several = areSeveral(prompt);
  if (!several && (options.sequences ?? 1) > 1) {
    throw new RangeError(
      "generate: one prompt has one result; pass an array for several sequences: " +
        "generate(model, [prompt], { sequences })",
    );
  }
  const texts = await continued(model, several ? prompt : [prompt], options);
  return several ? texts : texts[0];
}

function areSeveral(prompt: Prompt | readonly Prompt[]): prompt is readonly Prompt[] {
  return Array.isArray(prompt) && prompt.length > 0 && typeof prompt[0] !== "number";
}

async function continued(
  model: GPT,
  given: readonly Prompt[],
  options: GenerationOptions,
): Promise<Generated[]> {
  const { textLength: contextLength, config: { vocabSize } } = model;
  const prompts = readPrompts(given, options);
  const endings = readEndings(options);
  for (const ids of prompts) expectPrompt("generate", ids, vocabSize);
  expectIds("generate: endToken", [...endings.ends], vocabSize);
  for (const ids of endings.stopTokens) expectIds("generate: stop", ids, vocabSize);
  const { beams = 1, overflow = "slide" } = options;
  const longest = Math.max(...prompts.map((ids) => ids.length));
  if ((beams > 1 || overflow === "stop") && longest >= contextLength) {
    throw new RangeError(
      `generate: a prompt of ${longest} tokens leaves no room in a context of ${contextLength}`,
    );
  }
  return beams > 1
    ? await searched(model, prompts, endings, options)
    : await sampledTexts(model, prompts, endings, options);
}

function readPrompts(prompts: readonly Prompt[], options: GenerationOptions): number[][] {
  const { tokenizer, attentionMask } = options;
  if (tokenizer !== undefined) expectTokenizer("generate", tokenizer);
  if (attentionMask && attentionMask.length !== prompts.length) {
    throw new RangeError(
      `generate: expected an attentionMask for each of ${prompts.length} prompts, got ` +
        `${attentionMask.length}`,
    );
  }
  return prompts.map((prompt, row) => {
    if (typeof prompt === "string") {
      if (!tokenizer) throw new TypeError("generate: a text as prompt needs the option tokenizer");
      if (attentionMask) {
        throw new TypeError("generate: attentionMask is for prompts of ids, got a text as prompt");
      }
      return [...tokenizer.surroundings.before, ...tokenizer.encode(prompt)];
    }
    expectIdList("generate", prompt);
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
  if (!Array.isArray(stops)) {
    throw new TypeError(
      `generate: stop must be a text or a list of texts and of token ids, got ${describe(stop)}`,
    );
  }
  const texts = stops.filter((item) => typeof item === "string");
  if (texts.length > 0 && !options.tokenizer) {
    throw new TypeError("generate: a text in stop needs the option tokenizer");
  }
  if (stops.some((item) => item.length === 0)) {
    throw new RangeError("generate: stop holds an empty text or sequence");
  }
  const ends = new Set(typeof endToken === "number" ? [endToken] : endToken);
  const named = texts.map((text) => specialIds(text, options.tokenizer!));
  const stopStrings = texts.filter((_, i) => named[i] === undefined);
  const stopTokens = [
    ...stops.filter((item) => typeof item !== "string"),
    ...named.filter((ids) => ids !== undefined),
  ];
  return { ends, stopStrings, stopTokens, most: maxNewTokens };
}

/**
 * The ids of a text that names special tokens, which decoded texts leave out; otherwise undefined.
 */
function specialIds(text: string, tokenizer: Tokenizer): number[] | undefined {
  const parts = [...splitSpecialTokens(text, tokenizer.specialTokens)];
  if (parts.every(({ id }) => id === undefined)) return undefined;
  return parts.flatMap(({ id, text }) => id === undefined ? [...tokenizer.encode(text)] : [id]);
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
  expectWhole("generate", "maxNewTokens", maxNewTokens, 1);
  const excluded = excludedIds(model.config.vocabSize, tokenizer, endings);
  const generated: Generated[] = [];
  for (const [prompt, ids] of prompts.entries()) {
    const found = await beamSearch(model, ids, {
      beams,
      maxNewTokens,
      minNewTokens,
      repetitionPenalty,
      noRepeatNgram,
      lengthPenalty,
      earlyStopping,
      signal,
      counted: 0,
      forcedEnd: false,
      ends: [...endings.ends],
      excluded,
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
        prompt,
        sequence,
        ...echoed(ids, beam.tokens, continuation.text, options),
        finishReason: beam.finishReason,
        scores: options.scores ? beam.scores : undefined,
        score: beam.score,
      });
    }
  }
  return generated;
}
