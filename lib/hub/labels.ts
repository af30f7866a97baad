/**
 * The names of a classifier's classes in its `config.json`.
 *
 * @module
 */
import { type ConfigFields, unexpected } from "./config_fields.ts";

const MAX_LABELS = 100_000;

/**
 * `id2label`, whose keys are 0, 1, …; without it `num_labels` names, two by default, as
 * transformers makes them.
 */
export function readLabels(fields: ConfigFields): string[] {
  const table = fields.get("id2label");
  if (table === undefined) {
    const count = fields.wholeNumber("num_labels", 2);
    if (count > MAX_LABELS) throw unexpected("num_labels", `at most ${MAX_LABELS}`, count);
    return Array.from({ length: count }, (_, i) => `LABEL_${i}`);
  }
  const labels = typeof table === "object" ? table as Record<string, unknown> : {};
  const names = Object.keys(labels).map((_, i) => Object.hasOwn(labels, i) ? labels[i] : undefined);
  const isComplete = names.length > 0 && names.every((name) => typeof name === "string");
  if (Array.isArray(table) || !isComplete) {
    throw unexpected("id2label", 'names of classes {"0": …, "1": …, …}', table);
  }
  return names as string[];
}

/** The fields of `config.json` that name classes. */
export function writeLabels(labels: readonly string[]): Record<string, unknown> {
  return {
    id2label: Object.fromEntries(labels.map((label, i) => [i, label])),
    label2id: Object.fromEntries(labels.map((label, i) => [label, i])),
  };
}
