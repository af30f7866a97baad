/**
 * Unigram models: of all ways to cut a piece into tokens, the one whose scores sum to the most.
 *
 * Characters that no token covers cost ten more than the worst token; neighbors among them become
 * one unknown token, or their bytes.
 *
 * @module
 */

import type { GrowingIds } from "../growing_ids.ts";
import { isList } from "../json_list.ts";
import { malformed, MAXIMUM_VOCABULARY } from "../tokenizer_file.ts";
import { UnitTrie } from "../unit_trie.ts";
import {
  byteTokens,
  checkToken,
  type Model,
  type ModelFields,
  optionalFlag,
  pushToken,
} from "./model.ts";

const UNKNOWN_PENALTY = 10;

/** A Unigram model. */
export function readUnigramModel(fields: ModelFields): Model {
  const { vocab, unk_id } = fields;
  if (!isList(vocab) || vocab.length === 0 || vocab.length > MAXIMUM_VOCABULARY) {
    throw malformed("model.vocab", `an array of 1 to ${MAXIMUM_VOCABULARY} tokens`, vocab);
  }
  const unknown = unk_id ?? undefined;
  if (unknown !== undefined) {
    const isToken = Number.isInteger(unknown) && (unknown as number) >= 0 &&
      (unknown as number) < vocab.length;
    if (!isToken) throw malformed("model.unk_id", "the index of a token, or null", unk_id);
  }
  const scores = new Float64Array(vocab.length);
  const tokens: string[] = [];
  for (const entry of vocab) {
    const id = tokens.length;
    if (!Array.isArray(entry) || entry.length !== 2 || !Number.isFinite(entry[1])) {
      throw malformed(`model.vocab[${id}]`, "a token and its score", entry);
    }
    checkToken(entry[0]);
    scores[id] = entry[1];
    tokens.push(entry[0]);
  }
  const byteFallback = optionalFlag(fields, "byte_fallback");
  return new UnigramModel(tokens, scores, { unknown: unknown as number | undefined, byteFallback });
}

interface Settings {
  readonly unknown: number | undefined;
  readonly byteFallback: boolean;
}

class UnigramModel implements Model {
  readonly ids: ReadonlyMap<string, number>;
  readonly #scores: Float64Array;
  readonly #settings: Settings;
  readonly #unknownScore: number;
  /** The ids of the tokens. */
  readonly #trie = new UnitTrie();

  constructor(readonly tokens: readonly string[], scores: Float64Array, settings: Settings) {
    this.ids = new Map(tokens.map((token, id) => [token, id]));
    this.#scores = scores;
    this.#settings = settings;
    this.#unknownScore = scores.reduce((minimum, score) => Math.min(minimum, score), Infinity) -
      UNKNOWN_PENALTY;
    for (const [token, id] of this.ids) if (token !== "") this.#trie.insert(token, id);
  }

  encode(piece: string, into: GrowingIds, spans?: GrowingIds): void {
    const { unknown } = this.#settings;
    const starts = this.#bestPath(piece);
    const cuts: number[] = [];
    for (let end = piece.length; end > 0; end = starts.from[end]) cuts.push(end);
    let unknownFrom = -1;
    const flush = (end: number) => {
      if (unknownFrom >= 0) {
        const ids = this.#unknownIds(piece.slice(unknownFrom, end));
        for (const id of ids) pushToken(id, [unknownFrom, end], { into, spans });
      }
      unknownFrom = -1;
    };
    for (let i = cuts.length - 1, start = 0; i >= 0; start = cuts[i--]) {
      const id = starts.ids[cuts[i]];
      if (unknown !== undefined && id === unknown) {
        if (unknownFrom < 0) unknownFrom = start;
        continue;
      }
      flush(start);
      pushToken(id, [start, cuts[i]], { into, spans });
    }
    flush(piece.length);
  }

  #unknownIds(text: string): number[] {
    const known = this.ids.get(text);
    const bytes = known === undefined && this.#settings.byteFallback
      ? byteTokens(this.ids, text)
      : undefined;
    return bytes ?? [known ?? this.#settings.unknown!];
  }

  /** For each position in a piece, the start of the best last token before it, and its id. */
  #bestPath(piece: string): { from: Int32Array; ids: Int32Array } {
    const { length } = piece;
    const best = new Float64Array(length + 1);
    const from = new Int32Array(length + 1).fill(-1);
    const ids = new Int32Array(length + 1);
    const offer = (start: number, end: number, id: number, score: number) => {
      if (from[end] >= 0 && score <= best[end]) return;
      best[end] = score;
      from[end] = start;
      ids[end] = id;
    };
    for (let start = 0; start < length;) {
      const next = start + (piece.codePointAt(start)! > 0xFFFF ? 2 : 1);
      let hasCharacter = false;
      for (let at = start, node = 0; at < length; at++) {
        node = this.#trie.child(node, piece.charCodeAt(at));
        if (node < 0) break;
        const id = this.#trie.value(node);
        if (id < 0) continue;
        offer(start, at + 1, id, best[start] + this.#scores[id]);
        if (at + 1 === next) hasCharacter = true;
      }
      if (!hasCharacter) {
        const { unknown } = this.#settings;
        const score = best[start] + this.#unknownScore;
        if (unknown !== undefined) offer(start, next, unknown, score);
        else if (from[next] < 0 || score > best[next]) throw missing(piece.slice(start, next));
      }
      start = next;
    }
    return { from, ids };
  }
}

function missing(part: string): RangeError {
  return new RangeError(
    `encode: the vocabulary lacks ${JSON.stringify(part)} and has no unknown token`,
  );
}
