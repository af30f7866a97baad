/**
 * A language model with a head for classifying texts, in the files of transformers'
 * `GPT2ForSequenceClassification` and its relatives: saved and loaded.
 *
 * See load_classifier.ts for encoders, pretrained_files.ts for language models.
 *
 * @module
 */
import { attempt, type Chunks, writeFileAtomically } from "../files.ts";
import { modelConfig } from "../nn/config.ts";
import { GPT } from "../nn/gpt.ts";
import { TextClassifier } from "../nn/text_classifier.ts";
import { checkOptions } from "../options.ts";
import { expectPlace, localPath } from "../place.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import {
  type Architecture,
  namesOf,
  readModelConfig,
  savedNames,
  writeModelConfig,
} from "./config.ts";
import { parseConfig } from "./config_fields.ts";
import { readLabels } from "./encoder_formats.ts";
import {
  checkedDevice,
  filledModel,
  LOAD_OPTIONS,
  type LoadOptions,
  readConfig,
} from "./load_pretrained.ts";
import { tokenizerBeside } from "./load_tokenizer.ts";
import { openRepository, PLACES } from "./open_repository.ts";
import { assertFinite, encodeSafetensors, type SafetensorsEntry } from "./safetensors.ts";
import { storedTensors } from "./stored_tensors.ts";
import { pretrainedTokenizerFiles } from "./tokenizer_files.ts";
import { type WithTokenizer, withTokenizer } from "./with_tokenizer.ts";

/** A classifier and the tokenizer of its ids. */
export interface TextClassifierToSave {
  /** Weights, configuration and labels. */
  readonly model: TextClassifier;
  /** The tokenizer of its ids. */
  readonly tokenizer: Tokenizer;
}

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

/**
 * Saves a classifier to a folder, which is made if it is missing: `config.json` with the labels and
 * the padding's id, `model.safetensors` with `score.weight`, and the tokenizer's files.
 *
 * @throws {UserError} if the folder cannot be written
 * @throws {RangeError} if a weight is NaN or infinite
 * @throws {TypeError} if `folder` is no path, or a name is unknown
 */
export async function saveTextClassifier(
  folder: string | URL,
  toSave: TextClassifierToSave,
): Promise<void> {
  const path = localPath("saveTextClassifier", folder);
  checkOptions("saveTextClassifier", toSave, { model: true, tokenizer: true });
  const { model, tokenizer } = toSave;
  const files: [string, Chunks][] = [
    ["model.safetensors", encodeSafetensors(await weightsOf(model), { format: "pt" })],
    ...pretrainedTokenizerFiles(tokenizer, { model: model.model, endTokens: endsOf(tokenizer) }),
    ["config.json", json(classifierConfig(toSave))],
  ];
  await attempt(`saving a classifier in ${path}`, () => Deno.mkdir(path, { recursive: true }));
  for (const [name, chunks] of files) await writeFileAtomically(`${path}/${name}`, chunks);
}

function classifierConfig({ model, tokenizer }: TextClassifierToSave): Record<string, unknown> {
  const config = writeModelConfig(model.model.config, { endTokens: endsOf(tokenizer) });
  const architectures = (config.architectures as string[] | undefined)?.map((name) =>
    HEADS.reduce((text, [pattern, head]) => text.replace(pattern, head), name)
  );
  return {
    ...config,
    architectures,
    id2label: Object.fromEntries(model.labels.map((label, i) => [i, label])),
    label2id: Object.fromEntries(model.labels.map((label, i) => [label, i])),
    pad_token_id: tokenizer.paddingId ?? tokenizer.endId ?? 0,
    problem_type: "single_label_classification",
  };
}

function endsOf({ endId }: Tokenizer): number[] {
  return endId === undefined ? [] : [endId];
}

/** Every weight but those of the language model's head. */
async function weightsOf(model: TextClassifier): Promise<[string, SafetensorsEntry][]> {
  const asStored = storedTensors(model.model.config, savedNames(model.model.config));
  const entries: [string, SafetensorsEntry][] = [];
  for (const [name, { shape, ...tensor }] of entriesOf(model)) {
    const data = await tensor.data();
    assertFinite(name, data);
    if (name === "score.weight") entries.push([name, { shape, data }]);
    else {for (const { name: stored, ...entry } of asStored({ name, shape, data })) {
        entries.push([stored, entry]);
      }}
  }
  return entries;
}

function* entriesOf(model: TextClassifier) {
  for (const [name, parameter] of model.namedParameters()) {
    if (name.startsWith("lm_head.")) continue;
    const data = async () => await parameter.data() as Float32Array<ArrayBuffer>;
    yield [name, { shape: parameter.shape, data }] as const;
  }
}

/**
 * Loads a language model with a head for classes, which `saveTextClassifier` or transformers saved
 * (`GPT2ForSequenceClassification`, `LlamaForSequenceClassification`, …). Places and errors are
 * those of `loadPretrained`.
 *
 * ```ts
 * import { CharacterTokenizer, classify, GPT, loadTextClassifier, openDevice, saveTextClassifier, TextClassifier } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const tokenizer = CharacterTokenizer.fromText("to be");
 * const base = new GPT({ vocabSize: tokenizer.vocabSize, contextLength: 8, layers: 1, heads: 1, width: 8 });
 * const folder = await Deno.makeTempDir();
 * await saveTextClassifier(folder, { model: new TextClassifier(base, { labels: ["yes", "no"] }), tokenizer });
 * const loaded = await loadTextClassifier(folder);
 * console.log((await classify(loaded.model, loaded.tokenizer, ["be"])).length); // 1
 * device.close();
 * ```
 */
export async function loadTextClassifier(
  place: string | URL,
  options: LoadOptions = {},
): Promise<PretrainedTextClassifier> {
  expectPlace("loadTextClassifier", place, PLACES);
  checkOptions("loadTextClassifier", options, LOAD_OPTIONS);
  const repository = openRepository(place, options);
  const device = checkedDevice(options);
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
  return withTokenizer({ architecture, model }, tokenizer, repository.name);
}

function json(content: unknown): Chunks {
  return [new TextEncoder().encode(JSON.stringify(content, undefined, 2) + "\n")];
}
