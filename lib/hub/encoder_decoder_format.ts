/**
 * What Folio needs to know of an encoder–decoder's files to read and write them. Each architecture
 * is such an object: see t5_format.ts and bart_format.ts; encoder_decoder_formats.ts lists them.
 *
 * @module
 */
import type { BlockConfig } from "../nn/block_config.ts";
import type { TransformerConfig } from "../nn/transformer_config.ts";
import type { ConfigFields } from "./config_fields.ts";
import type { ParameterSource } from "./format.ts";

/** A configuration with its defaults filled in. */
export type CompleteTransformer =
  & Omit<BlockConfig, "positions">
  & Required<Omit<TransformerConfig, keyof Omit<BlockConfig, "positions">>>;

/** An architecture's `config.json`, and its names of tensors. */
export interface EncoderDecoderFormat {
  /** Reads the fields of a `config.json`. SyntaxError for what Folio cannot compute. */
  read(fields: ConfigFields): TransformerConfig;
  /**
   * The fields of a `config.json`, except those of special tokens. What the architecture has no
   * field for is left out: a model that `read` does not restore is not saved in this format.
   */
  write(config: CompleteTransformer): Record<string, unknown>;
  /** The id that begins every target; undefined if the file names none. */
  startToken(fields: ConfigFields): number | undefined;
  /** The names of tensors of a model of this configuration. Default: Folio's own. */
  names?(config: TransformerConfig): EncoderDecoderNames;
}

/** Folio's modules → the file's. */
export interface EncoderDecoderNames {
  /** The token table that both sides share. */
  readonly tokens: string;
  /** The modules of the encoder. */
  readonly encoder: SideNames;
  /** The modules of the decoder. */
  readonly decoder: SideNames;
  /** Rows of the position tables before the first token's. Default: 0. */
  readonly skippedPositions?: number;
  /** Tensors that no parameter needs, such as copies of the shared table. */
  readonly unread: RegExp;
  /** Tensors that must hold zeros only. Default: none. */
  readonly zeros?: RegExp;
}

/** The modules of one side. */
export interface SideNames {
  /** Those outside the blocks. */
  readonly outside: Readonly<Record<string, string>>;
  /** The blocks, which a number follows. */
  readonly blocks: string;
  /** Those within a block. */
  readonly block: Readonly<Record<string, string>>;
}

/** Modules whose weight is a table or a gain, which is not transposed. */
const UNTRANSPOSED = /tokens$|ositions|norm/i;

/** The tensors that make a parameter of a `Transformer`. */
export function encoderDecoderSource(
  names: Omit<EncoderDecoderNames, "unread" | "zeros">,
  parameter: string,
): ParameterSource {
  const dot = parameter.lastIndexOf(".");
  const [module, kind] = [parameter.slice(0, dot), parameter.slice(dot + 1)];
  return {
    names: [`${storedModule(names, module)}.${kind}`],
    transposed: kind === "weight" && !UNTRANSPOSED.test(module),
    skippedRows: module.endsWith(".positions") ? names.skippedPositions : 0,
  };
}

function storedModule(
  names: Omit<EncoderDecoderNames, "unread" | "zeros">,
  module: string,
): string {
  const [, side, own] = /^(encoder|decoder)\.(.+)$/.exec(module) ?? [];
  if (own === undefined) return module === "head" ? "lm_head" : module;
  if (own === "tokens") return names.tokens;
  const { outside, blocks, block } = names[side as "encoder" | "decoder"];
  const inside = /^blocks\.(\d+)\.(.+)$/.exec(own);
  return inside ? `${blocks}.${inside[1]}.${block[inside[2]]}` : outside[own];
}
