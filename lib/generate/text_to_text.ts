/**
 * Texts from texts, by an encoder–decoder such as Flan-T5: translations, summaries, answers.
 *
 * See greedy_decode.ts for ids, generate.ts for what GPT models write.
 *
 * @module
 */
import { describe, UserError } from "../errors.ts";
import type { PretrainedEncoderDecoder } from "../hub/load_encoder_decoder.ts";
import {
  encodedTexts,
  expectBatchSize,
  expectSequences,
  inBatches,
} from "../hub/text_sequences.ts";
import { Transformer } from "../nn/transformer.ts";
import { checkOptions, type OptionNames } from "../options.ts";
import { TARGET_OPTIONS, type TargetOptions, writeTargets } from "./generate_targets.ts";

/**
 * Options of `textToText`: those of `generateTargets`, whose defaults are the settings of the
 * model's files (`generation` of what `loadEncoderDecoder` returns).
 */
export interface TextToTextOptions extends
  Omit<
    TargetOptions,
    "startToken" | "endToken" | "tokenizer" | "sequences" | "scores"
  > {
  /** Default: as the files say; otherwise 64, or the model's context length if that is shorter. */
  maxNewTokens?: number;
  /** Default: as the files say; otherwise 0, the likeliest token. */
  temperature?: number;
  /** Texts that are computed together. Default 8. */
  batchSize?: number;
  /** False leaves the settings of the model's files aside. Default true. */
  defaults?: boolean;
}

const { startToken: _, endToken: _end, tokenizer: _t, sequences: _n, scores: _s, ...SHARED } =
  TARGET_OPTIONS;
const OPTIONS: OptionNames<TextToTextOptions> = { ...SHARED, batchSize: 8, defaults: true };

/**
 * The text that the model writes for each text, without special tokens: as the settings of its
 * files say, and otherwise the likeliest token at each step. A text that is longer than the model's
 * context is cut before its last token.
 *
 * Source: Raffel et al., arXiv 1910.10683.
 *
 * ```ts ignore
 * const t5 = await loadEncoderDecoder("google/flan-t5-small");
 * console.log(await textToText(t5, ["Translate to German: How old are you?"]));
 * ```
 *
 * @throws {UserError} if the model was loaded without a tokenizer, or its files ask for what Folio
 *   does not have
 * @throws {RangeError} if a text has no token, or an option is out of range
 * @throws {TypeError} if `loaded` is not what `loadEncoderDecoder` returns, or `texts` is no list
 *   of texts
 */
export async function textToText(
  loaded: PretrainedEncoderDecoder,
  texts: readonly string[],
  options: TextToTextOptions = {},
): Promise<string[]> {
  if (!(loaded?.model instanceof Transformer)) {
    throw new TypeError(
      `textToText: expected what loadEncoderDecoder returns, got ${
        describe(loaded)
      }; load it with ` +
        "await loadEncoderDecoder(place)",
    );
  }
  checkOptions("textToText", options, OPTIONS);
  const { model, tokenizer, startTokens, endTokens } = loaded;
  const { sourceVocabSize: vocabSize, contextLength } = model.config;
  const { batchSize = 8 } = options;
  expectBatchSize("textToText", batchSize);
  const limits = { vocabSize, contextLength };
  const sequences = encodedTexts("textToText", tokenizer, texts, limits);
  expectSequences("textToText", sequences, limits, model);
  const chosen = chosenOptions(loaded, options);
  const decode = { ...chosen, startToken: startTokens, endToken: endTokens };
  return await inBatches(sequences, batchSize, async (batch) => {
    const targets = await writeTargets("textToText", model, batch.map(({ ids }) => ids), decode);
    return targets.map(({ tokens }) => tokenizer.decode(tokens, { skipSpecialTokens: true }));
  });
}

/** Options of drawing, without which a search goes. */
const DRAWN = ["temperature", "topK", "topP", "minP"] as const;

/** The options, and what the files say where they say nothing. */
function chosenOptions(
  { model, startTokens, generation, unknownSettings }: PretrainedEncoderDecoder,
  { batchSize: _, defaults = true, ...options }: TextToTextOptions,
): Omit<TargetOptions, "startToken"> {
  if (defaults) expectKnown(unknownSettings);
  const room = Math.max(1, model.config.contextLength - startTokens.length + 1);
  const { maxNewTokens = 64, ...own } = defaults ? generation : {};
  const isDrawn = DRAWN.some((name) => options[name] !== undefined);
  const beams = options.beams ?? (isDrawn ? 1 : own.beams ?? 1);
  const chosen = { temperature: 0, ...own, ...options, beams };
  const most = options.maxNewTokens ?? Math.min(maxNewTokens, room);
  if (beams === 1) return { ...chosen, maxNewTokens: most };
  const rules = Object.entries(chosen).filter(([name]) =>
    !(DRAWN as readonly string[]).includes(name) || Object.hasOwn(options, name)
  );
  return { ...Object.fromEntries(rules), maxNewTokens: most };
}

/** Refuses settings of the files that would give another text. */
function expectKnown(unknownSettings: Readonly<Record<string, unknown>>): void {
  const [unknown] = Object.entries(unknownSettings);
  if (!unknown) return;
  throw new UserError(
    `textToText: the model's files set ${unknown[0]} to ${JSON.stringify(unknown[1])}, which ` +
      "Folio does not have; leave their settings aside with { defaults: false }",
  );
}
