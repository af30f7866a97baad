/**
 * Byte-pair models of any alphabet: the characters of a piece are merged in the order of the
 * merges. What the vocabulary lacks becomes bytes, the unknown token, or nothing.
 *
 * @module
 */

import { MergeTable } from "../byte_pair_merge.ts";
import type { GrowingIds } from "../growing_ids.ts";
import { isList } from "../json_list.ts";
import { malformed, MAXIMUM_VOCABULARY } from "../tokenizer_file.ts";
import {
  byteTokens,
  type Model,
  type ModelFields,
  optionalFlag,
  optionalText,
  pushToken,
  readVocabulary,
} from "./model.ts";
import { TokenIndex } from "./token_index.ts";

interface Settings {
  readonly unknown: string | undefined;
  readonly prefix: string;
  readonly suffix: string;
  readonly fusesUnknown: boolean;
  readonly byteFallback: boolean;
  readonly ignoresMerges: boolean;
}

/** A BPE model. */
export function readBytePairModel(fields: ModelFields): Model {
  const { dropout } = fields;
  if (dropout !== undefined && dropout !== null && dropout !== 0) {
    throw malformed("model.dropout", "none, as it makes tokens random (not supported)", dropout);
  }
  const vocabulary = readVocabulary(fields.vocab);
  const settings: Settings = {
    unknown: optionalText(fields, "unk_token"),
    prefix: optionalText(fields, "continuing_subword_prefix") ?? "",
    suffix: optionalText(fields, "end_of_word_suffix") ?? "",
    fusesUnknown: optionalFlag(fields, "fuse_unk"),
    byteFallback: optionalFlag(fields, "byte_fallback"),
    ignoresMerges: optionalFlag(fields, "ignore_merges"),
  };
  const merges = readMergeTable(fields.merges, vocabulary.tokens, settings.prefix);
  return new BytePairModel(vocabulary, merges, settings);
}

/** The merges of a file, as `"left right"` or `["left", "right"]`. */
function readMergeTable(
  value: unknown,
  tokens: Model["tokens"],
  prefix: string,
): MergeTable {
  if (!isList(value) || value.length > MAXIMUM_VOCABULARY) {
    throw malformed("model.merges", `an array of at most ${MAXIMUM_VOCABULARY} merges`, value);
  }
  const left = new Int32Array(value.length);
  const right = new Int32Array(value.length);
  const merged = new Int32Array(value.length);
  const index = new TokenIndex(tokens);
  const known = (rank: number, first: string, second = "", from = 0) => {
    const id = index.find(first, second, from);
    if (id >= 0) return id;
    const token = first + second.slice(from);
    throw malformed(`model.merges[${rank}]`, "tokens of the vocabulary", token);
  };
  let rank = 0;
  for (const entry of value) {
    if (typeof entry === "string" && entry.startsWith("#version")) continue;
    const [first, second] = mergePair(entry, rank);
    if (!second.startsWith(prefix)) {
      throw malformed(`model.merges[${rank}]`, `a second token that begins with ${prefix}`, second);
    }
    left[rank] = known(rank, first);
    right[rank] = known(rank, second);
    merged[rank] = known(rank, first, second, prefix.length);
    rank++;
  }
  const [lefts, rights, results] = [left, right, merged].map((ids) => ids.subarray(0, rank));
  return new MergeTable({ left: lefts, right: rights, merged: results });
}

function mergePair(entry: unknown, rank: number): readonly [string, string] {
  if (typeof entry === "string") {
    const space = entry.indexOf(" ");
    if (space >= 0 && entry.indexOf(" ", space + 1) < 0) {
      return [entry.slice(0, space), entry.slice(space + 1)];
    }
  } else if (
    Array.isArray(entry) && entry.length === 2 && entry.every((token) => typeof token === "string")
  ) return entry as [string, string];
  throw malformed(`model.merges[${rank}]`, "a pair of tokens", entry);
}

class BytePairModel implements Model {
  readonly ids: ReadonlyMap<string, number>;
  readonly tokens: readonly (string | undefined)[];
  readonly #merges: MergeTable;
  readonly #settings: Settings;

  constructor(
    { ids, tokens }: Pick<Model, "ids" | "tokens">,
    merges: MergeTable,
    settings: Settings,
  ) {
    this.ids = ids;
    this.tokens = tokens;
    this.#merges = merges;
    this.#settings = settings;
  }

  encode(piece: string, into: GrowingIds, spans?: GrowingIds): void {
    if (this.#settings.ignoresMerges) {
      const id = this.ids.get(piece);
      if (id !== undefined) return pushToken(id, [0, piece.length], { into, spans });
    }
    if (spans === undefined) {
      for (const id of this.#merges.merge(this.#symbols(piece))) into.push(id);
      return;
    }
    const places: number[] = [], firsts: number[] = [];
    const ids = this.#merges.merge(this.#symbols(piece, places), firsts);
    ids.forEach((id, i) => {
      const last = (firsts[i + 1] ?? places.length / 2) - 1;
      pushToken(id, [places[2 * firsts[i]], places[2 * last + 1]], { into, spans });
    });
  }

  /** The ids of a piece's characters; `places` receives start and end of each. */
  #symbols(piece: string, places?: number[]): Int32Array {
    const { prefix, suffix } = this.#settings;
    const symbols: number[] = [];
    let unknown: number | undefined, unknownFrom = 0, unknownTo = 0;
    const push = (id: number, start: number, end: number) => {
      symbols.push(id);
      places?.push(start, end);
    };
    const flush = () => {
      if (unknown !== undefined) push(unknown, unknownFrom, unknownTo);
      unknown = undefined;
    };
    for (let at = 0; at < piece.length;) {
      const start = at;
      const next = at + (piece.codePointAt(at)! > 0xFFFF ? 2 : 1);
      let symbol = piece.slice(at, next);
      if (at > 0) symbol = prefix + symbol;
      if (next === piece.length) symbol += suffix;
      at = next;
      const id = this.ids.get(symbol);
      if (id !== undefined) {
        flush();
        push(id, start, next);
        continue;
      }
      const bytes = this.#settings.byteFallback ? byteTokens(this.ids, symbol) : undefined;
      if (bytes !== undefined) { for (const byte of bytes) push(byte, start, next); }
      else if (this.#settings.unknown !== undefined) {
        if (!this.#settings.fusesUnknown) flush();
        if (unknown === undefined) unknownFrom = start;
        unknownTo = next;
        unknown = this.#unknownId(symbol);
      }
    }
    flush();
    return Int32Array.from(symbols);
  }

  #unknownId(symbol: string): number {
    const id = this.ids.get(this.#settings.unknown!);
    if (id !== undefined) return id;
    throw new RangeError(
      `encode: the vocabulary has neither ${JSON.stringify(symbol)} nor the unknown token ` +
        JSON.stringify(this.#settings.unknown),
    );
  }
}
