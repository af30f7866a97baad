/**
 * What every trainer's step is made with, checked: an optimizer, a learning rate and a seed.
 *
 * @module
 */
import { expectOptimizer } from "../optim/optimizer.ts";
import { expectLearningRate, type Schedule } from "../optim/schedules.ts";
import { expectSeed } from "../random.ts";

/**
 * Refuses what no trainer can make steps with; `operation` names the trainer.
 *
 * @throws {TypeError} if the optimizer is none, or the learning rate neither a number nor a
 *   function
 * @throws {RangeError} if the seed is out of range
 */
export function expectStepOptions(
  operation: string,
  optimizer: unknown,
  { learningRate, seed }: { learningRate: number | Schedule; seed: number },
): void {
  expectOptimizer(operation, optimizer);
  expectLearningRate(operation, learningRate);
  expectSeed(operation, seed);
}
