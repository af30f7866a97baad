/**
 * `config.json` of encoders, alone or with a head, written as the first architecture that computes
 * exactly the model, and that architecture's names of tensors. What none expresses is written with
 * `"model_type": "folio-encoder"`.
 *
 * encoder_formats.ts reads it back.
 *
 * @module
 */
import { BLOCK_OPTIONS, dropUndefined } from "../nn/block_config.ts";
import { encoderBlocks, type EncoderConfig } from "../nn/encoder.ts";
import type { MaskedLanguageModelConfig } from "../nn/masked_language_model.ts";
import { problemTypeOf, type SequenceClassifierConfig } from "../nn/sequence_classifier.ts";
import { isSameConfig } from "./config_text.ts";
import type { CompleteEncoder } from "./encoder_format.ts";
import {
  ENCODER_FORMATS,
  readClassifierConfig,
  readEncoderConfig,
  readMaskedConfig,
} from "./encoder_formats.ts";
import type { ArchitectureNames, ParameterSource } from "./format.ts";
import { writeLabels } from "./labels.ts";
import type { EncoderArchitecture } from "./model_types.ts";
import { type TextEnds, writeTextEnds } from "./text_ends.ts";

/** An encoder alone, or with the head of a classifier or of a masked language model. */
export type EncoderKind = keyof typeof READERS;

/** How each kind is read back, and what transformers calls it. */
const READERS = {
  encoder: { read: readEncoderConfig, suffix: "Model" },
  classifier: { read: readClassifierConfig, suffix: "ForSequenceClassification" },
  masked: { read: readMaskedConfig, suffix: "ForMaskedLM" },
};

/** What is known of a model beside its configuration. */
export interface KnownEncoder extends Partial<TextEnds> {
  /** The architecture to write, if it expresses the model. */
  readonly architecture?: EncoderArchitecture;
}

/** The object to be written as `config.json`, and the names of tensors that go with it. */
export interface WrittenEncoder {
  readonly fields: Record<string, unknown>;
  readonly names: ArchitectureNames;
}

/**
 * The `config.json` of a model of this kind and configuration: that of its architecture, or of the
 * first one that is read back as exactly this model.
 */
export function writeEncoderConfig(
  kind: EncoderKind,
  config: EncoderConfig | MaskedLanguageModelConfig | SequenceClassifierConfig,
  { architecture, ...ends }: KnownEncoder = {},
): WrittenEncoder {
  const complete = completeConfig(kind, config);
  const { problemType }: AnyConfig = config;
  const others = Object.keys(ENCODER_FORMATS) as EncoderArchitecture[];
  for (const name of architecture === undefined ? others : [architecture, ...others]) {
    const own = fieldsOf(kind, name, complete, ends);
    const fields = { ...writeTextEnds(ends), ...own, problem_type: problemType };
    const names = namesIfSame(kind, fields, complete);
    if (names) return { fields, names: kind === "encoder" ? withoutRoot(name, names) : names };
  }
  throw new RangeError(`savePretrained: no format expresses the model ${JSON.stringify(complete)}`);
}

/** Every field that a model of any kind may have. */
type AnyConfig =
  & EncoderConfig
  & Partial<Omit<MaskedLanguageModelConfig & SequenceClassifierConfig, keyof EncoderConfig>>;

/** A complete configuration with its labels. */
type Complete = CompleteEncoder & Pick<AnyConfig, "labels" | "problemType">;

/** Fills in defaults, and leaves out what computes the same as its default. */
function completeConfig(kind: EncoderKind, config: AnyConfig): Complete {
  const blocks = encoderBlocks(config);
  const { dropout, rotaryBase } = blocks;
  const { layers, embeddingDropout = dropout, windowRotaryBase = rotaryBase } = config;
  const window = config.window?.some((tokens) => tokens !== undefined) ? config.window : undefined;
  const own = Object.entries(config).filter(([name]) => !Object.hasOwn(BLOCK_OPTIONS, name));
  return {
    tokenTypes: 0,
    layerGroups: layers,
    firstNorm: true,
    ...dropUndefined(HEAD_DEFAULTS[kind](config as SequenceClassifierConfig, dropout)),
    ...dropUndefined(Object.fromEntries(own) as unknown as EncoderConfig),
    ...blocks,
    embeddingDropout,
    window,
    windowRotaryBase: window && windowRotaryBase !== rotaryBase ? windowRotaryBase : undefined,
  };
}

/** The defaults of each kind's head. */
const HEAD_DEFAULTS: Readonly<
  Record<EncoderKind, (config: SequenceClassifierConfig, dropout: number) => Partial<AnyConfig>>
> = {
  encoder: () => ({}),
  classifier: (config, dropout) => ({
    pooling: "cls",
    poolerBias: true,
    poolerNorm: false,
    poolerDropout: 0,
    classifierDropout: dropout,
    problemType: problemTypeOf(config),
  }),
  masked: () => ({ headActivation: "gelu", headBias: true, logitBias: true }),
};

function fieldsOf(
  kind: EncoderKind,
  architecture: EncoderArchitecture,
  { labels, problemType: _, ...complete }: Complete,
  ends: Partial<TextEnds>,
): Record<string, unknown> {
  const { className, write } = ENCODER_FORMATS[architecture];
  return {
    ...write(complete, ends),
    torch_dtype: "float32",
    architectures: className && [className + READERS[kind].suffix],
    ...labels && writeLabels(labels),
  };
}

/** The names of tensors that go with a `config.json`; undefined if it is another model's. */
function namesIfSame(
  kind: EncoderKind,
  fields: Record<string, unknown>,
  complete: Complete,
): ArchitectureNames | undefined {
  try {
    const { config, names } = READERS[kind].read(JSON.stringify(fields));
    return isSameConfig(completeConfig(kind, config), complete) ? names : undefined;
  } catch (cause) {
    if (cause instanceof SyntaxError) return undefined;
    throw cause;
  }
}

/** The names in the file of an encoder alone, as transformers writes them. */
function withoutRoot(architecture: EncoderArchitecture, names: ArchitectureNames) {
  const root = ENCODER_FORMATS[architecture].names?.root ?? "";
  return {
    ...names,
    source(parameter: string): ParameterSource {
      const source = names.source(parameter);
      return { ...source, names: source.names.map((name) => name.slice(root.length)) };
    },
  };
}
