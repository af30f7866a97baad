/**
 * Texts of different lengths as rows: special tokens, truncation, padding and masks. The tokenizers
 * encode each text.
 *
 * @module
 */

import { describe } from "../errors.ts";
import { checkOptions, type OptionNames } from "../options.ts";

/** What making rows needs of a tokenizer. */
export interface RowEncoder {
  /** The ids that go before and after a text. */
  readonly surroundings: { readonly before: readonly number[]; readonly after: readonly number[] };
  /** The id that pads short rows. */
  readonly paddingId: number | undefined;
  /** The id that ends a text, used if there is no padding id. */
  readonly endId: number | undefined;
  /** The maximum number of tokens of the model. */
  readonly maximumLength: number | undefined;
  /** The ids of a text. */
  encode(text: string): Uint32Array<ArrayBuffer>;
}

/** Options of `encodeBatch`. */
export interface BatchOptions {
  /** Put the special tokens of the model around each text. Default true. */
  addSpecialTokens?: boolean;
  /**
   * Pad rows to the longest one, or to `maxLength`; false leaves them as they are. Default false.
   */
  padding?: "longest" | "max_length" | boolean;
  /** The side of the padding; `attentionMask` tells generation which side it is. Default "right". */
  paddingSide?: "left" | "right";
  /** Cut rows to `maxLength` tokens, special ones included and kept. Default false. */
  truncation?: boolean;
  /** The length to cut or pad to. Default: what the tokenizer's files say. */
  maxLength?: number;
}

/** The names of these options, with their defaults. */
const OPTIONS: OptionNames<BatchOptions> = {
  addSpecialTokens: true,
  padding: false,
  paddingSide: "right",
  truncation: false,
  maxLength: "what the tokenizer's files say",
};

/** Rows of ids. */
export interface EncodedBatch {
  /** The ids of each text, in order; all of one length if they were padded. */
  readonly ids: Uint32Array<ArrayBuffer>[];
  /** For each row, 1 for an id of the text and 0 for padding. */
  readonly attentionMask: Uint8Array<ArrayBuffer>[];
}

/**
 * Computes `Tokenizer.encodeBatch`. Rows are padded with the padding token or, as is usual for GPT
 * models, the end token.
 */
export function encodeRows(
  tokenizer: RowEncoder,
  texts: readonly string[],
  options: BatchOptions,
): EncodedBatch {
  checkOptions("encodeBatch", options, OPTIONS);
  if (!Array.isArray(texts)) {
    throw new TypeError(`encodeBatch: expected a list of texts, got ${describe(texts)}`);
  }
  const { addSpecialTokens = true, padding = false, paddingSide = "right" } = options;
  expectOneOf("padding", padding, ["longest", "max_length", true, false]);
  expectOneOf("paddingSide", paddingSide, ["left", "right"]);
  const { truncation = false, maxLength = tokenizer.maximumLength } = options;
  if (
    (truncation || padding === "max_length") && !(Number.isInteger(maxLength) && maxLength! > 0)
  ) {
    throw new RangeError(
      `encodeBatch: ${
        truncation ? "truncation" : "padding to max_length"
      } needs maxLength, a whole number from 1; got ${maxLength}`,
    );
  }
  const { before, after } = addSpecialTokens ? tokenizer.surroundings : { before: [], after: [] };
  const special = before.length + after.length;
  const most = truncation ? maxLength! - special : Infinity;
  if (most < 0) {
    throw new RangeError(
      `encodeBatch: maxLength ${maxLength} does not hold the ${special} special tokens`,
    );
  }
  const rows = texts.map((text) => {
    const ids = tokenizer.encode(text);
    return Uint32Array.from([...before, ...ids.subarray(0, Math.min(ids.length, most)), ...after]);
  });
  if (padding === false) return { ids: rows, attentionMask: rows.map((row) => ones(row.length)) };
  const longest = rows.reduce((length, row) => Math.max(length, row.length), 0);
  const length = padding === "max_length" ? Math.max(maxLength!, longest) : longest;
  const left = paddingSide === "left";
  return {
    ids: rows.map((row) => row.length === length ? row : padded(tokenizer, row, length, left)),
    attentionMask: rows.map((row) => {
      const mask = new Uint8Array(length);
      mask.set(ones(row.length), left ? length - row.length : 0);
      return mask;
    }),
  };
}

function expectOneOf(name: string, value: unknown, allowed: readonly unknown[]): void {
  if (allowed.includes(value)) return;
  const choices = allowed.map((choice) => JSON.stringify(choice)).join(", ");
  throw new RangeError(`encodeBatch: ${name}: expected one of ${choices}, got ${describe(value)}`);
}

function ones(length: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(length).fill(1);
}

function padded(
  { paddingId, endId }: RowEncoder,
  row: Uint32Array,
  length: number,
  left: boolean,
): Uint32Array<ArrayBuffer> {
  const fill = paddingId ?? endId;
  if (fill === undefined) {
    throw new RangeError("encodeBatch: the tokenizer has no padding token and no end token");
  }
  const ids = new Uint32Array(length).fill(fill);
  ids.set(row, left ? length - row.length : 0);
  return ids;
}
