/**
 * The numbers and choices that make a transformer: the one description from which a model is built
 * and which a saved model carries. Building the model is left to the GPT module, other projects'
 * configuration files to hub/.
 *
 * @module
 */
import { type Activation, ACTIVATION_NAMES } from "../ops/activation.ts";
import type { RotaryScaling } from "../ops/rotary.ts";

const NORMS: Norm[] = ["layer", "rms"];
const NORM_PLACEMENTS: NormPlacement[] = ["pre", "post"];
const POSITIONS: Positions[] = ["learned", "sinusoidal", "rotary"];
const SWITCHES = [
  "gated",
  "bias",
  "queryKeyValueBias",
  "tiedHead",
  "headBias",
  "scaleAttention",
] as const satisfies (keyof ModelConfig)[];

/** Normalization: layer norm, or root-mean-square norm (no mean, no bias). */
export type Norm = "layer" | "rms";
/** Where a block normalizes: the input of each half, or the sum after each residual. */
export type NormPlacement = "pre" | "post";
/** How a token's place enters: a learned table, fixed sines, or rotated queries and keys. */
export type Positions = "learned" | "sinusoidal" | "rotary";

/** A decoder-only transformer, complete: every field that a model depends on. */
export interface ModelConfig {
  /** V, the number of token ids. */
  vocabSize: number;
  /** The longest sequence, in tokens. */
  contextLength: number;
  /** Number of blocks. */
  layers: number;
  /** H, query heads of each attention; divides `width`. */
  heads: number;
  /** Key and value heads; divides `heads`. Default: `heads`. */
  keyValueHeads?: number;
  /** C, the size of a token's vector. */
  width: number;
  /** The feed-forward's inner size. Default: 4 · width. */
  hidden: number;
  /** Default: `"layer"`. */
  norm: Norm;
  /** Default: `"pre"`, with one more norm before the head; `"post"` has no such final norm. */
  normPlacement: NormPlacement;
  /** Added to the variance under the root. Default: 1e-5. */
  normEpsilon: number;
  /** Default: `"learned"`. */
  positions: Positions;
  /** Base of the rotary frequencies. Default with rotary positions: 10000; otherwise absent. */
  rotaryBase?: number;
  /** Slower rotary frequencies for a longer context, as of Llama 3.1. Default: none. */
  rotaryScaling?: RotaryScaling;
  /** The feed-forward's non-linearity. Default: `"gelu_tanh"`. */
  activation: Activation;
  /** Feed-forward `activation(x·gate) ⊙ (x·up)` instead of `activation(x·up)`. Default: false. */
  gated: boolean;
  /** Biases in attention and feed-forward. Default: true. */
  bias: boolean;
  /** Biases of queries, keys and values. Default: `bias`. */
  queryKeyValueBias: boolean;
  /** The head uses the token table. Default: true. */
  tiedHead: boolean;
  /** A bias on the logits, for a head that is not tied. Default: false. */
  headBias: boolean;
  /** Chance of dropping an activation in training, in [0, 1). Default: 0. */
  dropout: number;
  /** Tokens that each layer looks back on, itself included; undefined is all of them. */
  window?: (number | undefined)[];
  /** Divide attention scores by the root of the head size. Default: true. */
  scaleAttention: boolean;
}

/** What a caller must say; all else has a default. */
export type ModelConfigInput =
  & Pick<ModelConfig, "vocabSize" | "contextLength" | "layers" | "heads" | "width">
  & Partial<ModelConfig>;

function wholeNumber(name: string, value: unknown): void {
  if (!Number.isSafeInteger(value) || (value as number) < 1) {
    throw new RangeError(`model: ${name} must be a whole number from 1, got ${value}`);
  }
}

function oneOf(name: string, value: string, choices: readonly string[]): void {
  if (!choices.includes(value)) {
    throw new RangeError(`model: ${name} must be one of ${choices.join(", ")}, got ${value}`);
  }
}

function divides(part: string, parts: number, whole: string, size: number): void {
  if (size % parts !== 0) {
    throw new RangeError(
      `model: ${part} ${parts} does not divide ${whole} ${size}: ` +
        `${size} / ${parts} = ${+(size / parts).toFixed(3)}, expected a whole number`,
    );
  }
}

function checkSizes(config: ModelConfig): void {
  for (
    const name of ["vocabSize", "contextLength", "layers", "heads", "width", "hidden"] as const
  ) {
    wholeNumber(name, config[name]);
  }
  divides("heads", config.heads, "width", config.width);
  if (config.keyValueHeads === undefined) return;
  wholeNumber("keyValueHeads", config.keyValueHeads);
  divides("keyValueHeads", config.keyValueHeads, "heads", config.heads);
}

function checkChoices(config: ModelConfig): void {
  oneOf("norm", config.norm, NORMS);
  oneOf("normPlacement", config.normPlacement, NORM_PLACEMENTS);
  oneOf("positions", config.positions, POSITIONS);
  oneOf("activation", config.activation, ACTIVATION_NAMES);
  for (const name of SWITCHES) {
    if (typeof config[name] !== "boolean") {
      throw new RangeError(`model: ${name} must be true or false, got ${config[name]}`);
    }
  }
  if (config.headBias && config.tiedHead) {
    throw new RangeError("model: headBias is for a head of its own, got tiedHead true");
  }
}

function checkPositions(config: ModelConfig): void {
  const { positions, width, heads, rotaryBase, rotaryScaling } = config;
  if (positions === "sinusoidal") divides("sinusoidal pairs of", 2, "width", width);
  if (positions === "rotary") divides("rotary pairs of", 2, "head size", width / heads);
  if (rotaryScaling) checkScaling(positions, rotaryScaling);
  if (rotaryBase === undefined) return;
  if (positions !== "rotary") {
    throw new RangeError(`model: rotaryBase is for rotary positions, got positions ${positions}`);
  }
  if (!Number.isFinite(rotaryBase) || rotaryBase <= 1) {
    throw new RangeError(`model: rotaryBase must be a number above 1, got ${rotaryBase}`);
  }
}

function checkScaling(positions: Positions, scaling: RotaryScaling): void {
  if (positions !== "rotary") {
    throw new RangeError(`model: rotaryScaling is for rotary positions, got ${positions}`);
  }
  const { factor, lowFrequency, highFrequency, originalLength } = scaling;
  const finite = [factor, lowFrequency, highFrequency, originalLength].every(Number.isFinite);
  if (finite && factor >= 1 && lowFrequency > 0 && highFrequency > lowFrequency) {
    if (originalLength >= 1) return;
  }
  throw new RangeError(
    "model: rotaryScaling needs a factor from 1, 0 < lowFrequency < highFrequency and an " +
      `originalLength from 1, got ${JSON.stringify(scaling)}`,
  );
}

function checkNumbers({ normEpsilon, dropout, window, layers }: ModelConfig): void {
  if (!Number.isFinite(normEpsilon) || normEpsilon <= 0) {
    throw new RangeError(`model: normEpsilon must be a number above 0, got ${normEpsilon}`);
  }
  if (typeof dropout !== "number" || !(dropout >= 0 && dropout < 1)) {
    throw new RangeError(`model: dropout must be in [0, 1), got ${dropout}`);
  }
  if (window === undefined) return;
  if (window.length !== layers) {
    throw new RangeError(
      `model: window must have one entry for each of ${layers} layers, got ${window.length}`,
    );
  }
  window.forEach((tokens, layer) =>
    tokens !== undefined && wholeNumber(`window[${layer}]`, tokens)
  );
}

/**
 * Fills in the defaults (those of GPT-2, without dropout) and checks every field.
 *
 * @throws {RangeError} naming the field and what it got; where heads do not divide the width, both
 *
 * ```ts
 * import { modelConfig } from "./config.ts";
 * const config = modelConfig({ vocabSize: 65, contextLength: 64, layers: 4, heads: 4, width: 128 });
 * console.log(config.hidden); // 512
 * ```
 */
export function modelConfig(input: ModelConfigInput): ModelConfig {
  const config: ModelConfig = {
    hidden: 4 * input.width,
    norm: "layer",
    normPlacement: "pre",
    normEpsilon: 1e-5,
    positions: "learned",
    activation: "gelu_tanh",
    gated: false,
    bias: true,
    queryKeyValueBias: input.bias ?? true,
    tiedHead: true,
    headBias: false,
    dropout: 0,
    scaleAttention: true,
    ...(input.positions === "rotary" ? { rotaryBase: 10000 } : {}),
    ...dropUndefined(input),
  };
  checkSizes(config);
  checkChoices(config);
  checkPositions(config);
  checkNumbers(config);
  return config;
}

/** A field given as undefined means its default. */
function dropUndefined(input: ModelConfigInput): ModelConfigInput {
  const given = Object.entries(input).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given) as unknown as ModelConfigInput;
}
