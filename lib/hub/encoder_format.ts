/**
 * What Folio needs to know of an encoder's files to read and write them. Each architecture is such
 * an object: see bert_format.ts and the files beside it; encoder_formats.ts lists them.
 *
 * @module
 */
import type { BlockConfig } from "../nn/block_config.ts";
import type { EncoderConfig } from "../nn/encoder.ts";
import type { MaskedLanguageModelConfig } from "../nn/masked_language_model.ts";
import type { SequenceClassifierConfig } from "../nn/sequence_classifier.ts";
import type { ConfigFields } from "./config_fields.ts";
import type { ParameterSource } from "./format.ts";
import type { TextEnds } from "./text_ends.ts";

/** What a classifier's head adds to its encoder, except the labels. */
export type ClassifierHead = Omit<
  SequenceClassifierConfig,
  keyof EncoderConfig | "labels" | "problemType"
>;

/** What the head of a masked language model adds to its encoder. */
export type MaskedHead = Omit<MaskedLanguageModelConfig, keyof EncoderConfig>;

/** An encoder's configuration with its defaults filled in, and with the fields of its head. */
export type CompleteEncoder =
  & BlockConfig
  & EncoderConfig
  & Required<Pick<EncoderConfig, "tokenTypes" | "layerGroups" | "firstNorm" | "embeddingDropout">>
  & Partial<ClassifierHead>
  & Partial<MaskedHead>;

/** An architecture's `config.json`, and its names of tensors. */
export interface EncoderFormat {
  /** Precedes `ForMaskedLM` in the name of transformers' class. Default: it has none. */
  readonly className?: string;
  /** Reads the encoder's fields. SyntaxError for what Folio cannot compute. */
  encoder(fields: ConfigFields): EncoderConfig;
  /** Reads the fields of the head that classifies; `encoder` is what the other function read. */
  head(fields: ConfigFields, encoder: EncoderConfig): ClassifierHead;
  /** Reads the fields of the head that predicts masked tokens. */
  maskedHead(fields: ConfigFields, encoder: EncoderConfig): MaskedHead;
  /**
   * The fields of a `config.json`, those of the head among them, but not labels. What the
   * architecture has no field for is left out: a model that reading does not restore is not saved
   * in this format.
   */
  write(config: CompleteEncoder, ends: Partial<TextEnds>): Record<string, unknown>;
  /** The names of tensors. Default: Folio's own. */
  readonly names?: EncoderNames;
  /** Rows of the position table before the first token's. Default: 0. */
  skippedPositions?(fields: ConfigFields): number;
}

/** Folio's modules → the file's, and the prefixes around them. */
export interface EncoderNames {
  /** Precedes the names of the encoder's tensors; files of an encoder without a head omit it. */
  readonly root: string;
  /** The encoder's modules outside its blocks. */
  readonly outside: Readonly<Record<string, string>>;
  /** The blocks, which a number follows. */
  readonly blocks: string;
  /** The modules within a block. */
  readonly block: Readonly<Record<string, string>>;
  /** The modules within a block that are ranges of a tensor's columns. Default: none. */
  readonly parts?: Readonly<Record<string, ParameterSource["part"]>>;
  /** The modules of the heads; a module that is not here has the same name in the file. */
  readonly heads: Readonly<Record<string, string>>;
  /** Tensors of heads, which a model without that head does not read. */
  readonly unread: RegExp;
}

/** Modules whose weight is a table or a gain: [rows, columns] in both, or one axis. */
const UNTRANSPOSED = /(^|\.)(tokens|positions|token_types|table)$|norm/i;

/** A module within a block: its layer, and its name there. */
const IN_BLOCK = /^encoder\.blocks\.(\d+)\.(.+)$/;

/**
 * The tensors that make a parameter of a model whose encoder is its part `encoder`;
 * `skippedPositions` as in `EncoderFormat`.
 */
export function encoderSource(
  names: EncoderNames,
  parameter: string,
  skippedPositions: number,
): ParameterSource {
  const dot = parameter.lastIndexOf(".");
  const [module, kind] = [parameter.slice(0, dot), parameter.slice(dot + 1)];
  return {
    names: [`${storedModule(names, module)}.${kind}`],
    transposed: kind === "weight" && !UNTRANSPOSED.test(module),
    part: names.parts?.[IN_BLOCK.exec(module)?.[2] ?? ""],
    skippedRows: module === "encoder.positions" ? skippedPositions : 0,
  };
}

function storedModule({ root, outside, blocks, block, heads }: EncoderNames, module: string) {
  if (!module.startsWith("encoder.")) return heads[module] ?? module;
  const inside = IN_BLOCK.exec(module);
  if (!inside) return root + outside[module.slice("encoder.".length)];
  return `${root}${blocks}.${inside[1]}.${block[inside[2]]}`;
}
