/**
 * The trainer of a run with `--labels`, as its settings say.
 *
 * @module
 */
import { userInput } from "../../lib/cli/run.ts";
import { AdamW, type ClassifierLoopOptions, ClassifierTrainer, warmupDecay } from "../../mod.ts";
import type { ClassifierSettings } from "./classifier_settings.ts";
import type { ClassifierStart } from "./classifier_start.ts";
import type { EncodedParts } from "./labeled_parts.ts";

/** The options of the loop that the settings say. */
export function loopSettings(
  { epochs, steps, batch, seed }: ClassifierSettings,
  { train, validation }: EncodedParts,
): ClassifierLoopOptions {
  const end = steps === undefined ? { epochs } : { steps };
  return { train, validation, ...end, batchSize: batch, seed };
}

/** The trainer of a new run: nothing is trained yet. */
export async function trainerOf(
  settings: ClassifierSettings,
  { classifier, parameters }: ClassifierStart,
  { train, longest }: EncodedParts,
): Promise<{ trainer: ClassifierTrainer; steps: number }> {
  const { epochs, batch, learningRate, minLearningRate, weightDecay, beta2, clip } = settings;
  const perEpoch = Math.ceil(train.length / batch);
  const { steps = perEpoch * epochs } = settings;
  const share = settings.preset ? Math.floor(perEpoch / 2) : Math.ceil(0.06 * steps);
  const { warmupSteps = share, seed } = settings;
  const optimizer = await userInput(() =>
    new AdamW([...parameters.values()], { weightDecay, beta2, clip })
  );
  const trainer = new ClassifierTrainer(classifier, optimizer, {
    learningRate: warmupDecay({ learningRate, minLearningRate, warmupSteps, steps }),
    batchSize: batch,
    longest,
    seed,
  });
  return { trainer, steps };
}

/** Epochs, to a hundredth. */
export function roundedEpoch(epoch: number): number {
  return Math.round(100 * epoch) / 100;
}

/** How many numbers are trained. */
export function trainedCount({ optimizer }: ClassifierTrainer): number {
  return optimizer.parameters.reduce((sum, { size }) => sum + size, 0);
}
