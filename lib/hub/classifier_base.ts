/**
 * A published model with a new head for classes: what fine-tuning to classify texts starts from.
 *
 * load_classifier.ts loads encoders that have a head, text_classifier_files.ts language models.
 *
 * @module
 */
import { onDevice } from "../device/current_device.ts";
import { SequenceClassifier, type SequenceClassifierConfig } from "../nn/sequence_classifier.ts";
import { TextClassifier } from "../nn/text_classifier.ts";
import { checkOptions, type OptionNames } from "../options.ts";
import { expectPlace } from "../place.ts";
import { Random } from "../random.ts";
import { store } from "../tensor/copy.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { parseConfig } from "./config_fields.ts";
import { rememberNames } from "./file_names.ts";
import type { Classifier } from "./load_classifier.ts";
import { loadEncoder } from "./load_encoder.ts";
import { LOAD_OPTIONS, type LoadOptions, loadPretrained, readConfig } from "./load_pretrained.ts";
import { isEncoderType } from "./model_types.ts";
import { openRepository, PLACES } from "./open_repository.ts";

/** How to load a model and to make its head. */
export interface ClassifierBaseOptions extends LoadOptions {
  /** Names of the classes, at least two. */
  readonly labels: readonly string[];
  /** Where the head's weights are drawn from. Default: `new Random(0)`. */
  readonly random?: Random;
  /** Replaces all dropout rates, in [0, 1). Default: those of the model's configuration. */
  readonly dropout?: number;
}

const OPTIONS: OptionNames<ClassifierBaseOptions> = {
  ...LOAD_OPTIONS,
  labels: undefined,
  random: undefined,
  dropout: undefined,
};

/** A model with a new head, and its tokenizer. */
export interface ClassifierBase {
  /** The model: its weights are the file's, its head is drawn. */
  readonly model: Classifier;
  /** The tokenizer beside it. */
  readonly tokenizer: Tokenizer;
}

/**
 * Loads a language model, or an encoder such as `distilbert/distilbert-base-uncased`, and puts a
 * new head on it: `score`, or a pooler and a classifier. A head in the file is not read. Places and
 * errors are those of `loadPretrained`.
 *
 * ```ts ignore
 * const labels = ["negative", "positive"];
 * const { model } = await loadClassifierBase("distilbert/distilbert-base-uncased", { labels });
 * ```
 *
 * @throws {UserError} if there is no such model, or no tokenizer beside it
 * @throws {RangeError} if there are fewer than two labels, or one is named twice
 */
export async function loadClassifierBase(
  place: string | URL,
  options: ClassifierBaseOptions,
): Promise<ClassifierBase> {
  expectPlace("loadClassifierBase", place, PLACES);
  checkOptions("loadClassifierBase", options, OPTIONS);
  const { labels, random = new Random(0), dropout, ...loading } = options;
  const repository = openRepository(place, loading);
  const isEncoder = await readConfig(
    repository,
    (text) => isEncoderType(parseConfig(text).get("model_type")),
  );
  if (!isEncoder) {
    const { model, tokenizer } = await loadPretrained(place, { ...loading, dropout });
    return { model: new TextClassifier(model, { labels, random }), tokenizer };
  }
  const { readClassifierConfig } = await import("./encoder_formats.ts");
  const { config, names } = await readConfig(repository, readClassifierConfig);
  const { model: encoder, tokenizer } = await loadEncoder(place, loading);
  const problemType = "single_label_classification";
  const own: SequenceClassifierConfig = { ...withDropout(config, dropout), labels, problemType };
  const { device } = encoder.tokens.weight;
  const model = onDevice(device, () => new SequenceClassifier(own, { random }));
  const loaded = encoder.namedParameters();
  for (const [name, parameter] of model.encoder.namedParameters()) {
    const from = loaded.get(name)!;
    store(from, parameter);
    from.dispose();
  }
  rememberNames(model, names);
  return { model, tokenizer };
}

/** The fields that are dropout rates. */
const RATES = [
  "dropout",
  "embeddingDropout",
  "attentionDropout",
  "attentionOutputDropout",
  "activationDropout",
  "poolerDropout",
  "classifierDropout",
] as const;

function withDropout(
  config: SequenceClassifierConfig,
  rate: number | undefined,
): SequenceClassifierConfig {
  if (rate === undefined) return config;
  const given = RATES.filter((name) => config[name] !== undefined);
  return { ...config, ...Object.fromEntries(given.map((name) => [name, rate])) };
}
