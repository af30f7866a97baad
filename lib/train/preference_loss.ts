/**
 * The loss of direct preference optimization (DPO), and how well a model follows preferences.
 *
 * preference_trainer.ts trains with it.
 *
 * @module
 */
import { describe } from "../errors.ts";
import { checkOptions } from "../options.ts";
import { mul, sub } from "../ops/binary.ts";
import { softplus } from "../ops/binary_cross_entropy.ts";
import { mean } from "../ops/reduce.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** Options of `preferenceLoss` and `preferenceReport`. */
export interface PreferenceOptions {
  /** β > 0: how dear it is to leave the reference. Default 0.1. */
  readonly beta?: number;
}

/** ln p(answer | prompt), summed over the answer's tokens, of both answers of each pair. */
export interface AnswerScores<Values = Tensor> {
  /** Of the chosen answers, [N]. */
  readonly chosen: Values;
  /** Of the rejected answers, [N]. */
  readonly rejected: Values;
}

/** How well a model follows preferences; rewards are β·(ln p − ln p of the reference). */
export interface PreferenceReport {
  /** The mean loss, in nats; ln 2 for the reference itself. */
  readonly loss: number;
  /** The share of pairs whose chosen answer has the higher reward; half of those that are equal. */
  readonly accuracy: number;
  /** The mean of the chosen answers' rewards less those of the rejected ones. */
  readonly margin: number;
  /** The mean reward of the chosen answers. */
  readonly chosenReward: number;
  /** The mean reward of the rejected answers. */
  readonly rejectedReward: number;
}

/**
 * The mean of −ln σ(β·((chosen − reference.chosen) − (rejected − reference.rejected))), f32 [N]
 * each → []. No gradient flows into the reference. Source: Rafailov et al., arXiv 2305.18290.
 *
 * ```ts
 * import { openDevice, preferenceLoss, tensor } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const reference = { chosen: tensor([-5]), rejected: tensor([-4]) };
 * const policy = { chosen: tensor([-3]), rejected: tensor([-6]) };
 * console.log(await preferenceLoss(policy, reference, { beta: 0.5 }).item()); // ln(1 + e⁻²) = 0.127
 * device.close();
 * ```
 *
 * @throws {RangeError} if beta is not above 0
 * @throws {TypeError} if shapes differ, or an option is unknown
 */
export function preferenceLoss(
  policy: AnswerScores,
  reference: AnswerScores,
  options: PreferenceOptions = {},
): Tensor {
  return mean(preferenceLosses(policy, reference, betaOf("preferenceLoss", options)));
}

/** The loss of each pair, [N]. */
export function preferenceLosses(
  policy: AnswerScores,
  reference: AnswerScores,
  beta: number,
): Tensor {
  const margin = sub(
    sub(policy.chosen, reference.chosen),
    sub(policy.rejected, reference.rejected),
  );
  return softplus(mul(margin, -beta)); // −ln σ(z) = ln(1 + e^−z)
}

/**
 * What the scores of a model, and those of the reference, say of its preferences.
 *
 * ```ts
 * const reference = { chosen: [-5, -7], rejected: [-4, -7] };
 * const policy = { chosen: [-3, -7], rejected: [-6, -6] };
 * console.log(preferenceReport(policy, reference, { beta: 0.5 }).accuracy); // 0.5
 * ```
 *
 * @throws {RangeError} if there is no pair, or beta is not above 0
 * @throws {TypeError} if an option is unknown
 */
export function preferenceReport(
  policy: AnswerScores<readonly number[]>,
  reference: AnswerScores<readonly number[]>,
  options: PreferenceOptions = {},
): PreferenceReport {
  const beta = betaOf("preferenceReport", options);
  const count = policy.chosen.length;
  if (count === 0) throw new RangeError("preferenceReport: expected pairs, got none");
  const rewards = (kind: keyof AnswerScores) =>
    policy[kind].map((score, i) => beta * (score - reference[kind][i]));
  const [chosen, rejected] = [rewards("chosen"), rewards("rejected")];
  const average = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / count;
  const margins = chosen.map((reward, i) => reward - rejected[i]);
  return {
    loss: average(margins.map((z) => Math.max(-z, 0) + Math.log1p(Math.exp(-Math.abs(z))))),
    accuracy: average(margins.map((z) => z > 0 ? 1 : z === 0 ? 0.5 : 0)),
    margin: average(margins),
    chosenReward: average(chosen),
    rejectedReward: average(rejected),
  };
}

/** β of the options, default 0.1. */
export function betaOf(operation: string, options: PreferenceOptions): number {
  checkOptions(operation, options, { beta: true });
  const { beta = 0.1 } = options;
  if (Number.isFinite(beta) && beta > 0) return beta;
  throw new RangeError(`${operation}: expected beta above 0, got ${describe(beta)}`);
}
