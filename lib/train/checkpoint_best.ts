/**
 * The best model of a run: the weights of its lowest loss on held-out text, in the folder `best/`
 * beside the last checkpoint.
 *
 * The folder is a Hugging Face model that `loadPretrained` loads, without an optimizer, plus
 * `best.json`. checkpoint_folder.ts writes it, so that a kill leaves the old model or the new one,
 * complete; checkpoint.ts saves what training continues from.
 *
 * @module
 */
import { jsonContent } from "../files.ts";
import { expectModel } from "../nn/expect_model.ts";
import { localPath } from "../place.ts";
import { fields, realNumber, wholeNumber } from "../rules.ts";
import { expectTokenizer } from "../text/expect_tokenizer.ts";
import { loadRecord, RECORD } from "./checkpoint_best_record.ts";
import { CheckpointFolder } from "./checkpoint_folder.ts";
import { stepMetadata } from "./checkpoint_state.ts";
import { modelFiles, type ModelToSave } from "./model_files.ts";

/** Step and loss of a model; the content of `best.json`. */
export interface BestRecord {
  /** Updates done. */
  readonly step: number;
  /** Loss on held-out text, in nats per token. */
  readonly validationLoss: number;
}

const RULE = fields({ step: wholeNumber({ min: 0 }), validationLoss: realNumber() });

/**
 * Keeps the best model of a run: the one with the lowest loss on held-out text.
 *
 * ```ts
 * import { BestModel, CharacterTokenizer, GPT, loadPretrained, openDevice } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const tokenizer = CharacterTokenizer.fromText("to be");
 * const { vocabSize } = tokenizer;
 * const model = new GPT({ vocabSize, contextLength: 8, layers: 1, heads: 1, width: 8 });
 * const best = await BestModel.open(await Deno.makeTempDir());
 * await best.offer({ step: 10, validationLoss: 1.5 }, { model, tokenizer });
 * await best.offer({ step: 20, validationLoss: 1.7 }, { model, tokenizer });
 * console.log(best.record?.step, (await loadPretrained(best.path)).tokenizer.vocabSize); // 10 5
 * console.log(best.isOutOfPatience(1, [10, 20])); // true
 * device.close();
 * ```
 */
export class BestModel {
  /** The model's folder. */
  readonly path: string;
  #record: BestRecord | undefined;

  private constructor(path: string, record: BestRecord | undefined) {
    this.path = path;
    this.#record = record;
  }

  /**
   * Opens `best/` in the folder of a run; the first `offer` makes it if it does not exist.
   *
   * @throws {UserError} if its `best.json` is malformed
   * @throws {TypeError} if `run` is neither a path nor a `file:` address
   */
  static async open(run: string | URL): Promise<BestModel> {
    const path = `${localPath("BestModel.open", run)}/best`;
    return new BestModel(path, await loadRecord(path, RULE, "a step and a validationLoss"));
  }

  /** Step and loss of the best model; undefined before the first one. */
  get record(): BestRecord | undefined {
    return this.#record;
  }

  /**
   * Saves a model if its loss is lower than that of the best one; returns whether it is the best.
   *
   * @throws {UserError} if the system refuses; the best model before stays as it was
   * @throws {RangeError} if a weight is NaN or infinite
   * @throws {TypeError} if the model or the tokenizer is of another kind
   */
  async offer(record: BestRecord, model: ModelToSave): Promise<boolean> {
    expectModel("BestModel.offer", model.model);
    expectTokenizer("BestModel.offer", model.tokenizer);
    const { step, validationLoss } = record;
    if (!(validationLoss < (this.#record?.validationLoss ?? Infinity))) {
      return step === this.#record?.step; // a resumed run measures some steps again
    }
    const files = await modelFiles(model, stepMetadata(step));
    await CheckpointFolder.saveOnce(this.path, [...files, [RECORD, jsonContent(record)]]);
    this.#record = record;
    return true;
  }

  /**
   * Whether `patience` or more evaluations, at the steps `evaluated`, followed that of the best
   * model; never if `patience` is 0.
   */
  isOutOfPatience(patience: number, evaluated: readonly number[]): boolean {
    const { step: best = Infinity } = this.#record ?? {};
    return patience > 0 && evaluated.filter((step) => step > best).length >= patience;
  }

  /** Removes the model; does nothing if there is none. */
  async remove(): Promise<void> {
    if (!this.#record) return;
    await Deno.remove(this.path, { recursive: true });
    this.#record = undefined;
  }
}
