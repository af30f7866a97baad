/**
 * GPT-2's alphabet of bytes: a printable character for each of the 256 byte values, so that tokens
 * of bytes can be written as text in a file.
 *
 * Bytes that print in Latin-1 are written as themselves; the other 68 (controls, space, U+00A0,
 * U+00AD) are U+0100, U+0101, … in order: the space is `Ġ`, the line feed `Ċ`. Source: Radford et
 * al., "Language Models are Unsupervised Multitask Learners", 2019 (GPT-2).
 *
 * @module
 */

const PRINTABLE: readonly (readonly [first: number, last: number])[] = [
  [0x21, 0x7E],
  [0xA1, 0xAC],
  [0xAE, 0xFF],
];

const CHARACTERS: readonly string[] = makeCharacters();
const BYTE_OF = new Int16Array(0x144).fill(-1); // by UTF-16 code; the alphabet ends at U+0143
CHARACTERS.forEach((character, byte) => BYTE_OF[character.charCodeAt(0)] = byte);

function makeCharacters(): string[] {
  const printable = (byte: number) => PRINTABLE.some(([a, b]) => a <= byte && byte <= b);
  let next = 0x100;
  return Array.from(
    { length: 256 },
    (_, byte) => String.fromCharCode(printable(byte) ? byte : next++),
  );
}

/** The 256 characters in the order of their code points: GPT-2's order of the first 256 tokens. */
export const BYTE_TOKENS: readonly string[] = [...CHARACTERS].sort();

/** Bytes as characters of the alphabet. */
export function bytesToCharacters(bytes: Iterable<number>): string {
  return Array.from(bytes, (byte) => CHARACTERS[byte]).join("");
}

const encoder = new TextEncoder();

/** The bytes of a text as characters of the alphabet. */
export function toByteCharacters(text: string): string {
  const bytes = encoder.encode(text);
  let characters = "";
  for (let i = 0; i < bytes.length; i++) characters += CHARACTERS[bytes[i]];
  return characters;
}

/** Whether all characters of a text belong to the alphabet. */
export function isInByteAlphabet(characters: string): boolean {
  for (let index = 0; index < characters.length; index++) {
    if (!(BYTE_OF[characters.charCodeAt(index)] >= 0)) return false;
  }
  return true;
}

/** Characters of the alphabet as bytes, or undefined if one does not belong to it. */
export function charactersToBytes(characters: string): Uint8Array | undefined {
  const bytes = new Uint8Array(characters.length);
  for (let index = 0; index < characters.length; index++) {
    const byte = BYTE_OF[characters.charCodeAt(index)] ?? -1;
    if (byte < 0) return undefined;
    bytes[index] = byte;
  }
  return bytes;
}
