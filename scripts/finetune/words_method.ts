/**
 * The baseline of a run with `--labels`: counted words and pairs of words, without a transformer.
 *
 * @module
 */
import { formatCount } from "../../lib/cli/numbers.ts";
import { print } from "../../lib/cli/output.ts";
import {
  type ClassificationReport,
  classificationReport,
  type LabeledText,
  WordsClassifier,
} from "../../mod.ts";
import type { LabeledTask } from "./labeled_parts.ts";
import type { MethodResult } from "./classifier_report.ts";

/** Strengths of `WordsClassifier` to choose from. */
const STRENGTHS = [1, 10, 100];

/** Learns with each strength, and keeps that of the highest accuracy on the texts to choose by. */
export function countWords({ parts, labels }: LabeledTask): MethodResult {
  const started = performance.now();
  const strengths = parts.validation.length > 0 ? STRENGTHS : [10];
  const tried = strengths.map((strength) => {
    const classifier = WordsClassifier.train(parts.train, { labels, strength });
    const predict = (rows: readonly LabeledText[]) =>
      rows.map(({ text }) => labels.indexOf(classifier.classify(text).label));
    const forChoice = predict(parts.validation);
    return {
      classifier,
      predict,
      forChoice,
      validation: measured(labels, parts.validation, forChoice),
    };
  });
  const best = tried.reduce((best, next) =>
    (next.validation?.accuracy ?? 0) > (best.validation?.accuracy ?? 0) ? next : best
  );
  const { parameterCount } = best.classifier;
  print(`words    ${formatCount(parameterCount)} numbers trained`);
  const predicted = best.predict(parts.test);
  return {
    method: "words",
    trained: parameterCount,
    seconds: (performance.now() - started) / 1000,
    validation: best.validation,
    test: measured(labels, parts.test, predicted),
    predicted: parts.test.length > 0 ? predicted : best.forChoice,
  };
}

function measured(
  labels: readonly string[],
  rows: readonly LabeledText[],
  predicted: readonly number[],
): ClassificationReport | undefined {
  if (rows.length === 0) return undefined;
  const right = rows.map(({ label }) => labels.indexOf(label));
  return classificationReport(labels, { right, predicted });
}
