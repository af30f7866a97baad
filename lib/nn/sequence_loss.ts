/**
 * The loss of a batch of sequences, with targets on the host.
 *
 * A training step that is recorded and replayed needs its targets on the device: see
 * `crossEntropy` in lib/ops/cross_entropy.ts.
 *
 * @module
 */
import { checkOptions } from "../options.ts";
import { formatShape, size } from "../shape.ts";
import { crossEntropy, IGNORED } from "../ops/cross_entropy.ts";
import { reshape } from "../ops/reshape.ts";
import { expectType } from "../tensor/launch.ts";
import { type Tensor, tensor } from "../tensor/tensor.ts";

/** Options of `sequenceLoss`. */
export interface SequenceLossOptions {
  /** The target whose rows are ignored, such as the padding's id. Default −100. */
  ignoreIndex?: number;
}

/**
 * The mean cross-entropy, ln Σⱼ exp(logits[…,j]) − logits[…,target] in nats, over targets that are
 * not ignored: logits f32 [...,T,V] → [].
 *
 * `targets` are the ids of all sequences, row after row, as many as the logits have rows.
 *
 * ```ts
 * import { openDevice, sequenceLoss, tensor } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const logits = tensor([[[0, 0], [0, 9]]]);
 * const loss = sequenceLoss(logits, Int32Array.of(1, 0), { ignoreIndex: 0 });
 * console.log(await loss.item()); // ln 2 = 0.693
 * device.close();
 * ```
 *
 * @throws {TypeError} unless there is a target for each row
 * @throws {RangeError} if all are ignored, or one is neither ignored nor an id below V
 */
export function sequenceLoss(
  logits: Tensor,
  targets: Int32Array,
  options: SequenceLossOptions = {},
): Tensor {
  expectType("sequenceLoss", logits, "f32");
  checkOptions("sequenceLoss", options, { ignoreIndex: true }, {
    padding: "name the padding's id by ignoreIndex",
  });
  const { ignoreIndex = IGNORED } = options;
  const vocabulary = logits.shape.at(-1) ?? 0;
  const rows = size(logits.shape.slice(0, -1));
  if (logits.shape.length < 1 || targets.length !== rows) {
    throw new TypeError(
      `sequenceLoss: expected a target for each of the ${rows} rows of logits ${
        formatShape(logits.shape)
      }, got ${targets.length}`,
    );
  }
  const wrong = targets.findIndex((id) => id !== ignoreIndex && (id < 0 || id >= vocabulary));
  if (wrong !== -1) {
    throw new RangeError(
      `sequenceLoss: expected targets from 0 to ${
        vocabulary - 1
      }, or ${ignoreIndex} to ignore, got ${targets[wrong]} at ${wrong}`,
    );
  }
  if (targets.every((id) => id === ignoreIndex)) {
    throw new RangeError(
      `sequenceLoss: all ${rows} targets are ${ignoreIndex}, which is ignored; leave such a batch out`,
    );
  }
  const ids = tensor(targets, { device: logits.device });
  return crossEntropy(reshape(logits, [rows, vocabulary]), ids, { ignoreIndex });
}
