/**
 * Texts of different lengths as rows: pairs, special tokens, truncation, padding, masks and
 * offsets. The tokenizers encode each text; truncation.ts cuts them.
 *
 * @module
 */

import { describe } from "../errors.ts";
import { checkOptions, type OptionNames } from "../options.ts";
import { specialCount, type TemplatePiece, type Templates } from "./templates.ts";
import { keptLengths, type TruncationStrategy, type Window, windowsOf } from "./truncation.ts";

/** The ids of a text and, in UTF-16 units of the text, start and end of each token. */
export interface TokenOffsets {
  /** The ids, [n]. */
  readonly ids: Uint32Array<ArrayBuffer>;
  /** Start and end of each token, [n,2]. */
  readonly offsets: Uint32Array<ArrayBuffer>;
  /** How much white space each token starts and ends with, [n,2], if offsets are trimmed. */
  readonly blanks?: Uint32Array<ArrayBuffer>;
}

/** What making rows needs of a tokenizer. */
export interface RowEncoder {
  /** The ids that go around one text and around a pair. */
  readonly templates: Templates;
  /** The id that pads short rows. */
  readonly paddingId: number | undefined;
  /** The id that ends a text, used if there is no padding id. */
  readonly endId: number | undefined;
  /** The maximum number of tokens of the model. */
  readonly maximumLength: number | undefined;
  /** The ids of a text. */
  encode(text: string): Uint32Array<ArrayBuffer>;
  /** The ids of a text with their offsets. */
  encodeOffsets(text: string): TokenOffsets;
  /** Takes white space out of the offsets of one row's text, if the tokenizer does. */
  trimOffsets(text: TokenOffsets): TokenOffsets;
}

/** A text, or a pair such as a question and its context. */
export type BatchText = string | readonly [first: string, second: string];

/** Options of `encodeBatch`. */
export interface BatchOptions {
  /** Put the special tokens of the model around each text or pair. Default true. */
  addSpecialTokens?: boolean;
  /**
   * Pad rows to the longest one, or to `maxLength`; false does not pad. Default false.
   */
  padding?: "longest" | "max_length" | boolean;
  /** The side of the padding; generation reads it from `attentionMask`. Default "right". */
  paddingSide?: "left" | "right";
  /** Pad to a multiple of this length, such as 8. Default 1. */
  padToMultipleOf?: number;
  /**
   * Cut rows to `maxLength` tokens, special ones included and kept. Of a pair, true and
   * "longest_first" cut the longer text until both are equally long; "only_first" and "only_second"
   * cut one text. Default false.
   */
  truncation?: boolean | TruncationStrategy;
  /** The side that is cut off. Default "right". */
  truncationSide?: "left" | "right";
  /** The length to cut or pad to. Default: what the tokenizer's files say. */
  maxLength?: number;
  /**
   * Return what is cut off as further rows, directly after the row it belongs to. Default false.
   */
  overflow?: boolean;
  /** The number of tokens that a row shares with its neighbor in the same text. Default 0. */
  stride?: number;
  /** Return the offsets of each token in its text. Default false. */
  offsets?: boolean;
}

/** The names of these options, with their defaults. */
const OPTIONS: OptionNames<BatchOptions> = {
  addSpecialTokens: true,
  padding: false,
  paddingSide: "right",
  padToMultipleOf: 1,
  truncation: false,
  truncationSide: "right",
  maxLength: "what the tokenizer's files say",
  overflow: false,
  stride: 0,
  offsets: false,
};

/** Rows of ids; all of one length if they were padded. */
export interface EncodedBatch {
  /** The ids of each row. */
  readonly ids: Uint32Array<ArrayBuffer>[];
  /** For each row, 1 for an id of the text and its special tokens, and 0 for padding. */
  readonly attentionMask: Uint8Array<ArrayBuffer>[];
  /** For each row, the token types (segments): usually 0, and 1 for the second text of a pair. */
  readonly tokenTypes: Uint8Array<ArrayBuffer>[];
  /** For each row, 0 for a token of the first text, 1 of the second, and −1 for all others. */
  readonly sequences: Int8Array<ArrayBuffer>[];
  /** For each row, the index of its text; rows and texts differ only with `overflow`. */
  readonly textIndex: number[];
  /**
   * For each row, start and end of each token in its text, [n,2], in UTF-16 units, so that
   * `text.slice(start, end)` is what became the token; 0 and 0 for special tokens and padding. Only
   * with the option `offsets`.
   */
  readonly offsets?: Uint32Array<ArrayBuffer>[];
}

/** One row. */
interface Row {
  readonly ids: Uint32Array<ArrayBuffer>;
  readonly attentionMask: Uint8Array<ArrayBuffer>;
  readonly tokenTypes: Uint8Array<ArrayBuffer>;
  readonly sequences: Int8Array<ArrayBuffer>;
  readonly offsets: Uint32Array<ArrayBuffer> | undefined;
}

/** An encoded text, or a window of it. */
type Encoded = { readonly ids: Uint32Array<ArrayBuffer> } & Partial<TokenOffsets>;

/**
 * Computes `Tokenizer.encodeBatch`. Rows are padded with the padding token or, as is usual for GPT
 * models, the end token.
 */
export function encodeRows(
  tokenizer: RowEncoder,
  texts: readonly BatchText[],
  given: BatchOptions,
): EncodedBatch {
  const options = checkedOptions(tokenizer, texts, given);
  const rows: Row[] = [];
  const textIndex: number[] = [];
  texts.forEach((text, index) => {
    for (const row of rowsOf(tokenizer, expectBatchText(text, index), options)) {
      rows.push(row);
      textIndex.push(index);
    }
  });
  const length = paddedLength(rows, options);
  const padded = rows.map((row) => paddedRow(tokenizer, row, { length, ...options }));
  return {
    ids: padded.map(({ ids }) => ids),
    attentionMask: padded.map(({ attentionMask }) => attentionMask),
    tokenTypes: padded.map(({ tokenTypes }) => tokenTypes),
    sequences: padded.map(({ sequences }) => sequences),
    textIndex,
    ...(options.offsets ? { offsets: padded.map(({ offsets }) => offsets!) } : {}),
  };
}

type Checked = Required<Omit<BatchOptions, "truncation" | "maxLength">> & {
  readonly strategy: TruncationStrategy | undefined;
  readonly maxLength: number | undefined;
};

function checkedOptions(
  tokenizer: RowEncoder,
  texts: readonly BatchText[],
  options: BatchOptions,
): Checked {
  checkOptions("encodeBatch", options, OPTIONS);
  if (!Array.isArray(texts)) {
    throw new TypeError(`encodeBatch: expected a list of texts, got ${describe(texts)}`);
  }
  const { padding = false, paddingSide = "right", truncationSide = "right" } = options;
  const { truncation = false, maxLength = tokenizer.maximumLength, overflow = false } = options;
  const { stride = 0, padToMultipleOf = 1, addSpecialTokens = true, offsets = false } = options;
  expectOneOf("padding", padding, ["longest", "max_length", true, false]);
  expectOneOf("paddingSide", paddingSide, ["left", "right"]);
  expectOneOf("truncation", truncation, [
    true,
    false,
    "longest_first",
    "only_first",
    "only_second",
  ]);
  expectOneOf("truncationSide", truncationSide, ["left", "right"]);
  expectWhole("stride", stride, 0);
  expectWhole("padToMultipleOf", padToMultipleOf, 1);
  const strategy = truncation === true ? "longest_first" : truncation || undefined;
  expectLimit(
    maxLength,
    strategy !== undefined
      ? "truncation"
      : padding === "max_length"
      ? "padding to max_length"
      : undefined,
  );
  if (overflow && strategy === undefined) {
    throw new RangeError("encodeBatch: overflow needs truncation, got none");
  }
  return {
    addSpecialTokens,
    padding,
    paddingSide,
    padToMultipleOf,
    strategy,
    truncationSide,
    maxLength,
    overflow,
    stride,
    offsets,
  };
}

function expectLimit(maxLength: number | undefined, user: string | undefined): void {
  if (user === undefined || (Number.isInteger(maxLength) && maxLength! > 0)) return;
  throw new RangeError(
    `encodeBatch: ${user} needs maxLength, a whole number from 1; got ${maxLength}`,
  );
}

function expectOneOf(name: string, value: unknown, allowed: readonly unknown[]): void {
  if (allowed.includes(value)) return;
  const choices = allowed.map((choice) => JSON.stringify(choice)).join(", ");
  throw new RangeError(`encodeBatch: ${name}: expected one of ${choices}, got ${describe(value)}`);
}

function expectWhole(name: string, value: number, minimum: number): void {
  if (Number.isInteger(value) && value >= minimum) return;
  throw new RangeError(
    `encodeBatch: ${name}: expected a whole number from ${minimum}, got ${describe(value)}`,
  );
}

/** A text or a pair as one or two texts. */
function expectBatchText(text: unknown, index: number): readonly string[] {
  if (typeof text === "string") return [text];
  const isPair = Array.isArray(text) && text.length === 2 &&
    text.every((each) => typeof each === "string");
  if (isPair) return text as string[];
  throw new TypeError(
    `encodeBatch: expected a text or a pair of texts at ${index}, got ${describe(text)}`,
  );
}

/** The row of a text or a pair and, with `overflow`, the rows of what was cut off. */
function rowsOf(tokenizer: RowEncoder, texts: readonly string[], options: Checked): Row[] {
  const { templates } = tokenizer;
  const template = texts.length > 1 ? templates.pair : templates.single;
  const { addSpecialTokens } = options;
  const encoded: Encoded[] = texts.map((text) =>
    options.offsets ? tokenizer.encodeOffsets(text) : { ids: tokenizer.encode(text) }
  );
  return windowRows(encoded.map(({ ids }) => ids.length), template, options).map((windows) => {
    const parts = windows.map(([start, end], index) => {
      const part = sliced(encoded[index], start, end);
      return part.offsets ? tokenizer.trimOffsets(part as TokenOffsets) : part;
    });
    return assembled(parts, { template, addSpecialTokens });
  });
}

/** For each row, the window of each text. */
function windowRows(
  lengths: readonly number[],
  template: readonly TemplatePiece[],
  options: Checked,
): Window[][] {
  const { strategy, maxLength, addSpecialTokens, overflow, stride, truncationSide } = options;
  if (strategy === undefined) return [lengths.map((length) => [0, length])];
  const special = addSpecialTokens ? specialCount(template) : 0;
  const limit = maxLength! - special;
  if (limit < 0) {
    throw new RangeError(
      `encodeBatch: maxLength ${maxLength} does not hold the ${special} special tokens`,
    );
  }
  const [first, second = 0] = lengths;
  const kept = keptLengths(first, second, { limit, strategy });
  const windows = lengths.map((length, index) =>
    windowsOf(length, {
      limit: kept[index],
      stride: overflow ? stride : 0,
      side: truncationSide,
    })
  );
  if (!overflow) return [windows.map(([window]) => window)];
  const [firsts, seconds] = windows;
  if (seconds === undefined) return firsts.map((window) => [window]);
  // The reference's order: the first windows, each further window of A with all of B, then of B.
  return [
    [firsts[0], seconds[0]],
    ...firsts.slice(1).flatMap((a) => seconds.map((b) => [a, b])),
    ...seconds.slice(1).map((b) => [firsts[0], b]),
  ];
}

function sliced({ ids, offsets, blanks }: Encoded, start: number, end: number): Encoded {
  return {
    ids: ids.subarray(start, end),
    offsets: offsets?.subarray(2 * start, 2 * end),
    blanks: blanks?.subarray(2 * start, 2 * end),
  };
}

/** The ids of a template with its texts, which are in order. */
export function assembledIds(
  texts: readonly Uint32Array<ArrayBuffer>[],
  template: readonly TemplatePiece[],
  addSpecialTokens: boolean,
): Uint32Array<ArrayBuffer> {
  return assembled(texts.map((ids) => ({ ids })), { template, addSpecialTokens }).ids;
}

function assembled(
  parts: readonly Encoded[],
  { template, addSpecialTokens }: {
    template: readonly TemplatePiece[];
    addSpecialTokens: boolean;
  },
): Row {
  const pieces = addSpecialTokens ? template : template.filter((piece) => "text" in piece);
  const partOf = (piece: TemplatePiece): Encoded =>
    "ids" in piece ? { ids: Uint32Array.from(piece.ids) } : parts[piece.text === "A" ? 0 : 1];
  const length = pieces.reduce((length, piece) => length + partOf(piece).ids.length, 0);
  const row = {
    ids: new Uint32Array(length),
    attentionMask: new Uint8Array(length).fill(1),
    tokenTypes: new Uint8Array(length),
    sequences: new Int8Array(length).fill(-1),
    offsets: parts[0].offsets && new Uint32Array(2 * length),
  };
  let at = 0;
  for (const piece of pieces) {
    const { ids, offsets } = partOf(piece);
    row.ids.set(ids, at);
    row.tokenTypes.fill(piece.type, at, at + ids.length);
    if ("text" in piece) row.sequences.fill(piece.text === "A" ? 0 : 1, at, at + ids.length);
    if (offsets) row.offsets!.set(offsets, 2 * at);
    at += ids.length;
  }
  return row;
}

/** The length that rows are padded to; 0 for none. */
function paddedLength(rows: readonly Row[], options: Checked): number {
  const { padding, padToMultipleOf, maxLength } = options;
  if (padding === false) return 0;
  const longest = rows.reduce((length, { ids }) => Math.max(length, ids.length), 0);
  const length = padding === "max_length" ? Math.max(maxLength!, longest) : longest;
  return Math.ceil(length / padToMultipleOf) * padToMultipleOf;
}

function paddedRow(
  { paddingId, endId }: RowEncoder,
  row: Row,
  { length, paddingSide }: { length: number; paddingSide: "left" | "right" },
): Row {
  const missing = length - row.ids.length;
  if (missing <= 0) return row;
  const fill = paddingId ?? endId;
  if (fill === undefined) {
    throw new RangeError("encodeBatch: the tokenizer has no padding token and no end token");
  }
  const at = paddingSide === "left" ? missing : 0;
  const ids = new Uint32Array(length).fill(fill);
  ids.set(row.ids, at);
  const attentionMask = new Uint8Array(length);
  attentionMask.set(row.attentionMask, at);
  const tokenTypes = new Uint8Array(length);
  tokenTypes.set(row.tokenTypes, at);
  const sequences = new Int8Array(length).fill(-1);
  sequences.set(row.sequences, at);
  const offsets = row.offsets && new Uint32Array(2 * length);
  offsets?.set(row.offsets!, 2 * at);
  return { ids, attentionMask, tokenTypes, sequences, offsets };
}
