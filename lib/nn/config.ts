/**
 * The sizes and choices of a decoder-only transformer: a model is built from them, and a saved
 * model contains them.
 *
 * See gpt.ts for the model, block_config.ts for what its blocks share, and lib/hub for other
 * projects' configuration files.
 *
 * @module
 */
import { checkOptions, type OptionNames } from "../options.ts";
import {
  BLOCK_OPTIONS,
  type BlockConfig,
  blockConfig,
  type BlockConfigInput,
  dropUndefined,
  pickFields,
} from "./block_config.ts";
import { expectBoolean, expectProbability, expectWholeNumber } from "./config_checks.ts";

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
  /** Dropout of the embeddings. Default: `dropout`. */
  embeddingDropout?: number;
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
  embeddingDropout: true,
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
  const { tiedHead = true, headBias = false } = input;
  for (const [name, value] of Object.entries({ vocabSize, contextLength, layers })) {
    expectWholeNumber(name, value);
  }
  const blocks = blockConfig(pickFields<BlockConfigInput>(input, BLOCK_OPTIONS));
  checkHead(tiedHead, headBias);
  expectProbability("embeddingDropout", embeddingDropout);
  if (window) checkWindow(window, layers);
  return {
    vocabSize,
    contextLength,
    layers,
    ...blocks,
    tiedHead,
    headBias,
    ...dropUndefined({
      embeddingDropout: embeddingDropout === blocks.dropout ? undefined : embeddingDropout,
      window: window?.some((tokens) => tokens !== undefined) ? window : undefined,
    }),
  };
}

function checkHead(tiedHead: boolean, headBias: boolean): void {
  expectBoolean("tiedHead", tiedHead);
  expectBoolean("headBias", headBias);
  if (headBias && tiedHead) {
    throw new RangeError("model: headBias needs an untied head, got tiedHead true");
  }
}

function checkWindow(window: readonly unknown[], layers: number): void {
  if (window.length !== layers) {
    throw new RangeError(
      `model: window must have one entry for each of ${layers} layers, got ${window.length}`,
    );
  }
  window.forEach((tokens, layer) =>
    tokens !== undefined && expectWholeNumber(`window[${layer}]`, tokens)
  );
}
