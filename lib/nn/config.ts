/**
 * The sizes and choices of a decoder-only transformer: a model is built from them, and a saved
 * model contains them.
 *
 * See gpt.ts for the model, block_config.ts for what its blocks share, and lib/hub for other
 * projects' configuration files.
 *
 * @module
 */
import { describe } from "../errors.ts";
import { checkOptions, type OptionNames } from "../options.ts";
import {
  BLOCK_OPTIONS,
  type BlockConfig,
  blockConfig,
  type BlockConfigInput,
  dropUndefined,
  pickFields,
  type Positions,
} from "./block_config.ts";
import {
  expectBoolean,
  expectPositive,
  expectProbability,
  expectWholeNumber,
} from "./config_checks.ts";

/** A decoder-only transformer, complete: every field that a model depends on. */
export interface ModelConfig extends BlockConfig {
  /** V, the number of token ids. */
  vocabSize: number;
  /** The longest sequence, in tokens. */
  contextLength: number;
  /** L, the number of blocks. */
  layers: number;
  /** The head uses the token table (weight tying). Default: true. */
  tiedHead: boolean;
  /** A bias on the logits, for an untied head. Default: false. */
  headBias: boolean;
  /**
   * Number of logits, for an untied head that predicts something else than the next token: such a
   * model is trained and measured, and writes no text. Default: `vocabSize`.
   */
  outputSize?: number;
  /** Dropout of the embeddings. Default: `dropout`. */
  embeddingDropout?: number;
  /** Factor of the token embeddings, such as Gemma's √C; without added positions. Default: 1. */
  embeddingScale?: number;
  /** A norm of the embeddings before the first block, as in BLOOM. Default: false. */
  embeddingNorm: boolean;
  /** c of the logits c·tanh(logits/c), as in Gemma 2. Default: logits as they are. */
  logitSoftCap?: number;
  /**
   * Whether each layer rotates queries and keys; the others have no positions, as every fourth of
   * SmolLM3's. Default: all do with rotary positions.
   */
  rotaryLayers?: boolean[];
  /**
   * Whether each layer adds a table's row of each token, [V, Hkv·D], to its values (value
   * embeddings). Default: none does.
   */
  valueEmbeddings?: boolean[];
  /**
   * Base of the rotary frequencies, unscaled, in layers with a window. Default: as in the others.
   */
  windowRotaryBase?: number;
  /**
   * Tokens that each layer attends to, itself included (sliding window); undefined is all of them.
   */
  window?: (number | undefined)[];
}

/** A model's sizes; everything else has a default. */
export type ModelConfigInput =
  & Pick<ModelConfig, "vocabSize" | "contextLength" | "layers" | "heads" | "width">
  & Partial<ModelConfig>;

/** Every field of a `ModelConfig`. */
export const MODEL_OPTIONS: OptionNames<ModelConfig> = {
  vocabSize: true,
  contextLength: true,
  layers: true,
  ...BLOCK_OPTIONS,
  tiedHead: true,
  headBias: true,
  outputSize: true,
  embeddingDropout: true,
  embeddingScale: true,
  embeddingNorm: true,
  logitSoftCap: true,
  rotaryLayers: true,
  valueEmbeddings: true,
  windowRotaryBase: true,
  window: true,
};

/**
 * Fills in the defaults (those of GPT-2, without dropout) and checks every field. Optional fields
 * that equal their default are left out.
 *
 * ```ts
 * import { modelConfig } from "./config.ts";
 * const sizes = { vocabSize: 65, contextLength: 64, layers: 4, heads: 4, width: 128 };
 * console.log(modelConfig(sizes).hidden); // 512
 * ```
 *
 * @throws {TypeError} if a field is unknown, naming the nearest real one
 * @throws {RangeError} if a value is impossible, naming the field and its value
 */
export function modelConfig(input: ModelConfigInput): ModelConfig {
  checkOptions("model", input, MODEL_OPTIONS);
  const { vocabSize, contextLength, layers, embeddingDropout, window } = input;
  const { embeddingScale, logitSoftCap, rotaryLayers, valueEmbeddings, windowRotaryBase } = input;
  const { tiedHead = true, headBias = false, embeddingNorm = false } = input;
  for (const [name, value] of Object.entries({ vocabSize, contextLength, layers })) {
    expectWholeNumber(name, value);
  }
  const blocks = blockConfig(pickFields<BlockConfigInput>(input, BLOCK_OPTIONS));
  checkHead(tiedHead, headBias, input.outputSize);
  checkEmbedding(input, blocks);
  expectPositive("logitSoftCap", logitSoftCap);
  if (window !== undefined) checkWindow(window, layers);
  checkRotary(input, blocks.positions);
  checkEachLayer("valueEmbeddings", valueEmbeddings, layers);
  return {
    vocabSize,
    contextLength,
    layers,
    ...blocks,
    tiedHead,
    headBias,
    embeddingNorm,
    ...dropUndefined({
      embeddingDropout: embeddingDropout === blocks.dropout ? undefined : embeddingDropout,
      outputSize: input.outputSize === vocabSize ? undefined : input.outputSize,
      embeddingScale: embeddingScale === 1 ? undefined : embeddingScale,
      logitSoftCap,
      rotaryLayers: rotaryLayers?.includes(false) ? rotaryLayers : undefined,
      valueEmbeddings: valueEmbeddings?.includes(true) ? valueEmbeddings : undefined,
      windowRotaryBase: windowRotaryBase === blocks.rotaryBase ? undefined : windowRotaryBase,
      window: window?.some((tokens) => tokens !== undefined) ? window : undefined,
    }),
  };
}

/** The configuration of one layer's block: that of all blocks, but for its rotary positions. */
export function layerConfig(config: ModelConfig, layer: number): BlockConfigInput {
  const blocks = pickFields<BlockConfigInput>(config, BLOCK_OPTIONS);
  const { rotaryLayers, windowRotaryBase, window } = config;
  const unset = { rotaryBase: undefined, rotaryDimensions: undefined, rotaryScaling: undefined };
  if (rotaryLayers?.[layer] === false) return { ...blocks, positions: "none", ...unset };
  if (windowRotaryBase === undefined || window?.[layer] === undefined) return blocks;
  return { ...blocks, rotaryBase: windowRotaryBase, rotaryScaling: undefined };
}

function checkHead(tiedHead: boolean, headBias: boolean, outputSize: number | undefined): void {
  expectBoolean("tiedHead", tiedHead);
  expectBoolean("headBias", headBias);
  if (headBias && tiedHead) {
    throw new RangeError("model: headBias needs an untied head, got tiedHead true");
  }
  if (outputSize === undefined) return;
  expectWholeNumber("outputSize", outputSize);
  if (tiedHead) {
    throw new RangeError("model: outputSize needs an untied head, got tiedHead true");
  }
}

function checkEmbedding(
  { embeddingDropout, embeddingScale, embeddingNorm }: ModelConfigInput,
  { positions, norm }: BlockConfig,
): void {
  expectProbability("embeddingDropout", embeddingDropout);
  if (embeddingNorm !== undefined) expectBoolean("embeddingNorm", embeddingNorm);
  if (embeddingNorm && norm === "none") {
    throw new RangeError("model: embeddingNorm needs a norm, got norm none");
  }
  expectPositive("embeddingScale", embeddingScale);
  const isAdded = positions === "learned" || positions === "sinusoidal";
  if (embeddingScale === undefined || embeddingScale === 1 || !isAdded) return;
  throw new RangeError(
    `model: embeddingScale needs positions that are not added, got ${positions}`,
  );
}

function checkRotary(
  { contextLength, layers, rotaryScaling, rotaryLayers, windowRotaryBase, window }:
    ModelConfigInput,
  positions: Positions,
): void {
  if (rotaryScaling?.type === "longrope" && contextLength > rotaryScaling.originalLength) {
    const { originalLength } = rotaryScaling;
    throw new RangeError(
      `model: contextLength must be at most longrope's originalLength, ${originalLength}, got ` +
        `${contextLength}`,
    );
  }
  for (const [name, value] of Object.entries({ rotaryLayers, windowRotaryBase })) {
    if (value === undefined || positions === "rotary") continue;
    throw new RangeError(`model: ${name} is for rotary positions, got positions ${positions}`);
  }
  if (windowRotaryBase !== undefined && !(windowRotaryBase > 1 && windowRotaryBase < Infinity)) {
    throw new RangeError(
      `model: windowRotaryBase must be a number above 1, got ${windowRotaryBase}`,
    );
  }
  if (windowRotaryBase !== undefined && !window?.some((tokens) => tokens !== undefined)) {
    throw new RangeError("model: windowRotaryBase needs a layer with a window, got none");
  }
  checkEachLayer("rotaryLayers", rotaryLayers, layers);
}

/** Throws a RangeError unless `values` is undefined or has true or false for each layer. */
function checkEachLayer(name: string, values: readonly unknown[] | undefined, layers: number) {
  if (values === undefined) return;
  if (!Array.isArray(values) || values.length !== layers) {
    throw new RangeError(
      `model: ${name} must have one entry for each of ${layers} layers, got ${
        Array.isArray(values) ? values.length : describe(values)
      }`,
    );
  }
  values.forEach((value, layer) => expectBoolean(`${name}[${layer}]`, value));
}

function checkWindow(window: readonly unknown[], layers: number): void {
  if (!Array.isArray(window) || window.length !== layers) {
    throw new RangeError(
      `model: window must have one entry for each of ${layers} layers, got ${
        Array.isArray(window) ? window.length : describe(window)
      }`,
    );
  }
  window.forEach((tokens, layer) =>
    tokens !== undefined && expectWholeNumber(`window[${layer}]`, tokens)
  );
}
