/**
 * Sequences of different lengths as one batch.
 *
 * This is for ids; tokenizers (lib/text) pad texts. Padding is hidden by a model's `lengths`, or by
 * `paddingMask` of masks.ts.
 *
 * @module
 */
import { checkOptions } from "../options.ts";
import { type Tensor, tensor } from "../tensor/tensor.ts";

/** Options of `padSequences`. */
export interface PadOptions {
  /** The id of the padding. Default 0. */
  padding?: number;
  /** T. Default: the longest sequence's length. */
  length?: number;
}

/** A batch of sequences and their lengths. */
export interface PaddedSequences {
  /** i32 [B,T]. */
  readonly ids: Tensor;
  /** i32 [B]. */
  readonly lengths: Tensor;
}

/**
 * Puts sequences into the rows of one tensor, each padded at its end.
 *
 * ```ts
 * import { openDevice, padSequences } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const { ids, lengths } = padSequences([[5, 6], [7]]);
 * console.log(await ids.data(), await lengths.data()); // [5, 6, 7, 0] [2, 1]
 * device.close();
 * ```
 *
 * @throws {RangeError} if there is no sequence, all are empty, or one is longer than `length`
 */
export function padSequences(
  sequences: readonly ArrayLike<number>[],
  options: PadOptions = {},
): PaddedSequences {
  checkOptions("padSequences", options, { padding: true, length: true });
  const lengths = Int32Array.from(sequences, ({ length }) => length);
  const longest = Math.max(0, ...lengths);
  const { padding = 0, length = longest } = options;
  if (longest === 0) {
    throw new RangeError(
      `padSequences: expected a sequence with a token, got ${sequences.length} empty ones: a batch of only padding`,
    );
  }
  if (longest > length) {
    throw new RangeError(`padSequences: expected at most ${length} tokens, got ${longest}`);
  }
  const ids = new Int32Array(sequences.length * length).fill(padding);
  sequences.forEach((sequence, b) => ids.set(Array.from(sequence), b * length));
  return { ids: tensor(ids, { shape: [sequences.length, length] }), lengths: tensor(lengths) };
}
