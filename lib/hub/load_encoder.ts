/**
 * A published encoder without a head, from a folder, an address or the hub: BERT and its relatives,
 * and sentence-transformers such as all-MiniLM-L6-v2.
 *
 * encoder_formats.ts reads its configuration, sentence_modules.ts how it makes vectors of texts;
 * see embed.ts for those.
 *
 * @module
 */
import { Encoder } from "../nn/encoder.ts";
import type { PretrainedEncoderConfig } from "./encoder_formats.ts";
import { loadEncoderModel } from "./load_encoder_model.ts";
import { type LoadOptions, readConfig } from "./load_pretrained.ts";
import { readSentenceModules, type SentenceModules } from "./sentence_modules.ts";
import type { WithTokenizer } from "./with_tokenizer.ts";

/** A loaded encoder, and how it makes vectors of texts. */
export interface PretrainedEncoder extends PretrainedEncoderConfig, SentenceModules, WithTokenizer {
  /** The model. */
  readonly model: Encoder;
}

/**
 * Loads an encoder, such as `sentence-transformers/all-MiniLM-L6-v2` or `BAAI/bge-small-en-v1.5`: a
 * BERT, RoBERTa, XLM-RoBERTa, CamemBERT, MPNet, DistilBERT, ALBERT or ModernBERT. The weights of
 * heads in its file are not read. Places and errors are those of `loadPretrained`.
 *
 * If there is a `modules.json`, as of sentence-transformers, `embed` pools and normalizes as it
 * says.
 *
 * Of a RoBERTa or MPNet, `embed` refuses a text in which the padding token is written out: see
 * `loadClassifier`.
 *
 * ```ts ignore
 * const encoder = await loadEncoder("sentence-transformers/all-MiniLM-L6-v2");
 * const [a, b] = await embed(encoder, ["A cat sat on the mat.", "A kitten rested on the rug."]);
 * console.log(cosineSimilarity(a, b));
 * ```
 *
 * @throws {SyntaxError} if `modules.json` names a module that Folio does not have
 */
export async function loadEncoder(
  place: string | URL,
  options: LoadOptions = {},
): Promise<PretrainedEncoder> {
  return await loadEncoderModel("loadEncoder", place, options, {
    read: async (repository, { readEncoderConfig }) => {
      const known = await readConfig(repository, readEncoderConfig);
      return { ...known, ...await readSentenceModules(repository, known.config.contextLength) };
    },
    make: (config) => new Encoder(config),
  });
}
