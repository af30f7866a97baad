/**
 * The normalizer `Precompiled`: SentencePiece's table of replacements (replacement_table.ts) as the
 * library `tokenizers` searches it.
 *
 * The reference looks up whole grapheme clusters of up to five bytes first, and then their
 * characters; of the prefixes that the trie holds it takes the shortest.
 *
 * @module
 */

import type { Change } from "../aligned_text.ts";
import { malformed } from "../tokenizer_file.ts";
import type { Part } from "./part.ts";
import { ReplacementTable } from "./replacement_table.ts";

/** The longest table: SentencePiece's own has 240,000 bytes. */
const MAXIMUM_BYTES = 2 ** 23;

/** What a table of replacements does. */
export interface CharsmapNormalizer {
  /** The text with its replacements. */
  normalize(text: string): string;
  /** The replacements as changes of single characters. */
  changes(text: string): Change[];
}

/** The normalizer of a `Precompiled` part; undefined if it has no table. */
export function readCharsmap(part: Part): CharsmapNormalizer | undefined {
  const encoded = part.field("precompiled_charsmap");
  if (encoded === null || encoded === undefined || encoded === "") return undefined;
  const name = `${part.name}.precompiled_charsmap`;
  if (typeof encoded !== "string" || encoded.length > MAXIMUM_BYTES) {
    throw malformed(name, `a text of at most ${MAXIMUM_BYTES} characters`, encoded);
  }
  let bytes: Uint8Array;
  try {
    bytes = Uint8Array.fromBase64(encoded);
  } catch {
    throw malformed(name, "base 64", encoded);
  }
  return new Charsmap(bytes, name);
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
/** One of these is in every cluster of several characters and at most five bytes. */
const CLUSTERS = new RegExp(
  "[\\p{Grapheme_Extend}\\p{M}\\p{Join_Control}\\p{Emoji_Modifier}\\u0E33\\u0EB3\\u0600-\\u0605" +
    "\\u06DD\\u070F\\u0890\\u0891\\u08E2\\u0D4E\\u{11000}-\\u{11FFF}\\r]",
  "u",
);

class Charsmap implements CharsmapNormalizer {
  readonly #table: ReplacementTable;
  readonly #known = new Map<string, string | undefined>();
  readonly #segmenter = new Intl.Segmenter("en", { granularity: "grapheme" });

  constructor(bytes: Uint8Array, name: string) {
    const size = bytes.length < 4
      ? -1
      : new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
    if (size < 4 || size % 4 !== 0 || size > bytes.length - 4) {
      throw malformed(name, "the size of its trie, and the trie", size);
    }
    this.#table = new ReplacementTable(bytes);
  }

  normalize(text: string): string {
    if (!CLUSTERS.test(text)) return this.#eachCharacter(text);
    let result = "";
    for (const { segment } of this.#segmenter.segment(text)) {
      result += this.#ofCluster(segment) ?? this.#eachCharacter(segment);
    }
    return result;
  }

  changes(text: string): Change[] {
    const changes: Change[] = [];
    for (const { segment } of this.#segmenter.segment(text)) {
      const whole = this.#ofCluster(segment);
      if (whole !== undefined) addReplacement(changes, segment, whole);
      else {
        for (const character of segment) {
          addReplacement(changes, character, this.#lookUp(character) ?? character);
        }
      }
    }
    return changes;
  }

  /** The replacement of a whole cluster of at most five bytes. */
  #ofCluster(cluster: string): string | undefined {
    // Five bytes are at most five units.
    const isShort = cluster.length < 6 && encoder.encode(cluster).length < 6;
    return isShort ? this.#lookUp(cluster) : undefined;
  }

  #eachCharacter(text: string): string {
    let result = "";
    for (const character of text) result += this.#lookUp(character) ?? character;
    return result;
  }

  #lookUp(part: string): string | undefined {
    if (this.#known.has(part)) return this.#known.get(part);
    const bytes = this.#table.find(encoder.encode(part), 0, "shortest")?.bytes;
    const found = bytes && decoder.decode(bytes);
    if (this.#known.size > 2 ** 16) this.#known.clear();
    this.#known.set(part, found);
    return found;
  }
}

/**
 * One replacement: the last characters of a longer text are inserted, and the last character of a
 * shorter one removes the rest. If nothing is left, the character before it does.
 */
function addReplacement(changes: Change[], from: string, to: string): void {
  const removed = Array.from(from).length;
  const added = Array.from(to);
  added.forEach((character, index) => changes.push([character, index < removed ? 0 : 1]));
  const last = changes.at(-1);
  if (added.length >= removed || last === undefined) return;
  changes[changes.length - 1] = [last[0], last[1] + added.length - removed];
}
