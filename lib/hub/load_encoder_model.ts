/**
 * What loading an encoder has in common, be it alone or with a head for classes or masked tokens.
 *
 * See load_encoder.ts, load_classifier.ts and load_masked_language_model.ts for the kinds.
 *
 * @module
 */
import type { EncoderConfig } from "../nn/encoder.ts";
import type { Module } from "../nn/module.ts";
import { rememberNames } from "./file_names.ts";
import type { ArchitectureNames } from "./format.ts";
import { filledModel, type LoadOptions, openPlace } from "./load_pretrained.ts";
import { tokenizerBeside } from "./load_tokenizer.ts";
import type { Repository } from "./repository.ts";
import { type WithTokenizer, withTokenizer } from "./with_tokenizer.ts";

/** What the files of a kind of model say, its names of tensors among it. */
interface ReadEncoder {
  readonly config: EncoderConfig;
  readonly names: ArchitectureNames;
}

/** The formats of encoders, which are loaded when a model is. */
type Formats = typeof import("./encoder_formats.ts");

/** How to read what the files of a kind of model say, and how to make the model. */
interface Kind<Read extends ReadEncoder, Model extends Module> {
  readonly read: (repository: Repository, formats: Formats) => Promise<Read>;
  readonly make: (config: Read["config"]) => Model;
}

/** Loads a model of a kind for `operation`, whose place and options are the user's. */
export async function loadEncoderModel<Read extends ReadEncoder, Model extends Module>(
  operation: string,
  place: string | URL,
  options: LoadOptions,
  { read, make }: Kind<Read, Model>,
): Promise<Omit<Read, "names"> & { readonly model: Model } & WithTokenizer> {
  const { repository, device } = openPlace(operation, place, options);
  const formats = await import("./encoder_formats.ts");
  const { names, ...known } = await read(repository, formats);
  const { config } = known;
  const tokenizer = await tokenizerBeside(repository, options);
  const from = { repository, names, sizes: formats.encoderSizes(config), device };
  const model = await filledModel(() => make(config), from, options);
  rememberNames(model, names);
  return withTokenizer({ ...known, model }, tokenizer, repository.name);
}
