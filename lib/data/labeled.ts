/**
 * Reads data sets for text classification. Getting the files is left to the caller.
 *
 * @module
 */

/** Texts with a label each. */
export interface Labeled {
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
 * One labeled text for each line that is not empty.
 *
 * @param text the content of the file
 * @throws {SyntaxError} where a line has no known label or no text, or there is no line
 * @throws {RangeError} where the format is unknown
 *
 * @example
 * ```ts
 * const { texts, labels } = readLabeled("ham\tOk lar\nspam\tFree entry\n", "sms");
 * console.log(texts, [...labels]); // [ "Ok lar", "Free entry" ] [ 0, 1 ]
 * ```
 */
export function readLabeled(text: string, format: LabeledFormat): Labeled {
  if (!Object.hasOwn(FORMATS, format)) {
    throw new RangeError(`readLabeled: expected format sms or sst2, got ${format}`);
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
        `readLabeled: line ${index + 1}: expected ${codes.join(" or ")}, ` +
          `${JSON.stringify(separator)} and a text, got ${shown}`,
      );
    }
    texts.push(content);
    labels.push(label);
  });
  if (texts.length === 0) throw new SyntaxError("readLabeled: expected lines, got none");
  return { texts, labels: Int32Array.from(labels), labelNames };
}
