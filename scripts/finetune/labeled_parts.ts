/**
 * The texts of a run with `--labels`: read, divided, checked, and as ids.
 *
 * @module
 */
import { formatCount, formatItems } from "../../lib/cli/numbers.ts";
import { print } from "../../lib/cli/output.ts";
import { userInput } from "../../lib/cli/run.ts";
import {
  givenParts,
  type LabeledIds,
  type LabeledParts,
  type LabeledText,
  loadLabeledFile,
  splitLabeled,
  type Tokenizer,
  UserError,
} from "../../mod.ts";
import { absolutePath } from "../train/corpus_place.ts";
import type { FinetuneFlags } from "./flags.ts";

/** The files of labeled texts. */
export type LabelFiles = Pick<FinetuneFlags, "labels" | "validation" | "test">;

/** Names of the parts, in the order of reports. */
const PARTS = ["train", "validation", "test"] as const;

/** Texts and their classes. */
export interface LabeledTask {
  readonly parts: LabeledParts;
  /** The names of the classes, in alphabetical order. */
  readonly labels: readonly string[];
  /** SHA-256 of all texts with their classes and parts: a resumed run must have the same. */
  readonly hash: string;
}

/** The absolute paths of the files, as a run records them. */
export function recordedFiles({ labels, validation, test }: LabelFiles): LabelFiles {
  const path = (file: string | undefined) => file && (absolutePath(file) ?? file);
  return { labels: path(labels), validation: path(validation), test: path(test) };
}

/**
 * Reads the texts, divides them unless the files do, and prints what there is.
 *
 * @throws {UserError} if a file is malformed, or the classes do not fit
 */
export async function loadTask(files: LabelFiles): Promise<LabeledTask> {
  const parts = await loadParts(files);
  const labels = labelsOf(parts);
  print(
    `texts    ${formatCount(parts.train.length)} to learn, ${parts.validation.length} to choose, ` +
      `${parts.test.length} to measure; ${formatItems(parts.duplicates, "duplicate")} left out`,
  );
  print(`labels   ${labels.join(", ")}`);
  return { parts, labels, hash: await hashOf(parts) };
}

async function loadParts({ labels, validation, test }: LabelFiles): Promise<LabeledParts> {
  const rows = await loadLabeledFile(labels!);
  if (validation === undefined && test === undefined) return await splitLabeled(rows);
  return givenParts({
    train: rows,
    validation: validation === undefined ? [] : await loadLabeledFile(validation),
    test: test === undefined ? [] : await loadLabeledFile(test),
  });
}

/** The classes of the texts to learn, in alphabetical order. */
function labelsOf({ train, validation, test }: LabeledParts): string[] {
  const labels = [...new Set(train.map(({ label }) => label))].sort();
  if (labels.length < 2) {
    throw new UserError(
      `--labels: expected texts of two or more classes, got ${labels[0] ?? "none"} alone`,
    );
  }
  const unknown = [...validation, ...test].find(({ label }) => !labels.includes(label));
  if (unknown) {
    throw new UserError(
      `--labels: the class ${unknown.label} is among the texts to measure and not among those to ` +
        `learn, which have ${labels.join(", ")}`,
    );
  }
  return labels;
}

async function hashOf(parts: LabeledParts): Promise<string> {
  const rows = PARTS.map((part) => parts[part].map(({ label, text }) => [label, text]));
  const bytes = new TextEncoder().encode(JSON.stringify(rows));
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}

/** The parts as ids. */
export interface EncodedParts extends Readonly<Record<typeof PARTS[number], LabeledIds[]>> {
  /** Texts that were longer than the limit, and cut. */
  readonly cut: number;
  /** Tokens of the longest text. */
  readonly longest: number;
}

/**
 * Every text as ids with its special tokens, at most `limit`.
 *
 * @throws {UserError} if a text has no token, or one that the tokenizer lacks
 */
export async function encodeParts(
  tokenizer: Tokenizer,
  { parts, labels }: LabeledTask,
  limit: number,
): Promise<EncodedParts> {
  let [cut, longest] = [0, 0];
  const encode = (rows: readonly LabeledText[]): LabeledIds[] => {
    const texts = rows.map(({ text }) => text);
    const whole = tokenizer.encodeBatch(texts).ids;
    const short = tokenizer.encodeBatch(texts, { truncation: true, maxLength: limit }).ids;
    return rows.map(({ text, label }, i) => {
      if (short[i].length === 0) {
        throw new UserError(`--labels: a text has no token: ${JSON.stringify(text)}`);
      }
      if (whole[i].length > short[i].length) cut++;
      longest = Math.max(longest, short[i].length);
      return { ids: short[i], label: labels.indexOf(label) };
    });
  };
  const [train, validation, test] = await userInput(() => PARTS.map((part) => encode(parts[part])));
  if (cut > 0) print(`cut      ${formatItems(cut, "text")} after ${limit} tokens`);
  return { train, validation, test, cut, longest };
}
