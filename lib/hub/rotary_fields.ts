/**
 * Rotary positions in a `config.json`: `rope_theta`, `rope_scaling` and `partial_rotary_factor` as
 * transformers 4 writes them, or all of them in `rope_parameters` as transformers 5 does.
 *
 * @module
 */
import { type BlockConfigInput, headSizeOf } from "../nn/block_config.ts";
import type { ModelConfig } from "../nn/config.ts";
import type { LongRopeScaling, RotaryScaling, YarnScaling } from "../ops/rotary_scaling.ts";
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
  const stated = fields.wholeNumber("head_dim", headSize);
  if (stated !== headSize) throw unexpected("head_dim", `${headSize}, the head's size`, stated);
  const { base = 10000, baseName = "rope_theta" } = options;
  const { share, shareName = "partial_rotary_factor" } = options;
  let rotaryBase = fields.number(baseName, base);
  let rotated = fields.number(shareName, share ?? 1);
  let rotaryScaling: RotaryScaling | undefined;
  for (const rope of ropeFields(fields)) {
    rotaryBase = rope.number("rope_theta", rotaryBase);
    rotated = rope.number("partial_rotary_factor", rotated);
    rotaryScaling = readScaling(rope, fields) ?? rotaryScaling;
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

/**
 * The scaling of the frequencies; undefined for `"default"` and `"dynamic"`, which scales only
 * beyond `max_position_embeddings`, the longest context that Folio computes. `fields` are those of
 * the whole file.
 *
 * @throws {SyntaxError} if the type is another one, such as `"su"`
 */
export function readScaling(rope: ConfigFields, fields: ConfigFields): RotaryScaling | undefined {
  const name = rope.get("rope_type") === undefined ? "type" : "rope_type";
  const type = rope.get(name) ?? "default";
  const known = '"default", "linear", "dynamic", "llama3", "yarn" or "longrope"';
  switch (type) {
    case "default":
    case "dynamic":
      return undefined;
    case "linear":
      return { type: "linear", factor: rope.number("factor", NaN) };
    case "llama3":
      return {
        type: "llama3",
        factor: rope.number("factor", 8),
        lowFrequency: rope.number("low_freq_factor", 1),
        highFrequency: rope.number("high_freq_factor", 4),
        originalLength: originalLength(rope, fields),
      };
    case "yarn":
      return readYarn(rope, fields);
    case "longrope":
      return readLongRope(rope, fields);
    default:
      throw unexpected(name, known, type);
  }
}

function readYarn(rope: ConfigFields, fields: ConfigFields): YarnScaling {
  const length = originalLength(rope, fields);
  const factor = rope.number("factor", contextLength(fields) / length);
  const scale = rope.number("mscale", 0), scaleAll = rope.number("mscale_all_dim", 0);
  const gain = (scale: number) => 0.1 * scale * Math.log(factor) + 1;
  return {
    type: "yarn",
    factor,
    originalLength: length,
    fastTurns: rope.number("beta_fast", 32) || 32,
    slowTurns: rope.number("beta_slow", 1) || 1,
    gain: rope.number(
      "attention_factor",
      scale && scaleAll ? gain(scale) / gain(scaleAll) : gain(1),
    ),
    rounded: rope.boolean("truncate", true),
  };
}

/** The longest context in which one rotation of the positions holds. */
export function longestContext({ rotaryScaling }: RotaryConfig): number {
  return rotaryScaling?.type === "longrope" ? rotaryScaling.originalLength : Infinity;
}

function readLongRope(rope: ConfigFields, fields: ConfigFields): LongRopeScaling {
  const length = originalLength(rope, fields);
  const factor = rope.number("factor", contextLength(fields) / length);
  const usual = factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(length));
  return {
    type: "longrope",
    shortFactors: readFactors(rope, "short_factor"),
    longFactors: readFactors(rope, "long_factor"),
    originalLength: length,
    gain: rope.number("attention_factor", usual),
  };
}

function readFactors(rope: ConfigFields, name: string): number[] {
  const value = rope.get(name);
  if (Array.isArray(value) && value.every(Number.isFinite)) return value;
  throw unexpected(name, "a list of numbers", value);
}

/** Tokens of the first training: named beside the scaling, in it, or the context's length. */
function originalLength(rope: ConfigFields, fields: ConfigFields): number {
  const name = "original_max_position_embeddings";
  const from = fields.get(name) === undefined ? rope : fields;
  return from.wholeNumber(name, contextLength(fields));
}

function contextLength(fields: ConfigFields): number {
  return fields.wholeNumber("max_position_embeddings", 2048);
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
  const { type } = scaling;
  if (scaling.type === "linear") return { rope_type: type, factor: scaling.factor };
  const original = { original_max_position_embeddings: scaling.originalLength };
  if (scaling.type === "longrope") {
    const { shortFactors, longFactors, gain } = scaling;
    const factors = { short_factor: shortFactors, long_factor: longFactors };
    return { rope_type: type, ...factors, ...original, attention_factor: gain ?? 1 };
  }
  const { factor } = scaling;
  if (scaling.type === "llama3") {
    const { lowFrequency, highFrequency } = scaling;
    const limits = { low_freq_factor: lowFrequency, high_freq_factor: highFrequency };
    return { rope_type: type, factor, ...limits, ...original };
  }
  const { fastTurns, slowTurns, gain, rounded } = scaling;
  return {
    rope_type: type,
    factor,
    ...original,
    beta_fast: fastTurns,
    beta_slow: slowTurns,
    attention_factor: gain,
    truncate: rounded,
  };
}
