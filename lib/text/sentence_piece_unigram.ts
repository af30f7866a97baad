/**
 * The pieces of a text in a unigram model, as SentencePiece chooses them: of all ways to cut the
 * text, the one whose scores sum to the most.
 *
 * Sums are in float32 where SentencePiece has them, so that ties are decided as it does. See
 * sentence_piece_normalizer.ts for what happens to the text before.
 *
 * @module
 */

import { GrowingIds } from "./growing_ids.ts";
import { malformedModel, type SentencePieceModel } from "./sentence_piece_model.ts";
import { SentencePieceNormalizer } from "./sentence_piece_normalizer.ts";
import { UnitTrie } from "./unit_trie.ts";

/** A character that no piece covers costs this much more than the worst piece. */
const UNKNOWN_PENALTY = 10;
const LARGEST_FLOAT = 3.4028234663852886e38;

/**
 * The function from texts to ids of a unigram model.
 *
 * @throws {SyntaxError} if SentencePiece refuses the model
 */
export function unigramEncoder(
  model: SentencePieceModel,
): (text: string) => Uint32Array<ArrayBuffer> {
  const normalizer = new SentencePieceNormalizer(model);
  const pieces = new UnigramPieces(model);
  return (text) => pieces.encode(normalizer.normalize(text));
}

class UnigramPieces {
  readonly #trie = new UnitTrie();
  /** The score of each piece; a user-defined one has a bonus for its bytes. */
  readonly #scores: Float32Array;
  readonly #unknownId: number;
  readonly #unknownScore: number;
  /** The ids of the bytes, if unknown characters become bytes. */
  readonly #bytes: Int32Array | undefined;

  constructor({ pieces, unknownId, byteFallback }: SentencePieceModel) {
    const least = pieces.reduce(
      (least, { type, score }) => type === "normal" ? Math.min(least, score) : least,
      LARGEST_FLOAT,
    );
    this.#unknownId = unknownId;
    this.#unknownScore = Math.fround(least - UNKNOWN_PENALTY);
    this.#scores = new Float32Array(pieces.length);
    let count = 0;
    pieces.forEach(({ text, type, score }, id) => {
      if (type !== "normal" && type !== "user" && type !== "unused") return;
      if (text.includes("\0")) throw malformedModel(`piece ${id} holds U+0000 (not supported)`);
      count++;
      if (type === "unused") return;
      const length = new TextEncoder().encode(text).length;
      this.#scores[id] = type === "user" ? Math.fround(0.1 * length - 0.1) : score;
      this.#trie.insert(text, id);
    });
    if (count === 0) throw malformedModel("it has no pieces of text");
    this.#bytes = readBytes(pieces, byteFallback);
  }

  encode(text: string): Uint32Array<ArrayBuffer> {
    const { starts, ids } = this.#bestPath(text);
    const cuts: number[] = [];
    for (let end = text.length; end > 0; end = starts[end]) cuts.push(end);
    const result = new GrowingIds(cuts.length + 1);
    let afterUnknown = false;
    for (let i = cuts.length - 1; i >= 0; i--) {
      const end = cuts[i];
      const isUnknown = ids[end] === this.#unknownId;
      if (isUnknown && this.#bytes !== undefined) {
        const bytes = new TextEncoder().encode(text.slice(starts[end], end));
        for (const byte of bytes) result.push(this.#bytes[byte]);
      } else if (!isUnknown || !afterUnknown) result.push(ids[end]);
      afterUnknown = isUnknown;
    }
    return result.toArray();
  }

  /**
   * For each end of a piece in the text, the start of the best last piece before it, and its id.
   */
  #bestPath(text: string): { starts: Int32Array; ids: Int32Array } {
    const { length } = text;
    const best = new Float32Array(length + 1);
    const starts = new Int32Array(length + 1).fill(-1);
    const ids = new Int32Array(length + 1);
    const offer = (start: number, end: number, id: number, score: number) => {
      if (starts[end] >= 0 && score <= best[end]) return;
      best[end] = score;
      starts[end] = start;
      ids[end] = id;
    };
    for (let start = 0; start < length;) {
      const next = start + (text.codePointAt(start)! > 0xFFFF ? 2 : 1);
      let hasCharacter = false;
      for (let at = start, node = 0; at < length; at++) {
        node = this.#trie.child(node, text.charCodeAt(at));
        if (node < 0) break;
        const id = this.#trie.value(node);
        if (id < 0) continue;
        offer(start, at + 1, id, Math.fround(this.#scores[id] + best[start]));
        if (at + 1 === next) hasCharacter = true;
      }
      if (!hasCharacter) {
        offer(start, next, this.#unknownId, Math.fround(this.#unknownScore + best[start]));
      }
      start = next;
    }
    return { starts, ids };
  }
}

/** The ids of the 256 bytes; undefined if the model does not use them. */
function readBytes(
  pieces: SentencePieceModel["pieces"],
  byteFallback: boolean,
): Int32Array | undefined {
  const ids = new Int32Array(256).fill(-1);
  pieces.forEach(({ text, type }, id) => {
    if (type === "byte") ids[Number(text.slice(1, 5))] = id;
  });
  const count = ids.filter((id) => id >= 0).length;
  if (count !== (byteFallback ? 256 : 0)) {
    throw malformedModel(`byte_fallback ${byteFallback} with ${count} pieces for bytes`);
  }
  return byteFallback ? ids : undefined;
}
