/**
 * A published encoder–decoder, such as Flan-T5 or BART, from a folder, an address or the hub.
 *
 * encoder_decoder_formats.ts reads its configuration; see lib/generate/text_to_text.ts for the
 * texts that it writes, load_pretrained.ts for language models.
 *
 * @module
 */
import { Transformer } from "../nn/transformer.ts";
import type { PretrainedEncoderDecoderConfig } from "./encoder_decoder_formats.ts";
import { expectSize } from "./expect_size.ts";
import { filled, type LoadOptions, openPlace, readConfig } from "./load_pretrained.ts";
import { tokenizerBeside } from "./load_tokenizer.ts";
import { readText } from "./repository.ts";
import { openWeights } from "./weight_files.ts";
import { type WithTokenizer, withTokenizer } from "./with_tokenizer.ts";

/** A loaded encoder–decoder. */
export interface PretrainedEncoderDecoder extends PretrainedEncoderDecoderConfig, WithTokenizer {
  /** The model. */
  readonly model: Transformer;
}

/**
 * Loads an encoder–decoder: a T5, T5 1.1, Flan-T5 or BART, such as `google/flan-t5-small`. Places
 * and errors are those of `loadPretrained`.
 *
 * ```ts ignore
 * const t5 = await loadEncoderDecoder("google/flan-t5-small");
 * console.log(await textToText(t5, ["Translate to German: How old are you?"]));
 * ```
 */
export async function loadEncoderDecoder(
  place: string | URL,
  options: LoadOptions = {},
): Promise<PretrainedEncoderDecoder> {
  const { repository, device } = openPlace("loadEncoderDecoder", place, options);
  const generation = await readText(repository, "generation_config.json");
  // The formats of encoder–decoders are loaded when one is.
  const formats = await import("./encoder_decoder_formats.ts");
  const read = (text: string) => formats.readEncoderDecoderConfig(text, generation);
  const { config: stated, ...known } = await readConfig(repository, read);
  const tokenizer = await tokenizerBeside(repository, options);
  const weights = await openWeights(repository, options);
  try {
    expectSize(weights, formats.encoderDecoderSizes(stated));
    const config = await formats.withFileHead(known.architecture, stated, weights);
    const names = formats.encoderDecoderNamesOf(known.architecture, config);
    const model = await filled(() => new Transformer(config), weights, { names, device });
    return withTokenizer({ ...known, config, model }, tokenizer, repository.name);
  } finally {
    weights.close();
  }
}
