/**
 * The files of a classifier of texts, for checkpoints.
 *
 * pretrained_files.ts saves such a model alone.
 *
 * @module
 */
import type { NamedFile } from "../files.ts";
import { SequenceClassifier } from "../nn/sequence_classifier.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { configText } from "./config_text.ts";
import type { Classifier } from "./load_classifier.ts";
import { type SavedModel, weightBytes } from "./saved_model.ts";
import { savedTextClassifier } from "./text_classifier_files.ts";
import { pretrainedTokenizerFiles } from "./tokenizer_files.ts";

/** A classifier and the tokenizer of its ids. */
export interface ClassifierToSave {
  /** Weights, configuration and labels. */
  readonly model: Classifier;
  /** The tokenizer of its ids. */
  readonly tokenizer: Tokenizer;
}

/** A classifier's files. */
export async function classifierModelFiles(
  { model, tokenizer }: ClassifierToSave,
  metadata: Record<string, string>,
): Promise<NamedFile[]> {
  const saved = await savedClassifier({ model, tokenizer });
  return [
    ["config.json", [new TextEncoder().encode(configText(saved.config))]],
    ["model.safetensors", weightBytes(saved, metadata)],
    ...pretrainedTokenizerFiles(tokenizer, saved),
  ];
}

/** The formats of encoders are loaded when one is saved. */
async function savedClassifier({ model, tokenizer }: ClassifierToSave): Promise<SavedModel> {
  if (!(model instanceof SequenceClassifier)) return savedTextClassifier({ model, tokenizer });
  const { savedEncoder } = await import("./encoder_files.ts");
  return savedEncoder({ model, padToken: tokenizer.paddingId ?? 0 });
}
