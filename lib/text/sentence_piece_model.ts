/**
 * The content of a SentencePiece `.model`: its pieces, special ids and the settings that decoding
 * needs. sentence_piece_tokenizer.ts encodes with it.
 *
 * The file is a protocol buffer, the message ModelProto; only the fields named below are read.
 * Everything is checked, the normalization table included, because the program that encodes trusts
 * the file. Source: sentencepiece_model.proto of google/sentencepiece.
 *
 * @module
 */

import { MAXIMUM_VOCABULARY } from "./tokenizer_file.ts";

/** How a piece is used. */
export type PieceType = "normal" | "unknown" | "control" | "user" | "unused" | "byte";

/** A piece of the vocabulary; its index is its id. */
export interface Piece {
  readonly text: string;
  readonly score: number;
  readonly type: PieceType;
}

/** A model's content, as far as Folio needs it. */
export interface SentencePieceModel {
  readonly pieces: readonly Piece[];
  readonly type: "unigram" | "bpe" | "word" | "char";
  readonly unknownId: number;
  /** Ids of the pieces that begin a text, end it and pad a row; undefined if there is none. */
  readonly beginId: number | undefined;
  readonly endId: number | undefined;
  readonly paddingId: number | undefined;
  /** The text of an unknown piece. */
  readonly unknownText: string;
  /** Whether the encoder puts a space before a text. */
  readonly addsSpace: boolean;
  /** Whether the encoder removes spaces at the ends of a text, and repeated ones. */
  readonly removesSpaces: boolean;
  /** Whether spaces are written as `▁`, as is usual. */
  readonly escapesSpaces: boolean;
  /** Whether a space belongs to the word before it, which is unusual. */
  readonly spacesAfterWords: boolean;
  /** Whether a character that no piece covers becomes the pieces of its bytes. */
  readonly byteFallback: boolean;
  /** The normalization table (pipeline/replacement_table.ts reads one); empty if there is none. */
  readonly charsmap: Uint8Array;
}

const PIECE_TYPES: readonly PieceType[] = [
  "normal",
  "unknown",
  "control",
  "user",
  "unused",
  "byte",
];
const MODEL_TYPES = ["unigram", "bpe", "word", "char"] as const;
const LONGEST_PIECE = 4096;

/** A SyntaxError about a `.model`. */
export function malformedModel(what: string): SyntaxError {
  return new SyntaxError(`SentencePiece model: ${what}`);
}

/**
 * Reads a `.model`.
 *
 * @throws {SyntaxError} if it is malformed or too large
 */
export function readSentencePieceModel(bytes: Uint8Array): SentencePieceModel {
  const pieces: Piece[] = [];
  let trainer: Fields = new Map();
  let normalizer: Fields = new Map();
  for (const { number, value } of fieldsOf(bytes)) {
    if (number === 1) {
      if (pieces.length === MAXIMUM_VOCABULARY) {
        throw malformedModel(`more than ${MAXIMUM_VOCABULARY} pieces`);
      }
      pieces.push(readPiece(message(value, "a piece"), pieces.length));
    } else if (number === 2) trainer = message(value, "the trainer's settings");
    else if (number === 3) normalizer = message(value, "the normalizer's settings");
    else if (number === 5 && message(value, "the denormalizer's settings").has(2)) {
      throw malformedModel("it has a table of denormalization, which is not supported");
    }
  }
  checkPieces(pieces);
  const table = normalizer.get(2);
  if (table instanceof Uint8Array) checkNormalization(table);
  else if (table !== undefined) throw malformedModel("the normalizer's table: expected bytes");
  const type = MODEL_TYPES[integer(trainer, 3, 1) - 1];
  if (!type) throw malformedModel(`unknown model type ${integer(trainer, 3, 1)}`);
  const control = (field: number, name: string) => {
    const text = string(trainer, field, name);
    const id = pieces.findIndex((piece) => piece.text === text && piece.type === "control");
    return id < 0 ? undefined : id;
  };
  return {
    pieces,
    type,
    unknownId: pieces.findIndex((piece) => piece.type === "unknown"),
    beginId: control(46, "<s>"),
    endId: control(47, "</s>"),
    paddingId: control(48, "<pad>"),
    unknownText: string(trainer, 44, " \u2047 "),
    addsSpace: integer(normalizer, 3, 1) !== 0,
    removesSpaces: integer(normalizer, 4, 1) !== 0,
    escapesSpaces: integer(normalizer, 5, 1) !== 0,
    spacesAfterWords: integer(trainer, 24, 0) !== 0,
    byteFallback: integer(trainer, 35, 0) !== 0,
    charsmap: table ?? new Uint8Array(),
  };
}

function readPiece(fields: Fields, id: number): Piece {
  const text = string(fields, 1, "");
  const score = float(fields, 2);
  const type = PIECE_TYPES[integer(fields, 3, 1) - 1];
  if (text === "" || text.length > LONGEST_PIECE) {
    throw malformedModel(`piece ${id} has ${text.length} characters, not 1 to ${LONGEST_PIECE}`);
  }
  if (!type || !Number.isFinite(score)) {
    throw malformedModel(`piece ${id} has type ${integer(fields, 3, 1)} and score ${score}`);
  }
  if (type === "byte" && !/^<0x[0-9A-F]{2}>$/.test(text)) {
    throw malformedModel(`piece ${id} is a byte written as ${JSON.stringify(text)}`);
  }
  return { text, score, type };
}

function checkPieces(pieces: readonly Piece[]): void {
  if (pieces.length === 0) throw malformedModel("it has no pieces");
  const texts = new Set(pieces.map(({ text }) => text));
  if (texts.size < pieces.length) throw malformedModel("a piece occurs twice");
  const unknown = pieces.filter(({ type }) => type === "unknown").length;
  if (unknown !== 1) throw malformedModel(`expected one unknown piece, got ${unknown}`);
}

/**
 * The normalization table: the number of bytes of a double-array trie, the trie, and the texts that
 * its values point into. No step of a search may leave the trie, and no value the texts.
 */
function checkNormalization(table: Uint8Array): void {
  if (table.length === 0) return;
  if (table.length < 8) throw malformedModel("the normalizer's table is too short");
  const view = new DataView(table.buffer, table.byteOffset, table.byteLength);
  const size = view.getUint32(0, true);
  const texts = table.length - 4 - size;
  if (size < 1024 || size % 1024 !== 0 || texts < 1 || table[table.length - 1] !== 0) {
    throw malformedModel("the normalizer's table has no sound size");
  }
  const units = size / 4;
  for (let i = 0; i < units; i++) {
    const unit = view.getUint32(4 + 4 * i, true);
    const next = (i ^ ((unit >>> 10) << ((unit & 512) >>> 6))) >>> 0;
    const sound = unit >>> 31 ? (unit & 0x7fffffff) < texts : (next | 255) < units;
    if (!sound) throw malformedModel(`the normalizer's table points outside itself at ${i}`);
  }
}

type Value = number | Uint8Array;
type Fields = Map<number, Value>;

interface Field {
  readonly number: number;
  readonly value: Value;
}

/** The fields of a message; of repeated ones the last, as the format requires. */
function message(value: Value, what: string): Fields {
  if (!(value instanceof Uint8Array)) throw malformedModel(`${what}: expected a message`);
  const fields: Fields = new Map();
  for (const { number, value: inner } of fieldsOf(value)) fields.set(number, inner);
  return fields;
}

/**
 * The fields of a message in order; varints as numbers (only their low 32 bits), 32-bit values as
 * four bytes.
 */
function* fieldsOf(bytes: Uint8Array): Generator<Field> {
  let at = 0;
  const take = (length: number) => {
    if (length > bytes.length - at) {
      throw malformedModel(
        `it ends within a field: expected ${length} bytes at ${at}, got ${bytes.length - at}`,
      );
    }
    at += length;
    return bytes.subarray(at - length, at);
  };
  const varint = () => {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const [byte] = take(1);
      if (shift < 32) value |= (byte & 127) << shift;
      if (byte < 128) return value >>> 0;
    }
    throw malformedModel("a number of more than ten bytes");
  };
  while (at < bytes.length) {
    const tag = varint();
    const number = tag >>> 3;
    if (number === 0) throw malformedModel(`field 0 at byte ${at}`);
    const kind = tag & 7;
    if (kind === 0) yield { number, value: varint() };
    else if (kind === 1) yield { number, value: take(8) };
    else if (kind === 2) yield { number, value: take(varint()) };
    else if (kind === 5) yield { number, value: take(4) };
    else throw malformedModel(`a field of kind ${kind} at byte ${at}`);
  }
}

function integer(fields: Fields, number: number, fallback: number): number {
  const value = fields.get(number);
  if (value instanceof Uint8Array) throw malformedModel(`field ${number}: expected a number`);
  return value ?? fallback;
}

function float(fields: Fields, number: number): number {
  const value = fields.get(number);
  if (value === undefined) return 0;
  if (!(value instanceof Uint8Array) || value.length !== 4) {
    throw malformedModel(`field ${number}: expected four bytes`);
  }
  return new DataView(value.buffer, value.byteOffset, 4).getFloat32(0, true);
}

function string(fields: Fields, number: number, fallback: string): string {
  const value = fields.get(number);
  if (value === undefined) return fallback;
  if (!(value instanceof Uint8Array)) throw malformedModel(`field ${number}: expected a text`);
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(value);
  } catch {
    throw malformedModel(`field ${number}: expected a text in UTF-8`);
  }
}
