/**
 * A language model with a head for classifying texts, in the files of transformers'
 * `GPT2ForSequenceClassification` and its relatives: what they hold, and loading them.
 *
 * pretrained_files.ts writes them; see load_classifier.ts for encoders.
 *
 * @module
 */
import { modelConfig } from "../nn/config.ts";
import { GPT } from "../nn/gpt.ts";
import { TextClassifier } from "../nn/text_classifier.ts";
import type { OptionNames } from "../options.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import {
  type Architecture,
  namesOf,
  readModelConfig,
  savedArchitecture,
  writeModelConfig,
} from "./config.ts";
import { parseConfig } from "./config_fields.ts";
import { rememberNames } from "./file_names.ts";
import { ownSource } from "./format.ts";
import { readLabels, writeLabels } from "./labels.ts";
import { filledModel, type LoadOptions, openPlace, readConfig } from "./load_pretrained.ts";
import { tokenizerBeside } from "./load_tokenizer.ts";
import type { SavedModel } from "./saved_model.ts";
import { type WithTokenizer, withTokenizer } from "./with_tokenizer.ts";

/**
 * A classifier and the tokenizer of its ids, whose padding and end token are those of its texts. A
 * result of `loadTextClassifier` can be passed.
 */
export interface TextClassifierToSave {
  /** Weights, configuration and labels. */
  readonly model: TextClassifier;
  /** The tokenizer of its ids. Default: none is saved. */
  readonly tokenizer?: Tokenizer;
  /** If false, `tokenizer` is not read. */
  readonly hasTokenizer?: boolean;
  /** The architecture to save it in, if that expresses the model. Default: that it was loaded
   * from, or the first that does. */
  readonly architecture?: Architecture;
}

/** The names of these options. */
export const TEXT_CLASSIFIER_TO_SAVE: OptionNames<TextClassifierToSave> = {
  model: true,
  tokenizer: true,
  hasTokenizer: true,
  architecture: true,
};

/** A loaded classifier. */
export interface PretrainedTextClassifier extends WithTokenizer {
  /** The model; its classes are named in `labels`. */
  readonly model: TextClassifier;
  /** The file's `model_type`. */
  readonly architecture: Architecture;
}

/** What transformers calls language models, and their relatives with a head for classes. */
const HEADS: readonly (readonly [languageModel: RegExp, classifier: string])[] = [
  [/(LMHeadModel|ForCausalLM)$/, "ForSequenceClassification"],
];

/** What the folder of a classifier holds: the model without the language model's head. */
export function savedTextClassifier(
  { model, tokenizer, architecture }: TextClassifierToSave,
): SavedModel {
  const { config } = model.model;
  const endId = tokenizer?.endId;
  const ends = { endTokens: endId === undefined ? [] : [endId] };
  const saved = savedArchitecture(model.model, architecture);
  const { source } = namesOf(saved, config);
  const isHead = (parameter: string) => parameter === "score.weight";
  return {
    model,
    omitted: /^lm_head\./,
    layout: { source: (name) => isHead(name) ? ownSource(name) : source(name), sizes: config },
    config: {
      ...withHead(writeModelConfig(config, { ...ends, architecture: saved })),
      ...writeLabels(model.labels),
      pad_token_id: tokenizer?.paddingId ?? endId ?? 0,
      problem_type: "single_label_classification",
    },
    files: {},
    ends,
    vocabSize: config.vocabSize,
    contextLength: config.contextLength,
  };
}

/** `config` with the name of the class that classifies. */
function withHead(config: Record<string, unknown>): Record<string, unknown> {
  const architectures = (config.architectures as string[] | undefined)?.map((name) =>
    HEADS.reduce((text, [pattern, head]) => text.replace(pattern, head), name)
  );
  return { ...config, architectures };
}

/**
 * Loads a language model with a head for classes, which `savePretrained` or transformers saved
 * (`GPT2ForSequenceClassification`, `LlamaForSequenceClassification`, …). Places and errors are
 * those of `loadPretrained`.
 *
 * ```ts
 * import { CharacterTokenizer, classify, GPT, loadTextClassifier, openDevice, savePretrained, TextClassifier } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const tokenizer = CharacterTokenizer.fromText("to be");
 * const base = new GPT({ vocabSize: tokenizer.vocabSize, contextLength: 8, layers: 1, heads: 1, width: 8 });
 * const folder = await Deno.makeTempDir();
 * await savePretrained(folder, { model: new TextClassifier(base, { labels: ["yes", "no"] }), tokenizer });
 * const loaded = await loadTextClassifier(folder);
 * console.log((await classify(loaded.model, loaded.tokenizer, ["be"])).length); // 1
 * device.close();
 * ```
 */
export async function loadTextClassifier(
  place: string | URL,
  options: LoadOptions = {},
): Promise<PretrainedTextClassifier> {
  const { repository, device } = openPlace("loadTextClassifier", place, options);
  const { architecture, config, labels } = await readConfig(repository, (text) => {
    const { architecture, config } = readModelConfig(text);
    return { architecture, config, labels: readLabels(parseConfig(text)) };
  });
  const tokenizer = await tokenizerBeside(repository, options);
  // The file has no head of a language model: with a tied one nothing is missing.
  const headless = modelConfig({ ...config, tiedHead: true, headBias: false });
  const from = { repository, names: namesOf(architecture, config), sizes: headless, device };
  const make = () => new TextClassifier(new GPT(headless), { labels });
  const model = await filledModel(make, from, options);
  rememberNames(model.model, from.names);
  return withTokenizer({ architecture, model }, tokenizer, repository.name);
}
