/**
 * A published masked language model, such as BERT as it was pretrained, from a folder, an address
 * or the hub, and the tokens that it predicts.
 *
 * encoder_formats.ts reads its configuration; see load_pretrained.ts for language models that
 * write.
 *
 * @module
 */
import { describe } from "../errors.ts";
import { MaskedLanguageModel } from "../nn/masked_language_model.ts";
import { concatenate } from "../ops/concatenate.ts";
import { reshape } from "../ops/reshape.ts";
import { slice } from "../ops/slice.ts";
import { softmax } from "../ops/softmax.ts";
import { checkOptions } from "../options.ts";
import { expectValue, wholeNumber } from "../rules.ts";
import { scope } from "../tensor/scope.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import type { PretrainedMaskedConfig } from "./encoder_formats.ts";
import { loadEncoderModel } from "./load_encoder_model.ts";
import { type LoadOptions, readConfig } from "./load_pretrained.ts";
import {
  encodedTexts,
  expectSequences,
  sequenceBatch,
  type TextSequence,
} from "./text_sequences.ts";
import type { WithTokenizer } from "./with_tokenizer.ts";

/** A loaded masked language model. */
export interface PretrainedMasked extends PretrainedMaskedConfig, WithTokenizer {
  /** The model. */
  readonly model: MaskedLanguageModel;
}

/**
 * Loads an encoder with the head that predicts masked tokens, such as
 * `google-bert/bert-base-uncased`: a BERT, RoBERTa, XLM-RoBERTa, CamemBERT, MPNet, DistilBERT,
 * ALBERT or ModernBERT. Places and errors are those of `loadPretrained`.
 *
 * ```ts ignore
 * const { model, tokenizer } = await loadMaskedLanguageModel("google-bert/bert-base-uncased");
 * const [[best]] = await fillMask(model, tokenizer, "Paris is the [MASK] of France.");
 * console.log(best); // { token: "capital", … }
 * ```
 */
export async function loadMaskedLanguageModel(
  place: string | URL,
  options: LoadOptions = {},
): Promise<PretrainedMasked> {
  return await loadEncoderModel("loadMaskedLanguageModel", place, options, {
    read: (repository, { readMaskedConfig }) => readConfig(repository, readMaskedConfig),
    make: (config) => new MaskedLanguageModel(config),
  });
}

/** Options of `fillMask`. */
export interface FillMaskOptions {
  /** Number of tokens for each mask, the likeliest first. Default 5. */
  topK?: number;
}

/** A token that may be behind a mask. */
export interface FilledMask {
  /** The token as the vocabulary spells it. */
  readonly token: string;
  /** Its id. */
  readonly id: number;
  /** Its probability. */
  readonly probability: number;
}

/** How tokenizers spell a mask. */
const MASKS = ["[MASK]", "<mask>"];

/**
 * The likeliest tokens behind each mask of a text, softmax of the model's logits: one list for each
 * `[MASK]` or, with RoBERTa's tokenizers, `<mask>`.
 *
 * @throws {RangeError} if the text has no mask within the model's context, or an option is out of
 *   range
 * @throws {TypeError} if `model` is no `MaskedLanguageModel` or `tokenizer` is none
 */
export async function fillMask(
  model: MaskedLanguageModel,
  tokenizer: Pick<Tokenizer, "encodeBatch" | "specialTokens" | "token">,
  text: string,
  options: FillMaskOptions = {},
): Promise<FilledMask[][]> {
  if (!(model instanceof MaskedLanguageModel)) {
    throw new TypeError(`fillMask: expected a MaskedLanguageModel, got ${describe(model)}`);
  }
  checkOptions("fillMask", options, { topK: 5 });
  const { topK = 5 } = options;
  expectValue("fillMask: topK", wholeNumber({ min: 1 }), topK);
  const [sequence] = encodedTexts("fillMask", tokenizer, [text], model.config);
  expectSequences("fillMask", [sequence], model.config, model);
  const mask = tokenizer.specialTokens.get(
    MASKS.find((token) => tokenizer.specialTokens.has(token)) ?? "",
  );
  const positions = Array.from(sequence.ids).flatMap((id, i) => id === mask ? [i] : []);
  if (positions.length === 0) {
    throw new RangeError(
      `fillMask: expected a text with ${MASKS.join(" or ")}, got ${describe(text)}`,
    );
  }
  const all = await probabilities(model, sequence, positions);
  return all.map((row) =>
    [...row.keys()].sort((a, b) => row[b] - row[a] || a - b).slice(0, topK)
      .map((id) => ({ token: tokenizer.token(id), id, probability: row[id] }))
  );
}

/** softmax of the logits at each position, [V]. */
async function probabilities(
  model: MaskedLanguageModel,
  sequence: TextSequence,
  positions: readonly number[],
): Promise<Float32Array[]> {
  const { width, vocabSize } = model.config;
  const result = scope(() => {
    const { ids, input } = sequenceBatch(model.encoder, [sequence]);
    const encoded = reshape(model.encoder.forward(ids, input), [sequence.ids.length, width]);
    const rows = positions.map((start) => slice(encoded, { axis: 0, start, end: start + 1 }));
    return softmax(model.logits(concatenate(rows, { axis: 0 })));
  });
  const rows = await result.data() as Float32Array;
  result.dispose();
  return positions.map((_, i) => rows.subarray(i * vocabSize, (i + 1) * vocabSize));
}
