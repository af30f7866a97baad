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
import { UserError } from "../errors.ts";
import { checkpointPath } from "../hub/folder_files.ts";
import { readRegularText } from "../regular_file.ts";
import { fields, realNumber, type Rule, wholeNumber } from "../rules.ts";
import { CheckpointFolder } from "./checkpoint_folder.ts";
import { jsonContent, modelFiles, type ModelToSave } from "./model_files.ts";

/** Content of `best.json`. */
export interface BestRecord {
  /** Updates done. */
  readonly step: number;
  /** Loss on held-out text, in nats per token. */
  readonly validationLoss: number;
}

const RECORD = "best.json";

const RECORD_RULE: Rule = fields({ step: wholeNumber({ min: 0 }), validationLoss: realNumber() });

/**
 * Keeps the best model of a run.
 *
 * ```ts
 * import { CharacterTokenizer, GPT, loadPretrained, openDevice } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const tokenizer = CharacterTokenizer.fromText("to be");
 * const { vocabSize } = tokenizer;
 * const model = new GPT({ vocabSize, contextLength: 8, layers: 1, heads: 1, width: 8 });
 * const run = await Deno.makeTempDir();
 * const best = await BestModel.open(run);
 * await best.offer({ step: 10, validationLoss: 1.5 }, { model, tokenizer });
 * await best.offer({ step: 20, validationLoss: 1.7 }, { model, tokenizer });
 * console.log(best.record?.step, (await loadPretrained(best.path)).tokenizer.vocabSize); // 10 5
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
   * Opens `best/` in a run's folder, whether or not it exists.
   *
   * @throws {UserError} if its `best.json` is malformed
   */
  static async open(run: string): Promise<BestModel> {
    return new BestModel(bestFolder(run), await loadBestRecord(run));
  }

  /** Step and loss of the best model; undefined before the first evaluation. */
  get record(): BestRecord | undefined {
    return this.#record;
  }

  /**
   * Saves a model if its loss is lower than that of the best one; returns whether it is the best.
   *
   * @throws {UserError} if the system refuses; the best model before stays as it was
   * @throws {RangeError} if a weight is NaN or infinite
   */
  async offer(record: BestRecord, model: ModelToSave): Promise<boolean> {
    const { step, validationLoss } = record;
    if (!(validationLoss < (this.#record?.validationLoss ?? Infinity))) {
      return step === this.#record?.step; // a resumed run measures some steps again
    }
    const metadata = { format: "pt", step: String(step) };
    const files = await modelFiles(model, metadata);
    using folder = await CheckpointFolder.open(this.path);
    await folder.save([...files, [RECORD, jsonContent(record)]]);
    this.#record = record;
    return true;
  }
}

/** The folder of a run's best model. */
export function bestFolder(run: string): string {
  return `${run}/best`;
}

/**
 * Loads `best.json` of a run; undefined if the run has no best model.
 *
 * @throws {UserError} if it is malformed
 */
export async function loadBestRecord(run: string): Promise<BestRecord | undefined> {
  const path = checkpointPath(bestFolder(run), RECORD);
  const text = await readRegularText(path).catch((error) => {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  const record = parsed(text);
  if (RECORD_RULE.accepts(record)) return record as BestRecord;
  throw new UserError(
    `${path}: expected a step and a validationLoss, got another file; remove the folder, and the ` +
      "run keeps its next best model",
  );
}

/** Removes a run's best model, if there is one. */
export async function removeBest(run: string): Promise<void> {
  if (await loadBestRecord(run).catch(() => true) === undefined) return;
  await Deno.remove(bestFolder(run), { recursive: true });
}

/**
 * Whether `patience` or more evaluations, at the steps `evaluated`, followed that of the best model;
 * never if `patience` is 0.
 */
export function isOutOfPatience(
  patience: number,
  best: BestRecord | undefined,
  evaluated: readonly number[],
): boolean {
  if (patience === 0 || best === undefined) return false;
  return evaluated.filter((step) => step > best.step).length >= patience;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
