/**
 * Rotary positions in a `config.json`: `rope_theta`, `rope_scaling` and `partial_rotary_factor` as
 * transformers 4 writes them, or all of them in `rope_parameters` as transformers 5 does.
 *
 * @module
 */
import { type BlockConfigInput, headSizeOf } from "../nn/block_config.ts";
import type { ModelConfig } from "../nn/config.ts";
import type { RotaryScaling } from "../ops/rotary.ts";
import { ConfigFields, unexpected } from "./config_fields.ts";

/** An architecture's names and defaults of these fields. */
export interface RotaryFieldOptions {
  /** Default of the base. Default: 10000. */
  readonly base?: number;
  /** The field of the base. Default: `rope_theta`. */
  readonly baseName?: string;
  /** Default of the share of a head's columns that is rotated; undefined: all, always. */
  readonly share?: number;
  /** The field of that share. Default: `partial_rotary_factor`. */
  readonly shareName?: string;
}

/** The rotary part of a block's configuration. */
export type RotaryConfig = Pick<
  BlockConfigInput,
  "positions" | "rotaryBase" | "rotaryDimensions" | "rotaryScaling"
>;

/**
 * Rotary positions for heads of `headSize` columns.
 *
 * @throws {SyntaxError} naming a field that Folio cannot compute
 */
export function readRotary(
  fields: ConfigFields,
  headSize: number,
  options: RotaryFieldOptions = {},
): RotaryConfig {
  const { base = 10000, baseName = "rope_theta" } = options;
  const { share, shareName = "partial_rotary_factor" } = options;
  let rotaryBase = fields.number(baseName, base);
  let rotated = fields.number(shareName, share ?? 1);
  let rotaryScaling: RotaryScaling | undefined;
  for (const rope of ropeFields(fields)) {
    rotaryBase = rope.number("rope_theta", rotaryBase);
    rotated = rope.number("partial_rotary_factor", rotated);
    rotaryScaling = readScaling(rope) ?? rotaryScaling;
  }
  if (share === undefined && rotated !== 1) throw unexpected(shareName, "1", rotated);
  const rotaryDimensions = Math.trunc(headSize * rotated);
  return { positions: "rotary", rotaryBase, rotaryDimensions, rotaryScaling };
}

/** The objects `rope_scaling` and `rope_parameters`, those that the file has. */
function ropeFields(fields: ConfigFields): ConfigFields[] {
  return ["rope_scaling", "rope_parameters"].flatMap((name) => {
    const value = fields.get(name);
    if (value === undefined) return [];
    const rope = new ConfigFields(value);
    const nested = ["full_attention", "sliding_attention"].find((key) => rope.get(key));
    if (nested) throw unexpected(`${name}.${nested}`, "the same positions in every layer", value);
    return [rope];
  });
}

/** The scaling of the frequencies; undefined for `"default"`. */
export function readScaling(rope: ConfigFields): RotaryScaling | undefined {
  const name = rope.get("rope_type") === undefined ? "type" : "rope_type";
  const type = rope.get(name) ?? "default";
  if (type === "default") return undefined;
  if (type !== "llama3") throw unexpected(name, '"default" or "llama3"', type);
  return {
    factor: rope.number("factor", 8),
    lowFrequency: rope.number("low_freq_factor", 1),
    highFrequency: rope.number("high_freq_factor", 4),
    originalLength: rope.wholeNumber("original_max_position_embeddings", 8192),
  };
}

/** `rope_theta`, `rope_scaling` and, if only a share of a head is rotated, that share. */
export function writeRotary(config: ModelConfig): Record<string, unknown> {
  const { rotaryBase, rotaryScaling: scaling, rotaryDimensions } = config;
  return {
    rope_theta: rotaryBase,
    rope_scaling: scaling ? writeScaling(scaling) : null,
    // JSON omits what is undefined.
    partial_rotary_factor: rotaryDimensions && rotaryDimensions / headSizeOf(config),
  };
}

/** The scaling as `readScaling` reads it. */
export function writeScaling(scaling: RotaryScaling): Record<string, unknown> {
  return {
    rope_type: "llama3",
    factor: scaling.factor,
    low_freq_factor: scaling.lowFrequency,
    high_freq_factor: scaling.highFrequency,
    original_max_position_embeddings: scaling.originalLength,
  };
}
