/**
 * A model written as Hugging Face's `transformers` opens it: `config.json`,
 * `generation_config.json`, `model.safetensors` and the tokenizer's files.
 *
 * @module
 */
import { attempt, type Chunks, writeFileAtomically } from "../files.ts";
import { describe, UserError } from "../errors.ts";
import { GPT } from "../nn/gpt.ts";
import { checkOptions, type OptionNames } from "../options.ts";
import { localPath } from "../place.ts";
import { size } from "../shape.ts";
import { expectTokenizer } from "../text/expect_tokenizer.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { VERSION } from "../version.ts";
import { architectureOf, namesOf, type PretrainedConfig, writeModelConfig } from "./config.ts";
import { configText } from "./config_text.ts";
import { type SamplingDefaults, writeGenerationConfig } from "./generation_config.ts";
import { assertFinite, encodeSafetensorsHeader } from "./safetensors.ts";
import { storedShapes, storedTensors } from "./stored_tensors.ts";
import { pretrainedTokenizerFiles } from "./tokenizer_files.ts";

/** Field of `config.json` that marks a folder that Folio wrote, and so may overwrite. */
const MARK = "folio_version";

/**
 * A model with its tokenizer and special tokens. A result of `loadPretrained` can be passed: it is
 * saved in its own architecture if that still expresses the model. `config` is ignored.
 */
export interface PretrainedToSave extends Partial<PretrainedConfig> {
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
const KNOWN: OptionNames<PretrainedToSave> = {
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

/**
 * Saves a model to a folder, which is made if it is missing, under the names and in the layouts of
 * an architecture that computes it: the one it was loaded from, another published one (config.ts
 * lists them), or Folio's own for what none of them expresses. Weights are f32. `loadPretrained`
 * reads the folder back.
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
  model: GPT | PretrainedToSave,
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
  await save(path, toSave(model));
}

function toSave(given: GPT | PretrainedToSave): PretrainedToSave {
  if (given instanceof GPT) {
    expectExact(given);
    return { model: given };
  }
  checkOptions("savePretrained", given, KNOWN);
  const { model, beginToken, endTokens, padToken, sampling, architecture } = given;
  if (!(model instanceof GPT)) {
    throw new TypeError(`savePretrained: expected a GPT as model, got ${describe(model)}`);
  }
  expectExact(model);
  const tokenizer = given.hasTokenizer === false ? undefined : given.tokenizer;
  if (tokenizer !== undefined) {
    expectTokenizer("savePretrained", tokenizer);
    expectRoom(model, tokenizer);
  }
  return { model, tokenizer, beginToken, endTokens, padToken, sampling, architecture };
}

/** Throws if weights are rounded, so that the exact ones are gone. */
function expectExact(model: GPT): void {
  if (!model.parameters().some(({ storage }) => storage.disposed)) return;
  throw new TypeError(
    "savePretrained: expected weights in f32, got rounded or freed ones; load the model without " +
      "the option weights to save it",
  );
}

/** Throws if the tokenizer has ids that the model has not; a padded table may have more rows. */
function expectRoom({ config }: GPT, { vocabSize }: Tokenizer): void {
  if (vocabSize <= config.vocabSize) return;
  throw new RangeError(
    `savePretrained: the tokenizer has ${vocabSize} tokens and the model ${config.vocabSize}; ` +
      "save the model with the tokenizer it was made for",
  );
}

async function save(path: string, saved: PretrainedToSave): Promise<void> {
  const { model, tokenizer } = saved;
  const config = { ...writeModelConfig(model.config, saved), [MARK]: VERSION };
  const files: [name: string, content: Chunks][] = [
    ["model.safetensors", weights(saved)],
    ...tokenizer ? pretrainedTokenizerFiles(tokenizer, saved) : [],
    ["generation_config.json", json(writeGenerationConfig(saved))],
    ["config.json", [new TextEncoder().encode(configText(config))]],
  ];
  await attempt(`saving a model in ${path}`, () => Deno.mkdir(path, { recursive: true }));
  expectOwn(path, files.map(([name]) => name));
  for (const [name, content] of files) await writeFileAtomically(`${path}/${name}`, content);
}

/** One parameter is read from the device at a time. */
async function* weights(
  { model, architecture: own }: PretrainedToSave,
): AsyncGenerator<Uint8Array> {
  const { config } = model;
  const names = namesOf(architectureOf(config, own), config);
  const parameters = [...model.namedParameters()];
  const named = parameters.map(([name, { shape }]) => [name, shape] as const);
  const shapes = storedShapes(config, named, names);
  const stored = storedTensors(config, names);
  const entries = shapes.map(([name, shape]) => [name, { dtype: "F32", shape }] as const);
  yield encodeSafetensorsHeader(entries, { format: "pt" });
  for (const [name, parameter] of parameters) {
    const { shape } = parameter;
    const data = await parameter.data() as Float32Array<ArrayBuffer>;
    assertFinite(name, data);
    for (const tensor of stored({ name, shape, data })) {
      const { buffer, byteOffset } = tensor.data;
      yield new Uint8Array(buffer, byteOffset, 4 * size(tensor.shape));
    }
  }
}

function json(content: unknown): Chunks {
  return [new TextEncoder().encode(JSON.stringify(content, undefined, 2) + "\n")];
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
