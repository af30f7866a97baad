/**
 * Numbers that a study measures on a model's logits.
 *
 * B batch, T time, V vocabulary.
 *
 * @module
 */
import { sub } from "../ops/binary.ts";
import { gather } from "../ops/gather.ts";
import { mean } from "../ops/reduce.ts";
import { slice } from "../ops/slice.ts";
import { checkOptions, type OptionNames } from "../options.ts";
import { type Tensor, tensor } from "../tensor/tensor.ts";
import { indicesOf } from "./point_axes.ts";

/** What a study measures: logits [B,T,V], or [B,N] of labels → a number, f32 of one element. */
export type Metric = (logits: Tensor) => Tensor;

/** Options of `logitDifference`. */
export interface LogitDifferenceOptions {
  /** The id of the right answer, one for all sequences or one for each. */
  correct: number | readonly number[];
  /** The id of the wrong answer, likewise. Default: none; the logit itself is measured. */
  wrong?: number | readonly number[];
  /** The token that predicts the answer; −1 is the last. Default: −1; labels have none. */
  place?: number;
}

const OPTIONS: OptionNames<LogitDifferenceOptions> = { correct: true, wrong: true, place: -1 };

/**
 * The mean over sequences of logit[correct] − logit[wrong] at one place, or of a classifier's
 * labels: a metric for the studies that patch and ablate, or a number of logits [B,T,V] or [B,N] at
 * once. Gradients flow.
 *
 * A difference does not change if something adds to all logits. Source: Wang et al., arXiv
 * 2211.00593, section 2.
 *
 * ```ts
 * import { logitDifference, openDevice, tensor } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const metric = logitDifference({ correct: 2, wrong: 0 });
 * console.log(await metric(tensor([[[1, 0, 0], [1, 5, 4]]])).item()); // 3
 * device.close();
 * ```
 *
 * @throws {TypeError} if an option is unknown
 * @throws {RangeError} if there is no such place or id, or a place is given for logits of labels
 */
export function logitDifference(options: LogitDifferenceOptions): Metric {
  checkOptions("logitDifference", options, OPTIONS);
  const { correct, wrong } = options;
  return (logits) => {
    const row = rowOf(logits, options.place);
    const [batch, size] = row.shape;
    const at = (ids: number | readonly number[]) => {
      const list = typeof ids === "number" ? new Array<number>(batch).fill(ids) : ids;
      const found = indicesOf("logitDifference", "id", list, size);
      const index = tensor(Int32Array.from(found), { shape: [batch, 1], device: logits.device });
      return gather(row, index);
    };
    return mean(wrong === undefined ? at(correct) : sub(at(correct), at(wrong)));
  };
}

/** The logits of one place, [B,V], or of labels. */
function rowOf(logits: Tensor, place: number | undefined): Tensor {
  const [batch, time, size] = logits.shape;
  if (logits.shape.length === 2) {
    if (place === undefined) return logits;
    throw new RangeError(`logitDifference: logits of labels have no place, got ${place}`);
  }
  const [start] = indicesOf("logitDifference", "place", place ?? -1, time);
  return slice(logits, { axis: 1, start, end: start + 1 }).view([batch, size]);
}
