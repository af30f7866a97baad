/**
 * The mask of attention's keys and the dropout of its probabilities: options checked and turned
 * into the kernels' constants, scalars and mask words.
 *
 * The masks are made in kernels/cpu/attention_dropout.ts and kernels/webgpu/attention_dropout.wgsl.
 * Dropout of any tensor is in dropout.ts.
 *
 * @module
 */
import type { ScalarType } from "../device/kernel.ts";
import { empty, type Tensor } from "../tensor/tensor.ts";
import type { AttentionOptions } from "./attention_layout.ts";
import { expectDropoutRate } from "./dropout.ts";
import { expectRandomState } from "./random.ts";
import { stridedCopy } from "./strided_copy.ts";

/** Types of the scalars of dropout, for the kernels' descriptors. */
export const DROPOUT_SCALARS: Readonly<Record<string, ScalarType>> = {
  stream: "u32",
  threshold: "u32",
  keepScale: "f32",
};

/** Values of the 16 random bits that decide over a probability. */
const VALUES = 2 ** 16;

/** The masking of a call of attention: the inputs that decide which probabilities count. */
export interface AttentionMasking {
  /** Builds with key lengths, with first keys, and with dropout. */
  readonly constants: Readonly<Record<"HAS_LENGTHS" | "HAS_FIRST_KEYS" | "DROPOUT", number>>;
  /** Values of the scalars in `DROPOUT_SCALARS`. */
  readonly scalars: Readonly<Record<string, number>>;
  /**
   * i32: seed and step if there is dropout, then the key lengths if there are any, then the first
   * keys. One buffer, because with it the backward pass on WebGPU has the 8 that every adapter can
   * bind.
   */
  readonly words: Tensor | undefined;
}

/**
 * The masking of a call.
 *
 * @throws {RangeError} for a rate outside [0, 1)
 * @throws {TypeError} for a state that is none
 */
export function attentionMasking(operation: string, options: AttentionOptions): AttentionMasking {
  const { dropout = 0, randomState, randomStream = 0, keyLengths, firstKeys } = options;
  expectDropoutRate(operation, dropout);
  const threshold = Math.min(Math.max(1, Math.round(dropout * VALUES)), VALUES - 1);
  const keepScale = VALUES / (VALUES - threshold);
  const scalars = { stream: randomStream, threshold, keepScale };
  if (dropout > 0) expectRandomState(operation, randomState, randomStream);
  const constants = {
    HAS_LENGTHS: keyLengths ? 1 : 0,
    HAS_FIRST_KEYS: firstKeys ? 1 : 0,
    DROPOUT: dropout > 0 ? 1 : 0,
  };
  const parts = [dropout > 0 ? randomState : undefined, keyLengths, firstKeys];
  return { constants, scalars, words: joined(parts.filter((part) => part !== undefined)) };
}

/** The mask words, one part after the other. */
function joined(parts: readonly Tensor[]): Tensor | undefined {
  if (parts.length <= 1) return parts[0];
  const total = parts.reduce((sum, { size }) => sum + size, 0);
  const words = empty([total], { dtype: "i32", device: parts[0].device });
  let start = 0;
  for (const tensor of parts) {
    stridedCopy([tensor.size], { tensor, steps: [1] }, { tensor: words, steps: [1], start });
    start += tensor.size;
  }
  return words;
}
