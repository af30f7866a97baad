/**
 * The files of an encoder with a head for classifying texts, for checkpoints.
 *
 * pretrained_files.ts saves such a model alone.
 *
 * @module
 */
import type { Chunks } from "../files.ts";
import type { SequenceClassifier } from "../nn/sequence_classifier.ts";
import { tokenizerContents } from "../text/tokenizer_files.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { configText } from "./config_text.ts";
import { savedEncoder } from "./encoder_files.ts";
import { weightBytes } from "./saved_model.ts";

/** A classifier and the tokenizer of its ids. */
export interface ClassifierToSave {
  /** Weights, configuration and labels. */
  readonly model: SequenceClassifier;
  /** The tokenizer of its ids. */
  readonly tokenizer: Tokenizer;
}

/** The names and contents of a classifier's files. */
export function encoderClassifierFiles(
  { model, tokenizer }: ClassifierToSave,
  metadata: Record<string, string>,
): [name: string, content: Chunks][] {
  const saved = savedEncoder({ model, padToken: tokenizer.paddingId ?? 0 });
  return [
    ["config.json", [new TextEncoder().encode(configText(saved.config))]],
    ["model.safetensors", weightBytes(saved, metadata)],
    ...tokenizerContents(tokenizer).map(([name, bytes]): [string, Chunks] => [name, [bytes]]),
  ];
}
