/**
 * The best classifier of a run: that of the epoch with the highest accuracy on held-out texts, the
 * latest of equals, in the folder `best/` beside the last checkpoint, and what was measured with it
 * in `best.json`.
 *
 * checkpoint_best.ts keeps that of language models.
 *
 * @module
 */
import { jsonContent } from "../files.ts";
import { localPath } from "../place.ts";
import { anything, fields, realNumber, wholeNumber } from "../rules.ts";
import { loadRecord, RECORD } from "./checkpoint_best_record.ts";
import { CheckpointFolder } from "./checkpoint_folder.ts";
import { stepMetadata } from "./checkpoint_state.ts";
import type { ClassificationReport } from "./classification_report.ts";
import { classifierFiles, type TrainedClassifier } from "./classifier_model_files.ts";

/** What was measured after an epoch. */
export interface MeasuredEpoch {
  /** Updates done. */
  readonly step: number;
  /** Epochs done, a fraction if the training ended within one. */
  readonly epoch: number;
  /** On the texts to choose by; absent if there are none. */
  readonly validation?: ClassificationReport;
  /** On the texts to measure on; absent if there are none. */
  readonly test?: ClassificationReport;
  /** The predicted class of each text to measure on, or to choose by if there are none. */
  readonly predicted: readonly number[];
}

const RULE = fields({
  step: wholeNumber({ min: 0 }),
  epoch: realNumber({ min: 0 }),
  validation: anything,
  test: anything,
  predicted: anything,
});

/** Keeps the best epoch of a classifier. */
export class BestClassifier {
  #record: MeasuredEpoch | undefined;

  private constructor(
    /** The model's folder. */
    readonly path: string,
    record: MeasuredEpoch | undefined,
  ) {
    this.#record = record;
  }

  /**
   * Opens `best/` in the folder of a run; the first `save` makes it if it does not exist.
   *
   * @throws {UserError} if its record is malformed
   * @throws {TypeError} if `run` is neither a path nor a `file:` address
   */
  static async open(run: string | URL): Promise<BestClassifier> {
    const path = `${localPath("BestClassifier.open", run)}/best`;
    const record = await loadRecord(path, RULE, "what was measured after an epoch");
    return new BestClassifier(path, record as MeasuredEpoch | undefined);
  }

  /** The best epoch; undefined before the first one. */
  get record(): MeasuredEpoch | undefined {
    return this.#record;
  }

  /**
   * Whether an epoch is as good as the best one before, or is that one, measured again. Of equals
   * the later one has learned more, at a lower rate; small held-out parts have many.
   */
  isBest({ step, accuracy }: { step: number; accuracy: number }): boolean {
    const { validation, step: best = 0 } = this.#record ?? {};
    return step === best || step > best && accuracy >= (validation?.accuracy ?? 0);
  }

  /**
   * Saves an epoch as the best one; a kill leaves it or the one before, complete.
   *
   * @throws {UserError} if the system refuses
   * @throws {RangeError} if a weight is NaN or infinite
   */
  async save(record: MeasuredEpoch, model: TrainedClassifier): Promise<void> {
    const files = await classifierFiles(model, stepMetadata(record.step));
    await CheckpointFolder.saveOnce(this.path, [...files, [RECORD, jsonContent(record)]]);
    this.#record = record;
  }

  /** Removes the model; does nothing if there is none. */
  async remove(): Promise<void> {
    if (!this.#record) return;
    await Deno.remove(this.path, { recursive: true });
    this.#record = undefined;
  }
}
