/**
 * Texts from texts, by an encoder–decoder such as Flan-T5: translations, summaries, answers.
 *
 * See greedy_decode.ts for ids, generate.ts for what GPT models write.
 *
 * @module
 */
import { describe } from "../errors.ts";
import type { PretrainedEncoderDecoder } from "../hub/load_encoder_decoder.ts";
import {
  encodedTexts,
  expectBatchSize,
  expectSequences,
  inBatches,
} from "../hub/text_sequences.ts";
import { Transformer } from "../nn/transformer.ts";
import { checkOptions } from "../options.ts";
import { greedyDecode } from "./greedy_decode.ts";

/** Options of `textToText`. */
export interface TextToTextOptions {
  /** Most tokens of a target. Default: 64, or the model's context length if that is shorter. */
  maxNewTokens?: number;
  /** Texts that are computed together. Default 8. */
  batchSize?: number;
}

/**
 * The text that the model writes for each text: the likeliest token at each step, without
 * special tokens. A text that is longer than the model's context is cut before its last token.
 *
 * Source: Raffel et al., arXiv 1910.10683.
 *
 * ```ts ignore
 * const t5 = await loadEncoderDecoder("google/flan-t5-small");
 * console.log(await textToText(t5, ["Translate to German: How old are you?"]));
 * ```
 *
 * @throws {UserError} if the model was loaded without a tokenizer
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
  checkOptions("textToText", options, { maxNewTokens: 64, batchSize: 8 });
  const { model, tokenizer, startTokens, endTokens } = loaded;
  const { sourceVocabSize: vocabSize, contextLength } = model.config;
  const { maxNewTokens = Math.min(64, contextLength), batchSize = 8 } = options;
  expectBatchSize("textToText", batchSize);
  const limits = { vocabSize, contextLength };
  const sequences = encodedTexts("textToText", tokenizer, texts, limits);
  expectSequences("textToText", sequences, limits);
  const decode = { startToken: startTokens, endToken: endTokens, maxNewTokens };
  return await inBatches(sequences, batchSize, async (batch) => {
    const targets = await greedyDecode(model, batch.map(({ ids }) => ids), decode);
    return targets.map((ids) => tokenizer.decode(ids, { skipSpecialTokens: true }));
  });
}
