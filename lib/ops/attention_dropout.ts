/**
 * Dropout of attention's probabilities: options checked and turned into the kernels' constants,
 * scalars and mask words.
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
  /** Builds with key lengths, and with dropout. */
  readonly constants: { readonly HAS_LENGTHS: number; readonly DROPOUT: number };
  /** Values of the scalars in `DROPOUT_SCALARS`. */
  readonly scalars: Readonly<Record<string, number>>;
  /**
   * i32: seed and step if there is dropout, then the key lengths if there are any. One buffer,
   * because with it the backward pass on WebGPU has the 8 that every adapter can bind.
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
  const { dropout = 0, randomState, randomStream = 0, keyLengths } = options;
  expectDropoutRate(operation, dropout);
  const threshold = Math.min(Math.max(1, Math.round(dropout * VALUES)), VALUES - 1);
  const keepScale = VALUES / (VALUES - threshold);
  const scalars = { stream: randomStream, threshold, keepScale };
  const HAS_LENGTHS = keyLengths ? 1 : 0;
  if (dropout === 0) return { constants: { HAS_LENGTHS, DROPOUT: 0 }, scalars, words: keyLengths };
  expectRandomState(operation, randomState, randomStream);
  const words = keyLengths ? joined(randomState, keyLengths) : randomState;
  return { constants: { HAS_LENGTHS, DROPOUT: 1 }, scalars, words };
}

/** The mask words: [seed, step, lengths …]. */
function joined(state: Tensor, lengths: Tensor): Tensor {
  const words = empty([2 + lengths.size], { dtype: "i32", device: state.device });
  const put = (tensor: Tensor, count: number, start: number) =>
    stridedCopy([count], { tensor, steps: [1] }, { tensor: words, steps: [1], start });
  put(state, 2, 0);
  put(lengths, lengths.size, 2);
  return words;
}
