/**
 * The loss of a batch of sequences, with targets on the host.
 *
 * A training step that is recorded and replayed needs its targets on the device: that is
 * `crossEntropy`, lib/ops/cross_entropy.ts.
 *
 * @module
 */
import { formatShape, size } from "../shape.ts";
import { crossEntropy } from "../ops/cross_entropy.ts";
import { reshape } from "../ops/reshape.ts";
import { type Tensor, tensor } from "../tensor/tensor.ts";

/** Options of `sequenceLoss`. */
export interface SequenceLossOptions {
  /** The target that counts for nothing. Default 0. */
  padding?: number;
}

/**
 * The mean over targets that are not padding of ln Σⱼ exp(logits[…,j]) − logits[…, target], in
 * nats: logits f32 [...,T,V] → [].
 *
 * `targets` are the ids of all sequences, one after the other, as many as the logits have rows.
 * TypeError when they are not; RangeError when all are padding, or for one that is neither padding
 * nor an id below V.
 *
 * ```ts
 * import { openDevice, sequenceLoss, tensor } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const logits = tensor([[[0, 0], [0, 9]]]);
 * console.log(await sequenceLoss(logits, Int32Array.of(1, 0)).item()); // ln 2 = 0.693
 * device.close();
 * ```
 */
export function sequenceLoss(
  logits: Tensor,
  targets: Int32Array,
  options: SequenceLossOptions = {},
): Tensor {
  const { padding = 0 } = options;
  const vocabulary = logits.shape.at(-1) ?? 0;
  const rows = size(logits.shape.slice(0, -1));
  if (logits.shape.length < 1 || targets.length !== rows) {
    throw new TypeError(
      `sequenceLoss: expected a target for each of the ${rows} rows of logits ${
        formatShape(logits.shape)
      }, got ${targets.length}`,
    );
  }
  const wrong = targets.findIndex((id) => id !== padding && (id < 0 || id >= vocabulary));
  if (wrong !== -1) {
    throw new RangeError(
      `sequenceLoss: expected targets from 0 to ${vocabulary - 1}, or the padding ${padding}, got ${
        targets[wrong]
      } at ${wrong}`,
    );
  }
  if (targets.every((id) => id === padding)) {
    throw new RangeError(
      `sequenceLoss: all ${rows} targets are the padding ${padding}; leave such a batch out`,
    );
  }
  const ids = tensor(targets, { device: logits.device });
  return crossEntropy(reshape(logits, [rows, vocabulary]), ids, { ignore: padding });
}
