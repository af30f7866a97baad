/**
 * A model written as Hugging Face's `transformers` opens it: `config.json`, `model.safetensors`,
 * the tokenizer's files and, for models that write, `generation_config.json`.
 *
 * What each kind of model says is in encoder_files.ts and the files beside it.
 *
 * @module
 */
import {
  jsonContent,
  makeFolder,
  makeFolderOf,
  type NamedFile,
  writeFileAtomically,
} from "../files.ts";
import { describe, UserError } from "../errors.ts";
import { Encoder } from "../nn/encoder.ts";
import { GPT } from "../nn/gpt.ts";
import { MaskedLanguageModel } from "../nn/masked_language_model.ts";
import { Module } from "../nn/module.ts";
import { SequenceClassifier } from "../nn/sequence_classifier.ts";
import { TextClassifier } from "../nn/text_classifier.ts";
import { Transformer } from "../nn/transformer.ts";
import { checkOptions, type OptionNames } from "../options.ts";
import { localPath } from "../place.ts";
import { expectTokenizer } from "../text/expect_tokenizer.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { VERSION } from "../version.ts";
import { namesOf, type PretrainedConfig, savedArchitecture, writeModelConfig } from "./config.ts";
import { configText } from "./config_text.ts";
import type { EncoderDecoderToSave } from "./encoder_decoder_files.ts";
import type { EncoderModel, EncoderToSave } from "./encoder_files.ts";
import { type SamplingDefaults, writeGenerationConfig } from "./generation_config.ts";
import { type SavedModel, weightBytes } from "./saved_model.ts";
import {
  savedTextClassifier,
  TEXT_CLASSIFIER_TO_SAVE,
  type TextClassifierToSave,
} from "./text_classifier_files.ts";
import { pretrainedTokenizerFiles } from "./tokenizer_files.ts";

/** Field of `config.json` that marks a folder that Folio wrote, and so may overwrite. */
const MARK = "folio_version";

/**
 * A model with its tokenizer and special tokens. A result of `loadPretrained` can be passed: it is
 * saved in its own architecture if that still expresses the model. `config` is ignored.
 */
export interface GptToSave extends Partial<PretrainedConfig> {
  /** Weights and configuration. */
  readonly model: GPT;
  /** The tokenizer of the model's ids. Default: none is saved. */
  readonly tokenizer?: Tokenizer;
  /** How to sample, written to `generation_config.json`. Default: nothing is said. */
  readonly sampling?: SamplingDefaults;
  /** If false, `tokenizer` is not read. */
  readonly hasTokenizer?: boolean;
}

/** The names of these options. */
const GPT_TO_SAVE: OptionNames<GptToSave> = {
  model: true,
  tokenizer: true,
  hasTokenizer: true,
  beginToken: true,
  endTokens: true,
  padToken: true,
  sampling: true,
  config: true,
  architecture: true,
};

/** A model of any kind, with what is saved beside it. */
export type PretrainedToSave =
  | GptToSave
  | TextClassifierToSave
  | EncoderToSave
  | EncoderDecoderToSave
  | AnyModelToSave;

/** A model of whatever kind with its tokenizer. */
export interface AnyModelToSave {
  /** Weights and configuration. */
  readonly model: GPT | TextClassifier | EncoderModel | Transformer;
  /** The tokenizer of the model's ids. Default: none is saved. */
  readonly tokenizer?: Tokenizer;
  /** If false, `tokenizer` is not read. */
  readonly hasTokenizer?: boolean;
}

/** What can be given with a kind of models, and what its folder holds. */
interface Writer {
  readonly options: OptionNames<AnyModelToSave>;
  readonly saved: (toSave: never) => SavedModel;
}

/** A kind of models: its classes, and its writer, which is loaded when it is used. */
interface Kind {
  // deno-lint-ignore no-explicit-any -- constructors of any arguments
  readonly classes: readonly (new (...args: any[]) => Module)[];
  readonly writer: () => Writer | Promise<Writer>;
}

const GPT_WRITER: Writer = { options: GPT_TO_SAVE, saved: savedGpt };

const KINDS: readonly Kind[] = [
  { classes: [GPT], writer: () => GPT_WRITER },
  {
    classes: [TextClassifier],
    writer: () => ({ options: TEXT_CLASSIFIER_TO_SAVE, saved: savedTextClassifier }),
  },
  {
    classes: [Encoder, MaskedLanguageModel, SequenceClassifier],
    writer: async () => {
      const { ENCODER_TO_SAVE, savedEncoder } = await import("./encoder_files.ts");
      return { options: ENCODER_TO_SAVE, saved: savedEncoder };
    },
  },
  {
    classes: [Transformer],
    writer: async () => {
      const { ENCODER_DECODER_TO_SAVE, savedEncoderDecoder } = await import(
        "./encoder_decoder_files.ts"
      );
      return { options: ENCODER_DECODER_TO_SAVE, saved: savedEncoderDecoder };
    },
  },
];

/** The names of all classes. */
const NAMES = KINDS.flatMap(({ classes }) => classes.map(({ name }) => name));

/**
 * Saves a model to a folder, which is made if it is missing, under the names and in the layouts of
 * an architecture that computes it: the one it was loaded from, another published one, or Folio's
 * own for what none of them expresses. Weights are f32. The function that loads such a model reads
 * the folder back: `loadPretrained`, `loadTextClassifier`, `loadEncoder`, `loadClassifier`,
 * `loadMaskedLanguageModel` or `loadEncoderDecoder`.
 *
 * An encoder alone has no pooler, whose weights transformers then draws; its values are the same.
 *
 * ```ts
 * import { GPT, openDevice, savePretrained } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const model = new GPT({ vocabSize: 65, contextLength: 32, layers: 1, heads: 2, width: 16 });
 * const folder = await Deno.makeTempDir();
 * await savePretrained(folder, { model, endTokens: [0] });
 * console.log([...Deno.readDirSync(folder)].map(({ name }) => name)); // config.json, generation_config.json, model.safetensors
 * device.close();
 * ```
 *
 * @throws {UserError} if the folder holds files of these names that this function did not write, or
 * cannot be written
 * @throws {RangeError} if a weight is NaN or infinite
 * @throws {TypeError} if the first argument is no path, the second no model or one with rounded
 *   weights, or a name is unknown
 */
export async function savePretrained(
  folder: string | URL,
  model: PretrainedToSave["model"] | PretrainedToSave,
  ...more: never[]
): Promise<void> {
  const path = localPath("savePretrained", folder);
  if (more.length > 0) {
    throw new TypeError(
      `savePretrained: expected a folder and a model, got a third argument, ${
        describe(more[0])
      }; ` +
        "a tokenizer goes beside the model: savePretrained(folder, { model, tokenizer })",
    );
  }
  const { saved, tokenizer } = await toSave(model);
  await save(path, saved, tokenizer);
}

/** What to write of the argument, checked. */
async function toSave(given: PretrainedToSave["model"] | PretrainedToSave) {
  const asked: PretrainedToSave = given instanceof Module
    ? { model: given } as PretrainedToSave
    : given;
  const kind = KINDS.find(({ classes }) => classes.some((one) => asked?.model instanceof one));
  const { options, saved: write } = kind ? await kind.writer() : GPT_WRITER;
  checkOptions("savePretrained", asked, options);
  if (!kind) {
    throw new TypeError(
      `savePretrained: expected as model a ${NAMES.slice(0, -1).join(", ")} or ${NAMES.at(-1)}, ` +
        `got ${describe(asked.model)}`,
    );
  }
  expectExact(asked.model);
  const tokenizer = asked.hasTokenizer === false ? undefined : asked.tokenizer;
  if (tokenizer !== undefined) expectTokenizer("savePretrained", tokenizer);
  // What was loaded without a tokenizer throws when its tokenizer is read.
  const { tokenizer: _, hasTokenizer: _has, ...names } = options;
  const fields = asked as unknown as Record<string, unknown>;
  const own = Object.fromEntries(Object.keys(names).map((name) => [name, fields[name]]));
  const saved = write({ ...own, tokenizer } as never);
  if (tokenizer !== undefined) expectRoom(saved, tokenizer);
  return { saved, tokenizer };
}

function savedGpt({ model, ...known }: GptToSave): SavedModel {
  const { config } = model;
  const architecture = savedArchitecture(model, known.architecture);
  return {
    model,
    layout: { ...namesOf(architecture, config), sizes: config },
    config: writeModelConfig(config, { ...known, architecture }),
    files: { "generation_config.json": writeGenerationConfig(known) },
    ends: known,
    vocabSize: config.vocabSize,
    contextLength: config.contextLength,
  };
}

/** Throws if weights are rounded, so that the exact ones are gone. */
function expectExact(model: Module): void {
  if (!model.parameters().some(({ storage }) => storage.disposed)) return;
  throw new TypeError(
    "savePretrained: expected weights in f32, got rounded or freed ones; load the model without " +
      "the option weights to save it",
  );
}

/** Throws if the tokenizer has ids that the model has not; a padded table may have more rows. */
function expectRoom(saved: SavedModel, { vocabSize }: Tokenizer): void {
  if (vocabSize <= saved.vocabSize) return;
  throw new RangeError(
    `savePretrained: the tokenizer has ${vocabSize} tokens and the model ${saved.vocabSize}; ` +
      "save the model with the tokenizer it was made for",
  );
}

async function save(
  path: string,
  saved: SavedModel,
  tokenizer: Tokenizer | undefined,
): Promise<void> {
  const config = configText({ ...saved.config, [MARK]: VERSION });
  const files: NamedFile[] = [
    ["model.safetensors", weightBytes(saved)],
    ...tokenizer ? pretrainedTokenizerFiles(tokenizer, saved) : [],
    ...Object.entries(saved.files).map(([name, content]): NamedFile => [
      name,
      jsonContent(content),
    ]),
    ["config.json", [new TextEncoder().encode(config)]],
  ];
  await makeFolder(path);
  expectOwn(path, files.map(([name]) => name));
  for (const [name, content] of files) {
    const file = `${path}/${name}`;
    await makeFolderOf(file);
    await writeFileAtomically(file, content);
  }
}

/** Throws if one of the files is there already, unless this function wrote it. */
function expectOwn(folder: string, names: readonly string[]): void {
  const foreign = names.find((name) => exists(`${folder}/${name}`));
  if (foreign === undefined || isOwn(folder)) return;
  throw new UserError(
    `saving a model in ${folder}: it holds a ${foreign} that savePretrained did not write; choose ` +
      "another folder",
  );
}

function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

function isOwn(folder: string): boolean {
  try {
    const config = JSON.parse(Deno.readTextFileSync(`${folder}/config.json`));
    return typeof config === "object" && config !== null && MARK in config;
  } catch {
    return false;
  }
}
