/**
 * Writes SentencePiece `.model` files for tests: a message of fields as the protocol buffer has it.
 */

/** A field: its number and what it holds; numbers are varints, `float` ones four bytes. */
export type Field = readonly [
  number: number,
  value: number | string | Uint8Array | { float: number },
];

/** The bytes of a message. */
export function message(fields: readonly Field[]): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(fields.flatMap(([number, value]) => {
    if (typeof value === "number") return [...varint(number << 3), ...varint(value)];
    if (typeof value === "object" && "float" in value) {
      return [...varint(number << 3 | 5), ...new Uint8Array(Float32Array.of(value.float).buffer)];
    }
    const bytes = typeof value === "string" ? new TextEncoder().encode(value) : value;
    return [...varint(number << 3 | 2), ...varint(bytes.length), ...bytes];
  }));
}

function varint(value: number): number[] {
  return value < 128 ? [value] : [value & 127 | 128, ...varint(Math.floor(value / 128))];
}

/** A piece: its text, score and type (1 normal, 2 unknown, 3 control, 4 user-defined, 6 byte). */
export type PieceField = readonly [text: string, score?: number, type?: number];

/**
 * A model of pieces; `type` 1 is unigram, 2 byte pairs, 3 words. Nothing is normalized, unless
 * `normalizer` says so.
 */
export function sentencePieceFile(
  pieces: readonly PieceField[],
  { type = 1, settings = [], removesSpaces = true, normalizer = [] }: {
    type?: number;
    settings?: readonly Field[];
    removesSpaces?: boolean;
    normalizer?: readonly Field[];
  } = {},
): Uint8Array<ArrayBuffer> {
  return message([
    ...pieces.map(([text, score = 0, type = 1]): Field => [
      1,
      message([[1, text], [2, { float: score }], [3, type]]),
    ]),
    [2, message([[3, type], ...settings])],
    [
      3,
      message([[1, "identity"], [3, 1], [4, removesSpaces ? 1 : 0], [5, 1], ...normalizer]),
    ],
  ]);
}

/** A small unigram model with byte pieces. */
export const SMALL: readonly PieceField[] = [
  ["<unk>", 0, 2],
  ["<s>", 0, 3],
  ["</s>", 0, 3],
  ["\u2581", -2],
  ["\u2581to", -3],
  ["\u2581be", -3.5],
  ["t", -4],
  ["o", -4.5],
  ["b", -5],
  ["e", -5.5],
  ["or", -5.25],
  ["\u2581or", -6],
  ["r", -7],
];
