/**
 * Text of bytes that come one at a time, as SentencePiece decodes its byte pieces: a byte that
 * belongs to no character is U+FFFD by itself.
 *
 * `TextDecoder` writes one U+FFFD for all bytes of a character that is cut off.
 *
 * @module
 */

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const UNKNOWN = "\uFFFD";

/** Collects bytes until they are a character. */
export class ByteText {
  readonly #bytes = new Uint8Array(4);
  #count = 0;

  /** What a byte completes; empty as long as its character lacks bytes. */
  push(byte: number): string {
    const rest = this.#continues(byte) ? "" : this.end();
    if (this.#count === 0 && lengthOf(byte) === 0) return rest + UNKNOWN;
    this.#bytes[this.#count++] = byte;
    if (this.#count < lengthOf(this.#bytes[0])) return rest;
    const text = decoder.decode(this.#bytes.subarray(0, this.#count));
    this.#count = 0;
    return rest + text;
  }

  /** U+FFFD for each byte of a character that is not complete. */
  end(): string {
    const text = UNKNOWN.repeat(this.#count);
    this.#count = 0;
    return text;
  }

  /** Whether a byte can follow those that wait. */
  #continues(byte: number): boolean {
    if (this.#count === 0) return true;
    const [least, most] = this.#count === 1 ? secondBytes(this.#bytes[0]) : [0x80, 0xBF];
    return byte >= least && byte <= most;
  }
}

/** The number of bytes of the character that begins with a byte; 0 if none does. */
function lengthOf(byte: number): number {
  if (byte < 0x80) return 1;
  if (byte < 0xC2 || byte > 0xF4) return 0;
  return byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}

/** The least and the greatest second byte: others spell surrogates, or what has a shorter form. */
function secondBytes(first: number): [least: number, most: number] {
  return [
    first === 0xE0 ? 0xA0 : first === 0xF0 ? 0x90 : 0x80,
    first === 0xED ? 0x9F : first === 0xF4 ? 0x8F : 0xBF,
  ];
}
