/**
 * The two training runs of the Deep Learning Indaba's practical "LLMs for everyone" (2024), from
 * which Folio grew, to draw with a run of the `practical` preset.
 *
 * @module
 */
import practical from "../../data/practical_losses.json" with { type: "json" };
import type { LossRun } from "./loss.ts";

/** SHA-256 of the corpus of these runs, Tiny Shakespeare: losses on another cannot be compared. */
export const PRACTICAL_CORPUS = "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed";

/**
 * Training loss of both runs in nats per token: at step 1, then the mean of every 32 steps up to
 * step 3,488. Their loss on held-out text was not measured.
 *
 * ```ts
 * console.log(practicalRuns()[0].train.at(-1)); // { step: 3488, loss: 0.194 }
 * ```
 */
export function practicalRuns(): LossRun[] {
  const { stepsPerPoint, runs } = practical;
  return runs.map(({ label, losses }) => {
    const train = losses.map((loss, i) => ({ step: Math.max(1, stepsPerPoint * i), loss }));
    return { label, train };
  });
}
