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
import { checkOptions } from "../options.ts";
import { expectPlace } from "../place.ts";
import {
  encoderSizes,
  type PretrainedEncoderConfig,
  readEncoderConfig,
} from "./encoder_formats.ts";
import {
  checkedDevice,
  filledModel,
  LOAD_OPTIONS,
  type LoadOptions,
  readConfig,
} from "./load_pretrained.ts";
import { tokenizerOf } from "./load_tokenizer.ts";
import { openRepository } from "./open_repository.ts";
import { readSentenceModules, type SentenceModules } from "./sentence_modules.ts";
import { type WithTokenizer, withTokenizer } from "./with_tokenizer.ts";

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
  expectPlace("loadEncoder", place, "a path, an address or a name on the hub");
  checkOptions("loadEncoder", options, LOAD_OPTIONS);
  const repository = openRepository(place, options);
  const device = checkedDevice(options);
  const { architecture, config, names } = await readConfig(repository, readEncoderConfig);
  const sentences = await readSentenceModules(repository, config.contextLength);
  const tokenizer = options.tokenizer === false ? undefined : await tokenizerOf(repository);
  const from = { repository, names, sizes: encoderSizes(config), device };
  const model = await filledModel(() => new Encoder(config), from, options);
  return withTokenizer({ architecture, config, ...sentences, model }, tokenizer, repository.name);
}
