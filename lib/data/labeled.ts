/**
 * Parses labeled texts, for text classification, from the content of a data set's file.
 *
 * @module
 */

import { describe } from "../errors.ts";

/** Texts with a label each. */
export interface LabeledTexts {
  /** [n] texts. */
  texts: string[];
  /** [n] indices into `labelNames`. */
  labels: Int32Array<ArrayBuffer>;
  /** The names of the labels. */
  labelNames: readonly string[];
}

/** `"sms"`: SMS Spam Collection, `ham` or `spam`, tab, text. `"sst2"`: `0` or `1`, space, text. */
export type LabeledFormat = "sms" | "sst2";

const FORMATS: Readonly<
  Record<LabeledFormat, { separator: string; codes: string[]; labelNames: string[] }>
> = {
  sms: { separator: "\t", codes: ["ham", "spam"], labelNames: ["ham", "spam"] },
  sst2: { separator: " ", codes: ["0", "1"], labelNames: ["negative", "positive"] },
};

/**
 * One labeled text for each line of `text` that is not empty.
 *
 * ```ts
 * const { texts, labels } = parseLabeledTexts("ham\tOk lar\nspam\tFree entry\n", "sms");
 * console.log(texts, [...labels]); // [ "Ok lar", "Free entry" ] [ 0, 1 ]
 * ```
 *
 * @throws {SyntaxError} if a line has no known label or no text, or there is no line
 * @throws {RangeError} if the format is unknown
 * @throws {TypeError} if `text` is no string
 */
export function parseLabeledTexts(text: string, format: LabeledFormat): LabeledTexts {
  if (!Object.hasOwn(FORMATS, format)) {
    throw new RangeError(`parseLabeledTexts: expected format sms or sst2, got ${format}`);
  }
  if (typeof text !== "string") {
    throw new TypeError(`parseLabeledTexts: expected a text, got ${describe(text)}`);
  }
  const { separator, codes, labelNames } = FORMATS[format];
  const texts: string[] = [];
  const labels: number[] = [];
  text.split(/\r?\n/).forEach((line, index) => {
    if (line.trim() === "") return;
    const cut = line.indexOf(separator);
    const label = codes.indexOf(line.slice(0, Math.max(cut, 0)));
    const content = line.slice(cut + 1).trim();
    if (label < 0 || content === "") {
      const shown = JSON.stringify(line.slice(0, 40));
      throw new SyntaxError(
        `parseLabeledTexts: line ${index + 1}: expected ${codes.join(" or ")}, ` +
          `${JSON.stringify(separator)} and a text, got ${shown}`,
      );
    }
    texts.push(content);
    labels.push(label);
  });
  if (texts.length === 0) throw new SyntaxError("parseLabeledTexts: expected lines, got none");
  return { texts, labels: Int32Array.from(labels), labelNames };
}
