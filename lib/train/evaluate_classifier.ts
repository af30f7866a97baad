/**
 * Measures a classifier on labeled texts.
 *
 * classification_report.ts counts; lib/hub/load_classifier.ts predicts.
 *
 * @module
 */
import type { LabeledText } from "../data/labeled_files.ts";
import { describe } from "../errors.ts";
import { type Classifier, classify } from "../hub/load_classifier.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { type ClassificationReport, classificationReport } from "./classification_report.ts";

/**
 * Classifies texts and compares the results with their labels.
 *
 * ```ts
 * import { CharacterTokenizer, GPT, openDevice, TextClassifier } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const tokenizer = CharacterTokenizer.fromText("to be");
 * const model = new GPT({ vocabSize: tokenizer.vocabSize, contextLength: 8, layers: 1, heads: 1, width: 8 });
 * const classifier = new TextClassifier(model, { labels: ["yes", "no"] });
 * const rows = [{ text: "be", label: "yes" }, { text: "to", label: "no" }];
 * console.log((await evaluateClassifier(classifier, tokenizer, rows)).confusion.length); // 2
 * device.close();
 * ```
 *
 * @throws {RangeError} if a text has a label that the classifier has not, or no token
 */
export async function evaluateClassifier(
  classifier: Classifier,
  tokenizer: Pick<Tokenizer, "encodeBatch">,
  rows: readonly LabeledText[],
): Promise<ClassificationReport> {
  const { labels } = classifier.config;
  const right = classesOf("evaluateClassifier", rows, labels);
  const predictions = await classify(classifier, tokenizer, rows.map(({ text }) => text));
  const predicted = predictions.map(({ label }) => labels.indexOf(label));
  return classificationReport(labels, { right, predicted });
}

/**
 * The index of each text's label.
 *
 * @throws {RangeError} if a label is unknown
 */
export function classesOf(
  operation: string,
  rows: readonly LabeledText[],
  labels: readonly string[],
): number[] {
  return rows.map(({ label }, i) => {
    const index = labels.indexOf(label);
    if (index >= 0) return index;
    throw new RangeError(
      `${operation}: expected a label of ${labels.join(", ")}, got ${
        describe(label)
      } for text ${i}`,
    );
  });
}
