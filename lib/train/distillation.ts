/**
 * Distillation: a model learns what another one, its teacher, predicts, not the next token alone.
 *
 * trainer.ts trains with it.
 *
 * @module
 */
import { describe } from "../errors.ts";
import { expectModel } from "../nn/expect_model.ts";
import type { GPT } from "../nn/gpt.ts";
import { checkOptions } from "../options.ts";
import { add, div, greater, maximum, mul, sub } from "../ops/binary.ts";
import { crossEntropy, tokenLosses } from "../ops/cross_entropy.ts";
import { sum } from "../ops/reduce.ts";
import { slice } from "../ops/slice.ts";
import { logSoftmax } from "../ops/softmax.ts";
import { exp } from "../ops/unary.ts";
import { type Tensor, zeros } from "../tensor/tensor.ts";

/** Options of `distillationLoss`. */
export interface DistillationOptions {
  /** T > 0, by which both models' logits are divided. Default 2. */
  readonly temperature?: number;
  /** The share of the teacher in the loss, from 0 to 1; the rest is cross-entropy. Default 0.5. */
  readonly weight?: number;
}

/** What a model learns from. */
export interface Teacher extends DistillationOptions {
  /** A model of the same vocabulary, whose context is at least as long as the batches'. */
  readonly model: GPT;
}

/**
 * (1 − w)·crossEntropy(logits, targets) + w·T²·KL(softmax(teacher / T) ‖ softmax(logits / T)), both
 * the mean over the rows whose target is not −100: logits and teacher f32 [N,V], targets i32 [N] →
 * [], in nats.
 *
 * T² makes the gradients of both parts of one size. No gradient flows into the teacher's logits,
 * which may have columns behind V, as padded tables of published models do. Source: Hinton et al.,
 * arXiv 1503.02531.
 *
 * ```ts
 * import { distillationLoss, openDevice, tensor } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const [logits, teacher] = [tensor([[0, 0]]), tensor([[2, 0]])];
 * const targets = tensor(Int32Array.of(0));
 * const options = { temperature: 2, weight: 1 };
 * console.log(await distillationLoss(logits, teacher, targets, options).item()); // 0.443
 * device.close();
 * ```
 *
 * @throws {RangeError} if the temperature is not above 0, or the weight not from 0 to 1
 * @throws {TypeError} if shapes do not fit, or an option is unknown
 */
export function distillationLoss(
  logits: Tensor,
  teacher: Tensor,
  targets: Tensor,
  options: DistillationOptions = {},
): Tensor {
  const { temperature, weight } = distillationOptions("distillationLoss", options);
  const [rows, width] = logits.shape;
  if (teacher.shape.length !== 2 || teacher.shape[0] !== rows || teacher.shape[1] < width) {
    throw new TypeError(
      `distillationLoss: expected the teacher's logits [N,V] like the model's; got ${teacher} for ` +
        `${logits}`,
    );
  }
  const own = crossEntropy(logits, targets);
  const aims = teacher.shape[1] > width ? slice(teacher, { axis: 1, end: width }) : teacher;
  const [aim, found] = [aims, logits].map((each) => logSoftmax(mul(each, 1 / temperature)));
  const divergences = sum(mul(exp(aim), sub(aim, found)), { axis: 1 });
  const counts = countsOf(logits, targets);
  const divergence = div(sum(mul(divergences, counts)), maximum(sum(counts), 1));
  return add(mul(own, 1 - weight), mul(divergence, weight * temperature ** 2));
}

/** [N]: 1 in rows whose target counts, 0 in the others, whose loss alone is 0 for equal logits. */
function countsOf({ shape, device }: Tensor, targets: Tensor): Tensor {
  return greater(tokenLosses(zeros(shape, { device }), targets), 0);
}

/**
 * The options, defaults filled in.
 *
 * @throws {RangeError} if one is out of range
 */
function distillationOptions(
  operation: string,
  options: DistillationOptions,
): Required<DistillationOptions> {
  checkOptions(operation, options, { temperature: true, weight: true });
  const { temperature = 2, weight = 0.5 } = options;
  if (!(Number.isFinite(temperature) && temperature > 0)) {
    throw new RangeError(
      `${operation}: expected a temperature above 0, got ${describe(temperature)}`,
    );
  }
  if (!(weight >= 0 && weight <= 1)) {
    throw new RangeError(`${operation}: expected a weight from 0 to 1, got ${describe(weight)}`);
  }
  return { temperature, weight };
}

/**
 * A teacher of a model, defaults filled in.
 *
 * @throws {TypeError} if it is none
 * @throws {RangeError} if its vocabulary is smaller than the model's, or it is the model
 */
export function checkedTeacher(
  operation: string,
  teacher: Teacher,
  student: GPT,
): Required<Teacher> {
  checkOptions(operation, teacher, { model: true, temperature: true, weight: true });
  const { model, ...options } = teacher;
  expectModel(operation, model);
  if (model === student) {
    throw new RangeError(`${operation}: expected another model than the one to train`);
  }
  const [own, other] = [student.config.vocabSize, model.config.vocabSize];
  if (other < own) {
    throw new RangeError(`${operation}: expected a vocabulary of at least ${own}, got ${other}`);
  }
  return { model, ...distillationOptions(operation, options) };
}
