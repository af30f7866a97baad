/**
 * The files of a classifier and its tokenizer: a whole model, or the adapter of one with the names
 * of its classes.
 *
 * See model_files.ts for language models.
 *
 * @module
 */
import { adapterFiles } from "../adapt/adapter_files.ts";
import type { LoraAdapter } from "../adapt/lora_adapter.ts";
import { jsonContent, type NamedFile } from "../files.ts";
import { classifierModelFiles } from "../hub/classifier_files.ts";
import type { Classifier } from "../hub/load_classifier.ts";
import { tokenizerContents } from "../text/tokenizer_files.ts";
import type { Tokenizer } from "../text/tokenizer.ts";

/** A classifier with its tokenizer. */
export interface TrainedClassifier {
  /** Weights, configuration and labels. */
  readonly classifier: Classifier;
  /** The tokenizer of its ids. */
  readonly tokenizer: Tokenizer;
  /** An adapter of the classifier, which is saved instead of the weights. Default: none. */
  readonly adapter?: LoraAdapter<Classifier>;
  /** With an adapter, the name or the path of the model without it. Default: none. */
  readonly base?: string;
}

/**
 * The model's files, or the adapter's, the tokenizer's, and `labels.json`, a list of the names of
 * the classes; the tensors' file has `metadata`.
 *
 * @throws {RangeError} if a weight is NaN or infinite
 */
export async function classifierFiles(
  { classifier: model, tokenizer, adapter, base }: TrainedClassifier,
  metadata: Record<string, string>,
): Promise<NamedFile[]> {
  const labels: NamedFile = ["labels.json", jsonContent(model.config.labels)];
  if (adapter) {
    const files = await adapterFiles(adapter, { base }, metadata);
    return [...files, ...tokenizerContents(tokenizer), labels];
  }
  return [...await classifierModelFiles({ model, tokenizer }, metadata), labels];
}
