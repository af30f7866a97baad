/**
 * `generateTargets`: what an encoder–decoder writes for sequences of ids, drawn or searched with
 * the programs of `generate`.
 *
 * target_writer.ts reads the sources; see greedy_decode.ts for the likeliest tokens alone,
 * text_to_text.ts for texts.
 *
 * @module
 */
import { describe } from "../errors.ts";
import { Transformer } from "../nn/transformer.ts";
import { checkOptions, type OptionNames } from "../options.ts";
import { expectIds } from "../token_ids.ts";
import { beamSearch } from "./beam_search.ts";
import { excludedIds } from "./excluded_ids.ts";
import type { Generated, GenerationOptions } from "./generation.ts";
import { expectPrompt, expectRules, expectWhole, SAMPLING_OPTIONS } from "./options.ts";
import { sampledTexts } from "./sampled_texts.ts";
import { TargetWriter } from "./target_writer.ts";

/** Options of `generateTargets`. */
export interface TargetOptions extends
  Pick<
    GenerationOptions,
    | "maxNewTokens"
    | "temperature"
    | "topK"
    | "topP"
    | "minP"
    | "seed"
    | "signal"
    | "minNewTokens"
    | "repetitionPenalty"
    | "noRepeatNgram"
    | "endToken"
    | "sequences"
    | "beams"
    | "lengthPenalty"
    | "earlyStopping"
    | "scores"
    | "tokenizer"
  > {
  /**
   * The id, or the ids, that every target begins with; not included in the result. Those after the
   * first one count as written in a search's number of tokens.
   */
  startToken: number | readonly number[];
  /**
   * An end token follows a target of `maxNewTokens` for certain, as BART's `forced_eos_token_id`:
   * a search counts it. Default false.
   */
  forcedEnd?: boolean;
}

/** The names of these options. */
export const TARGET_OPTIONS: OptionNames<TargetOptions> = {
  ...SAMPLING_OPTIONS,
  startToken: true,
  forcedEnd: true,
  minNewTokens: true,
  repetitionPenalty: true,
  noRepeatNgram: true,
  endToken: true,
  sequences: true,
  beams: true,
  lengthPenalty: true,
  earlyStopping: true,
  scores: true,
  tokenizer: true,
};

/**
 * Writes targets for `sources`, sequences of ids of any lengths, with the options of `generate`:
 * an array of results in the order of the sources and then of their sequences. By default tokens
 * are drawn; temperature 0 takes the likeliest. Sources are padded to one length with the padding
 * hidden, so each target is the one that its source gets alone.
 *
 * A source is encoded once, and the decoder reads each token once: its keys and values are kept.
 *
 * ```ts
 * import { generateTargets, openDevice, Transformer } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const model = new Transformer({
 *   sourceVocabSize: 9, targetVocabSize: 7, contextLength: 8, layers: 1, heads: 2, width: 8,
 * });
 * const options = { startToken: 1, endToken: 2, maxNewTokens: 4, beams: 3 };
 * const [first, second] = await generateTargets(model, [[3, 4, 5], [6]], options);
 * console.log(first.tokens, second.score);
 * device.close();
 * ```
 *
 * @throws {RangeError} if there is no source, one is empty, an id is outside the vocabulary, a
 *   length exceeds the context, or an option is out of range
 * @throws {TypeError} if `model` is no `Transformer`, `sources` is no list, or an option is unknown
 */
export async function generateTargets(
  model: Transformer,
  sources: readonly ArrayLike<number>[],
  options: TargetOptions,
): Promise<Generated[]> {
  checkOptions("generateTargets", options, TARGET_OPTIONS);
  return await writeTargets("generateTargets", model, sources, options);
}

/** `generateTargets` for `operation`, which checked the names of its options. */
export async function writeTargets(
  operation: string,
  model: Transformer,
  sources: readonly ArrayLike<number>[],
  options: TargetOptions,
): Promise<Generated[]> {
  if (!(model instanceof Transformer)) {
    throw new TypeError(`${operation}: expected a Transformer, got ${describe(model)}`);
  }
  if (!Array.isArray(sources)) {
    throw new TypeError(`${operation}: expected a list of sources, got ${describe(sources)}`);
  }
  expectRules(options, operation);
  const { sourceVocabSize, targetVocabSize, contextLength } = model.config;
  const prefix = [options.startToken].flat();
  const ends = [options.endToken ?? []].flat();
  const most = contextLength - prefix.length + 1;
  const { maxNewTokens = most } = options;
  expectPrompt(`${operation}: startToken`, prefix, targetVocabSize);
  expectIds(`${operation}: endToken`, ends, targetVocabSize);
  for (const source of sources) expectPrompt(operation, source, sourceVocabSize);
  expectWhole(operation, "maxNewTokens", maxNewTokens, 1);
  if (maxNewTokens > most) {
    throw new RangeError(
      `${operation}: maxNewTokens must be a whole number from 1 to ${most}, the context length; ` +
        `got ${maxNewTokens}`,
    );
  }
  const plan = { prefix, ends, most: maxNewTokens };
  return (options.beams ?? 1) > 1
    ? await searched(model, sources, plan, options)
    : await drawn(model, sources, plan, options);
}

/** Tokens that begin and end a target, and the most between them. */
interface Plan {
  readonly prefix: readonly number[];
  readonly ends: readonly number[];
  readonly most: number;
}

async function drawn(
  model: Transformer,
  sources: readonly ArrayLike<number>[],
  { prefix, ends, most }: Plan,
  options: TargetOptions,
): Promise<Generated[]> {
  const { startToken: _, forcedEnd: _end, sequences = 1, ...rest } = options;
  const shape = { perSource: sequences, length: prefix.length - 1 + most };
  const writer = new TargetWriter(model, sources, shape);
  const endings = { ends: new Set(ends), stopTokens: [], stopStrings: [], most };
  try {
    const prompts = sources.map(() => [...prefix]);
    return await sampledTexts(writer, prompts, endings, { ...rest, sequences });
  } finally {
    writer.dispose();
  }
}

async function searched(
  model: Transformer,
  sources: readonly ArrayLike<number>[],
  { prefix, ends, most }: Plan,
  options: TargetOptions,
): Promise<Generated[]> {
  const { beams = 1, sequences = 1, minNewTokens = 0, tokenizer, signal } = options;
  const { repetitionPenalty = 1, noRepeatNgram = 0 } = options;
  const { lengthPenalty = 1, earlyStopping = false, forcedEnd = false } = options;
  const endings = { ends: new Set(ends), stopTokens: [], stopStrings: [], most };
  const excluded = excludedIds(model.config.targetVocabSize, tokenizer, endings);
  const search = {
    beams,
    maxNewTokens: most,
    minNewTokens,
    repetitionPenalty,
    noRepeatNgram,
    lengthPenalty,
    counted: prefix.length - 1,
    forcedEnd,
    earlyStopping,
    signal,
    ends,
    excluded,
  };
  const generated: Generated[] = [];
  for (const [prompt, source] of sources.entries()) {
    const shape = { perSource: beams, length: prefix.length - 1 + most };
    const writer = new TargetWriter(model, [source], shape);
    try {
      const found = await beamSearch(writer, prefix, search);
      for (
        const [sequence, { tokens, scores, score, finishReason }] of found.slice(0, sequences)
          .entries()
      ) {
        generated.push({
          prompt,
          sequence,
          tokens,
          text: tokenizer?.decode(tokens, { skipSpecialTokens: true }),
          finishReason,
          scores: options.scores ? scores : undefined,
          score,
        });
      }
    } finally {
      writer.dispose();
    }
  }
  return generated;
}
