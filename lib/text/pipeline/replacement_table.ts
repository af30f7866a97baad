/**
 * SentencePiece's precompiled table of replacements: a double-array trie over the bytes of a text,
 * whose values point into a list of texts. charsmap.ts and sentence_piece_normalizer.ts search it.
 *
 * @module
 */

/** A key of the table at a place of a text. */
export interface Replacement {
  /** Where the key ends. */
  readonly end: number;
  /** What it is replaced by, in UTF-8. */
  readonly bytes: Uint8Array;
}

/** A table that is in memory. */
export class ReplacementTable {
  readonly #units: Uint32Array;
  readonly #texts: Uint8Array;

  /** @param bytes the number of bytes of the trie, the trie, and the texts */
  constructor(bytes: Uint8Array) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const size = view.getUint32(0, true);
    this.#units = Uint32Array.from(
      { length: size / 4 },
      (_, i) => view.getUint32(4 + 4 * i, true),
    );
    this.#texts = bytes.subarray(4 + size);
  }

  /** The longest key at a place of a text, or the shortest; undefined if there is none. */
  find(text: Uint8Array, from: number, which: "longest" | "shortest"): Replacement | undefined {
    const units = this.#units;
    let at = offsetOf(units[0]), value = -1, end = from;
    for (let place = from; place < text.length; place++) {
      const byte = text[place];
      if (byte === 0) break;
      at = (at ^ byte) >>> 0;
      if (at >= units.length) break;
      const unit = units[at];
      if (((unit & 0x800000FF) >>> 0) !== byte) break;
      at = (at ^ offsetOf(unit)) >>> 0;
      if ((unit >>> 8 & 1) === 0) continue;
      if (at >= units.length) break;
      value = units[at] & 0x7FFFFFFF;
      end = place + 1;
      if (which === "shortest") break;
    }
    return value < 0 ? undefined : { end, bytes: this.#textAt(value) };
  }

  #textAt(start: number): Uint8Array {
    const end = this.#texts.indexOf(0, start);
    return this.#texts.subarray(start, end < 0 ? undefined : end);
  }
}

function offsetOf(unit: number): number {
  return (unit >>> 10) << ((unit & 512) >>> 6);
}
