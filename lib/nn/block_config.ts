/**
 * The choices that the blocks of a transformer share: sizes, norms, positions, biases, residuals
 * and dropout, with their defaults and checks.
 *
 * `Block` and `Attention` are built from them. See config.ts for the rest of a language model's
 * configuration, sequence_classifier.ts and transformer.ts for those of encoders and of
 * encoder–decoders.
 *
 * @module
 */
import { type Activation, ACTIVATION_NAMES } from "../ops/activation.ts";
import { expectRotaryScaling, type RotaryScaling } from "../ops/rotary_scaling.ts";
import { checkOptions, type OptionNames } from "../options.ts";
import { expectValue, oneOf } from "../rules.ts";
import {
  expectBoolean,
  expectDivides,
  expectEpsilon,
  expectPositive,
  expectProbability,
  expectWholeNumber,
} from "./config_checks.ts";

/**
 * Normalization: layer norm, root-mean-square norm (no mean, no bias), or none, as in models that
 * are studied by their weights.
 */
export type Norm = "layer" | "rms" | "none";
/**
 * Placement of the norms around each half f of a block: `pre` is x + f(norm(x)), `post` is
 * norm(x + f(x)), `sandwich` is x + norm′(f(norm(x))), as in Gemma 2.
 */
export type NormPlacement = "pre" | "post" | "sandwich";
/**
 * Encoding of positions: a learned table, fixed sines, rotated queries and keys, scores that fall
 * with the distance (ALiBi, Press et al., arXiv 2108.12409), a learned table that is added to what
 * queries and keys are made from and to nothing else (Shortformer, Press et al., arXiv 2012.15832;
 * for decoders), or none.
 */
export type Positions = "learned" | "sinusoidal" | "rotary" | "alibi" | "shortformer" | "none";

/** Configuration that the blocks of a transformer share. */
export interface BlockConfig {
  /** C, the size of a token's vector. */
  width: number;
  /** H, number of query heads; must divide `width` unless `headSize` is set. */
  heads: number;
  /**
   * Hkv, number of key/value heads (grouped-query attention); divides `heads`. Default: `heads`.
   */
  keyValueHeads?: number;
  /** D, the size of a head. Default: width / heads. */
  headSize?: number;
  /** The feed-forward's inner size. Default: 4 · width. */
  hidden: number;
  /** A feed-forward after attention; false is attention only. Default: true. */
  feedForward?: boolean;
  /** Kind of norm. Default: `"layer"`. */
  norm: Norm;
  /** Placement of the norms. Default: `"pre"` in a decoder, otherwise `"post"`. */
  normPlacement: NormPlacement;
  /** Added to the variance under the root. Default: 1e-5. */
  normEpsilon: number;
  /** Gains in norms. Default: true. */
  normGain: boolean;
  /** Biases in layer norms. Default: true. */
  normBias: boolean;
  /** A norm of each head's query and key, before rotary positions, as in Qwen3. Default: false. */
  queryKeyNorm: boolean;
  /** Encoding of positions. Default: `"learned"`. */
  positions: Positions;
  /** Base of the rotary frequencies. Default with rotary positions: 10000; otherwise absent. */
  rotaryBase?: number;
  /** Number of leading columns of each head that are rotated; even. Default: all. */
  rotaryDimensions?: number;
  /** Lower rotary frequencies for a longer context, as in Llama 3.1. Default: none. */
  rotaryScaling?: RotaryScaling;
  /** Divide attention scores by the root of the head size. Default: true. */
  scaleAttention: boolean;
  /** Factor of the attention scores, as Gemma's `query_pre_attn_scalar`. Default: 1/√D. */
  attentionScale?: number;
  /** c of the attention scores c·tanh(score/c), as in Gemma 2. Default: scores as they are. */
  attentionSoftCap?: number;
  /** The feed-forward's non-linearity. Default: `"gelu_tanh"`. */
  activation: Activation;
  /** Feed-forward `activation(x·gate) ⊙ (x·up)` instead of `activation(x·up)`. Default: false. */
  gated: boolean;
  /** Biases in attention and feed-forward. Default: true. */
  bias: boolean;
  /** Biases of queries, keys and values. Default: `bias`. */
  queryKeyValueBias: boolean;
  /** Bias of attention's output projection. Default: `bias`. */
  attentionProjectionBias: boolean;
  /**
   * x + attention(norm(x)) + feedForward(norm′(x)), as in GPT-NeoX, instead of sequential halves;
   * pre-norm only. Default: false.
   */
  parallelResidual: boolean;
  /** With `parallelResidual`, norm′ is norm, as in GPT-J. Default: false. */
  sharedNorm: boolean;
  /**
   * Probability of dropping, in training, an element of what attention and the feed-forward add to
   * the residual stream, and of the embeddings; in [0, 1). Default: 0.
   */
  dropout: number;
  /** Dropout of what attention adds. Default: `dropout`. */
  attentionOutputDropout?: number;
  /** Dropout of attention's probabilities in training, as GPT-2's `attn_pdrop`. Default: 0. */
  attentionDropout?: number;
  /** Dropout of the feed-forward's inner values, after the activation. Default: 0. */
  activationDropout?: number;
}

/** A block's sizes; everything else has a default. */
export type BlockConfigInput = Pick<BlockConfig, "width" | "heads"> & Partial<BlockConfig>;

/**
 * Every field of a `BlockConfig` with its default; undefined for those that have none, or one that
 * depends on other fields.
 */
const DEFAULTS = {
  width: undefined,
  heads: undefined,
  keyValueHeads: undefined,
  headSize: undefined,
  hidden: undefined,
  feedForward: undefined,
  norm: "layer",
  normPlacement: "pre",
  normEpsilon: 1e-5,
  normGain: true,
  normBias: true,
  queryKeyNorm: false,
  positions: "learned",
  rotaryBase: undefined,
  rotaryDimensions: undefined,
  rotaryScaling: undefined,
  scaleAttention: true,
  attentionScale: undefined,
  attentionSoftCap: undefined,
  activation: "gelu_tanh",
  gated: false,
  bias: true,
  queryKeyValueBias: true,
  attentionProjectionBias: true,
  parallelResidual: false,
  sharedNorm: false,
  dropout: 0,
  attentionOutputDropout: undefined,
  attentionDropout: undefined,
  activationDropout: undefined,
} as const satisfies OptionNames<BlockConfig>;

/** Every field of a `BlockConfig`, as a key. */
export const BLOCK_OPTIONS: OptionNames<BlockConfig> = DEFAULTS;

const CHOICES = {
  norm: ["layer", "rms", "none"] satisfies Norm[],
  normPlacement: ["pre", "post", "sandwich"] satisfies NormPlacement[],
  positions: [
    "learned",
    "sinusoidal",
    "rotary",
    "alibi",
    "shortformer",
    "none",
  ] satisfies Positions[],
  activation: ACTIVATION_NAMES,
};

/**
 * Fills in the defaults and checks every field. Optional fields that equal their default are left
 * out.
 *
 * ```ts
 * import { blockConfig } from "./block_config.ts";
 * console.log(blockConfig({ width: 128, heads: 4 }).hidden); // 512
 * ```
 *
 * @throws {TypeError} if a field is unknown, naming the nearest real one
 * @throws {RangeError} if a value is impossible, naming the field and its value
 */
export function blockConfig(
  input: BlockConfigInput,
  defaults: Pick<Partial<BlockConfig>, "normPlacement"> = {},
): BlockConfig {
  checkOptions("model", input, BLOCK_OPTIONS);
  const { bias = true, positions } = input;
  const config: BlockConfig = {
    ...DEFAULTS,
    hidden: 4 * input.width,
    queryKeyValueBias: bias,
    attentionProjectionBias: bias,
    rotaryBase: positions === "rotary" ? 10000 : undefined,
    ...defaults,
    ...dropUndefined(input),
  };
  checkSizes(config);
  checkChoices(config);
  checkParts(config);
  checkPositions(config);
  checkNumbers(config);
  checkScale(config);
  return withoutDefaults(config);
}

/** The fields of `config` that are keys of `names`. */
export function pickFields<Picked>(config: object, names: object): Picked {
  const fields = Object.entries(config).filter(([name]) => Object.hasOwn(names, name));
  return Object.fromEntries(fields) as Picked;
}

/** D, the size of a head. */
export function headSizeOf({ headSize, width, heads }: BlockConfigInput): number {
  return headSize ?? width / heads;
}

/** Without the fields that are undefined: such a field means its default. */
export function dropUndefined<Input extends object>(input: Input): Input {
  const given = Object.entries(input).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given) as Input;
}

function checkSizes(config: BlockConfig): void {
  const { width, heads, keyValueHeads, headSize } = config;
  for (const name of ["heads", "width", "hidden"] as const) expectWholeNumber(name, config[name]);
  if (headSize === undefined) expectDivides("heads", heads, "width", width);
  else expectWholeNumber("headSize", headSize);
  if (keyValueHeads === undefined) return;
  expectWholeNumber("keyValueHeads", keyValueHeads);
  expectDivides("keyValueHeads", keyValueHeads, "heads", heads);
}

function checkChoices(config: BlockConfig): void {
  for (const [name, choices] of Object.entries(CHOICES)) {
    const value = config[name as keyof typeof CHOICES];
    expectValue(`model: ${name}`, oneOf<string>(choices), value);
  }
  for (const [name, value] of Object.entries(DEFAULTS)) {
    if (typeof value === "boolean") expectBoolean(name, config[name as keyof BlockConfig]);
  }
  const { parallelResidual, sharedNorm, normPlacement } = config;
  if (parallelResidual && normPlacement !== "pre") {
    throw new RangeError(`model: parallelResidual needs normPlacement pre, got ${normPlacement}`);
  }
  if (sharedNorm && !parallelResidual) {
    throw new RangeError("model: sharedNorm needs parallelResidual, got parallelResidual false");
  }
}

/** What a block without norms, or without a feed-forward, cannot have. */
function checkParts(config: BlockConfig): void {
  const { norm, normPlacement, feedForward = true } = config;
  expectBoolean("feedForward", feedForward);
  if (norm === "none" && normPlacement !== "pre") {
    throw new RangeError(`model: norm none needs normPlacement pre, got ${normPlacement}`);
  }
  const needed = (name: keyof BlockConfig, what: string) => {
    if (!config[name]) return;
    throw new RangeError(`model: ${name} needs ${what}, got ${name} ${config[name]}`);
  };
  if (norm === "none") {
    for (const name of ["queryKeyNorm", "sharedNorm"] as const) needed(name, "a norm, not none");
  }
  if (feedForward) return;
  for (const name of ["gated", "parallelResidual", "activationDropout"] as const) {
    needed(name, "a feed-forward, not feedForward false");
  }
}

function checkPositions(config: BlockConfig): void {
  const { positions, width, rotaryBase, rotaryDimensions, rotaryScaling } = config;
  const headSize = headSizeOf(config);
  if (positions === "sinusoidal") expectDivides("sinusoidal pairs of", 2, "width", width);
  if (positions === "rotary") expectDivides("rotary pairs of", 2, "head size", headSize);
  for (const name of ["rotaryBase", "rotaryDimensions", "rotaryScaling"] as const) {
    if (config[name] === undefined || positions === "rotary") continue;
    throw new RangeError(`model: ${name} is for rotary positions, got positions ${positions}`);
  }
  if (rotaryBase !== undefined && !(Number.isFinite(rotaryBase) && rotaryBase > 1)) {
    throw new RangeError(`model: rotaryBase must be a number above 1, got ${rotaryBase}`);
  }
  if (rotaryScaling) {
    expectRotaryScaling("model", rotaryScaling, (rotaryDimensions ?? headSize) / 2);
  }
  if (rotaryDimensions === undefined) return;
  const even = Number.isSafeInteger(rotaryDimensions) && rotaryDimensions % 2 === 0;
  if (!even || rotaryDimensions < 2 || rotaryDimensions > headSize) {
    throw new RangeError(
      `model: rotaryDimensions must be an even number from 2 to the head size ${headSize}, got ${rotaryDimensions}`,
    );
  }
}

function checkNumbers(config: BlockConfig): void {
  const { normEpsilon, dropout, attentionOutputDropout, attentionDropout } = config;
  const { activationDropout } = config;
  expectEpsilon("normEpsilon", normEpsilon);
  const rates = { dropout, attentionOutputDropout, attentionDropout, activationDropout };
  for (const [name, rate] of Object.entries(rates)) expectProbability(name, rate);
}

function checkScale(config: BlockConfig): void {
  const { attentionScale, scaleAttention, attentionSoftCap, positions } = config;
  expectPositive("attentionScale", attentionScale);
  expectPositive("attentionSoftCap", attentionSoftCap);
  if (attentionSoftCap !== undefined && positions === "alibi") {
    throw new RangeError("model: attentionSoftCap is not for positions alibi, got both");
  }
  if (attentionScale === undefined || scaleAttention) return;
  throw new RangeError("model: attentionScale needs scaleAttention, got scaleAttention false");
}

/** Without the optional fields that are undefined or equal their default. */
function withoutDefaults(config: BlockConfig): BlockConfig {
  const { width, heads, dropout } = config;
  const defaults: Partial<BlockConfig> = {
    keyValueHeads: heads,
    feedForward: true,
    headSize: width / heads,
    rotaryDimensions: headSizeOf(config),
    attentionScale: 1 / Math.sqrt(headSizeOf(config)),
    attentionOutputDropout: dropout,
    attentionDropout: 0,
    activationDropout: 0,
  };
  const fields = Object.entries(config).filter(([name, value]) =>
    value !== undefined && value !== defaults[name as keyof BlockConfig]
  );
  return Object.fromEntries(fields) as unknown as BlockConfig;
}
