/**
 * `best.json`: what is recorded beside the best model of a run.
 *
 * checkpoint_best.ts and checkpoint_best_classifier.ts write it with the model.
 *
 * @module
 */
import { UserError } from "../errors.ts";
import { checkpointPath } from "../hub/folder_files.ts";
import { isMissing, readRegularText } from "../regular_file.ts";
import type { Rule } from "../rules.ts";

/** The record's name in the model's folder. */
export const RECORD = "best.json";

/**
 * Loads the record in the folder of a best model; undefined if there is none.
 *
 * @throws {UserError} if it is not what `rule` accepts; `expected` says what that is
 */
export async function loadRecord<Value>(
  folder: string,
  rule: Rule<Value>,
  expected: string,
): Promise<Value | undefined> {
  const path = checkpointPath(folder, RECORD);
  const text = await readRegularText(path).catch((error) => {
    if (isMissing(error)) return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  const record = parsed(text);
  if (rule.accepts(record)) return record;
  throw new UserError(
    `${path}: expected ${expected}, got another file; remove ${folder}, and the run keeps its next ` +
      "best model",
  );
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
