/**
 * The configuration of an encoder–decoder: sizes, positions, tables and head.
 *
 * block_config.ts has the fields that its blocks share with other models; transformer.ts is built
 * from both.
 *
 * @module
 */
import { checkOptions, type OptionNames } from "../options.ts";
import { expectValue, oneOf } from "../rules.ts";
import {
  BLOCK_OPTIONS,
  type BlockConfig,
  blockConfig,
  type BlockConfigInput,
  pickFields,
} from "./block_config.ts";
import { expectProbability, expectWholeNumber } from "./config_checks.ts";

/**
 * Encoding of positions in an encoder–decoder: fixed sines, a learned table for each side, or a
 * learned bias of the attention scores for each side, as in T5.
 */
export type TransformerPositions = "sinusoidal" | "learned" | "relative";

/** Sizes and choices of a `Transformer`: those of its blocks, post-norm by default, and its own. */
export interface TransformerConfig extends Omit<BlockConfigInput, "positions"> {
  /** Ids of the source's tokens. */
  sourceVocabSize: number;
  /** V, ids of the target's tokens. */
  targetVocabSize: number;
  /** The longest source and target, in tokens. */
  contextLength: number;
  /** Number of blocks in the encoder, and in the decoder. */
  layers: number;
  /** Number of blocks in the decoder. Default: `layers`. */
  decoderLayers?: number;
  /** Default: `"sinusoidal"`. */
  positions?: TransformerPositions;
  /** Ranges of distances of relative positions. Default: 32. */
  relativeBuckets?: number;
  /** The distance from which on keys share the last range of relative positions. Default: 128. */
  relativeDistance?: number;
  /** One token table for source and target, whose ids are then the same. Default: false. */
  sharedTokens?: boolean;
  /** The head uses the target's token table (weight tying). Default: false. */
  tiedHead?: boolean;
  /** A bias on the logits, for an untied head. Default: true. */
  headBias?: boolean;
  /** Factor of the token embeddings, such as √C. Default: 1. */
  embeddingScale?: number;
  /** A norm of the embeddings of each side, as in BART. Default: false. */
  embeddingNorm?: boolean;
  /** Factor of what the head receives, such as T5's 1/√C. Default: 1. */
  headScale?: number;
  /** Dropout of the embeddings. Default: `dropout`. */
  embeddingDropout?: number;
  /** Dropout of the values of encoder and decoder, after their last norms, as in T5. Default: 0. */
  outputDropout?: number;
}

const { positions: _, ...SHARED } = BLOCK_OPTIONS;

/** Every field of a `TransformerConfig`. */
const TRANSFORMER_OPTIONS: OptionNames<TransformerConfig> = {
  sourceVocabSize: true,
  targetVocabSize: true,
  contextLength: true,
  layers: true,
  decoderLayers: true,
  ...SHARED,
  positions: true,
  relativeBuckets: true,
  relativeDistance: true,
  sharedTokens: true,
  tiedHead: true,
  headBias: true,
  embeddingScale: true,
  embeddingNorm: true,
  headScale: true,
  embeddingDropout: true,
  outputDropout: true,
};

const POSITIONS: readonly TransformerPositions[] = ["sinusoidal", "learned", "relative"];

/** The configuration of the blocks, post-norm by default. */
export function transformerBlocks(config: TransformerConfig): BlockConfig {
  return blockConfig(pickFields<BlockConfigInput>(config, SHARED), { normPlacement: "post" });
}

/**
 * Checks every field.
 *
 * @throws {TypeError} if one is unknown, naming the nearest real one
 * @throws {RangeError} if a value is impossible, naming the field and its value
 */
export function checkTransformer(config: TransformerConfig): void {
  checkOptions("Transformer", config, TRANSFORMER_OPTIONS);
  const { sourceVocabSize, targetVocabSize, contextLength, layers } = config;
  const { decoderLayers = layers, embeddingDropout, outputDropout } = config;
  const sizes = { sourceVocabSize, targetVocabSize, contextLength, layers, decoderLayers };
  for (const [name, value] of Object.entries(sizes)) expectWholeNumber(name, value);
  expectProbability("embeddingDropout", embeddingDropout);
  expectProbability("outputDropout", outputDropout);
  const { positions = "sinusoidal", sharedTokens, tiedHead, headBias } = config;
  expectValue("model: positions", oneOf(POSITIONS), positions);
  if (sharedTokens && sourceVocabSize !== targetVocabSize) {
    throw new RangeError(
      `model: sharedTokens needs vocabularies of one size, got ${sourceVocabSize} and ${targetVocabSize}`,
    );
  }
  if (tiedHead && headBias) {
    throw new RangeError("model: headBias needs an untied head, got tiedHead true");
  }
}
