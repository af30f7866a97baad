/**
 * Vectors of texts: an encoder's values, pooled.
 *
 * See load_encoder.ts for encoders, word_vectors.ts for vectors of words.
 *
 * @module
 */
import { describe } from "../errors.ts";
import { Encoder } from "../nn/encoder.ts";
import { expectPooling, pool, type Pooling } from "../nn/pool.ts";
import { checkOptions, type OptionNames } from "../options.ts";
import { scope } from "../tensor/scope.ts";
import type { PretrainedEncoder } from "./load_encoder.ts";
import {
  encodedTexts,
  expectBatchSize,
  expectSequences,
  inBatches,
  sequenceBatch,
  type TextSequence,
} from "./text_sequences.ts";

/** Options of `embed`, whose defaults are what the encoder's files say. */
export interface EmbedOptions {
  /** The vector of a text: its first token's, `"cls"`, or the mean of all, `"mean"`. */
  pooling?: Pooling;
  /** Scale vectors to length 1. */
  normalize?: boolean;
  /** Texts that are computed together. Default 32. */
  batchSize?: number;
  /** Text put before each text, such as `"query: "`. */
  prompt?: string;
  /** The name of a prompt that the encoder's files have. */
  promptName?: string;
}

const OPTIONS: OptionNames<EmbedOptions> = {
  pooling: true,
  normalize: true,
  batchSize: 32,
  prompt: true,
  promptName: true,
};

/**
 * A vector [C] for each text: pool(encoder(ids)), divided by its length if `normalize`.
 *
 * Texts are computed in batches of similar lengths, padding is hidden, and a text that is longer
 * than the encoder's `maxLength` is cut before its closing special token. Source: Reimers &
 * Gurevych, arXiv 1908.10084.
 *
 * ```ts ignore
 * const encoder = await loadEncoder("BAAI/bge-small-en-v1.5");
 * const [query, ...passages] = await embed(encoder, ["What is a panda?", "A bear.", "A cat."]);
 * console.log(passages.map((passage) => cosineSimilarity(query, passage)));
 * ```
 *
 * @throws {UserError} if the encoder was loaded without a tokenizer
 * @throws {RangeError} if a text has no token, or an option is out of range
 * @throws {TypeError} if `encoder` is none, or `texts` is no list of texts
 */
export async function embed(
  encoder: PretrainedEncoder,
  texts: readonly string[],
  options: EmbedOptions = {},
): Promise<Float32Array<ArrayBuffer>[]> {
  expectEncoder(encoder);
  checkOptions("embed", options, OPTIONS);
  const { pooling = encoder.pooling, normalize = encoder.normalize, batchSize = 32 } = options;
  expectPooling("embed", pooling);
  expectBatchSize("embed", batchSize);
  if (!Array.isArray(texts)) {
    throw new TypeError(`embed: expected a list of texts, got ${describe(texts)}`);
  }
  const { vocabSize } = encoder.config;
  const limits = { vocabSize, contextLength: encoder.maxLength };
  const inputs = texts.map((text) => prepared(encoder, text, options));
  const sequences = encodedTexts("embed", encoder.tokenizer, inputs, limits);
  expectSequences("embed", sequences, limits, encoder.model);
  return await inBatches(
    sequences,
    batchSize,
    async (batch) => {
      const rows = await vectors(encoder.model, batch, pooling);
      return normalize ? rows.map(normalized) : rows;
    },
  );
}

/**
 * a·b/(|a||b|), from −1 to 1: of vectors of one size, 0 if one of them is 0.
 *
 * ```ts
 * import { cosineSimilarity } from "../../mod.ts";
 * console.log(cosineSimilarity([1, 0], [1, 1])); // 0.7071…
 * ```
 *
 * @throws {RangeError} if their sizes differ
 */
export function cosineSimilarity(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) {
    throw new RangeError(
      `cosineSimilarity: expected vectors of one size, got ${a.length} and ${b.length}`,
    );
  }
  const lengths = Math.sqrt(dot(a, a) * dot(b, b));
  return lengths === 0 ? 0 : dot(a, b) / lengths;
}

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

function expectEncoder(encoder: PretrainedEncoder): void {
  if (encoder?.model instanceof Encoder) return;
  throw new TypeError(
    `embed: expected what loadEncoder returns, got ${describe(encoder)}; load it with await ` +
      "loadEncoder(place)",
  );
}

/** The text behind its prompt, in lower case if the encoder's files say so. */
function prepared(
  { prompts, defaultPrompt, lowercase }: PretrainedEncoder,
  text: string,
  { prompt, promptName = defaultPrompt }: EmbedOptions,
): string {
  if (typeof text !== "string") {
    throw new TypeError(`embed: expected a list of texts, got one with ${describe(text)}`);
  }
  if (prompt === undefined && promptName !== undefined && !Object.hasOwn(prompts, promptName)) {
    const known = Object.keys(prompts).join(", ") || "none";
    throw new RangeError(`embed: promptName: expected one of ${known}, got ${promptName}`);
  }
  const whole = (prompt ?? (promptName === undefined ? "" : prompts[promptName])) + text;
  return lowercase ? whole.toLowerCase() : whole;
}

/** [B,C], row by row. */
async function vectors(
  model: Encoder,
  sequences: readonly TextSequence[],
  pooling: Pooling,
): Promise<Float32Array<ArrayBuffer>[]> {
  const result = scope(() => {
    const { ids, input } = sequenceBatch(model, sequences);
    return pool(model.forward(ids, input), { pooling, lengths: input.lengths });
  });
  const rows = await result.data() as Float32Array;
  result.dispose();
  const { width } = model.config;
  return sequences.map((_, i) => rows.slice(i * width, (i + 1) * width));
}

function normalized(vector: Float32Array<ArrayBuffer>): Float32Array<ArrayBuffer> {
  const length = Math.sqrt(dot(vector, vector));
  return length === 0 ? vector : vector.map((value) => value / length);
}
