/**
 * Byte-level byte-pair encoding (BPE) as in GPT-2: any text is bytes, and frequent neighbors are
 * merged. `byte_pair_training.ts` learns the merges, parse_tokenizer.ts reads them from a file.
 *
 * @module
 */

import { AlignedText } from "./aligned_text.ts";
import {
  BYTE_TOKENS,
  charactersToBytes,
  isInByteAlphabet,
  toByteCharacters,
} from "./byte_alphabet.ts";
import { MergeTable } from "./byte_pair_merge.ts";
import { splitForBytePairs } from "./byte_pair_split.ts";
import { describe } from "../errors.ts";
import { checkOptions, type OptionNames } from "../options.ts";
import type { TokenOffsets } from "./encode_batch.ts";
import { GrowingIds } from "./growing_ids.ts";
import { splitSpecialTokens } from "./special_tokens.ts";
import { TokenIndex } from "./pipeline/token_index.ts";
import { Tokenizer, type TokenStream } from "./tokenizer.ts";
import { type AddedToken, commonParts, type TokenizerFile } from "./tokenizer_file.ts";
import { Vocabulary } from "./vocabulary.ts";

/** What a `BytePairTokenizer` is made of. */
export interface BytePairModel {
  /** All tokens in the order of their ids, bytes written in GPT-2's alphabet. */
  tokens: readonly string[];
  /** Pairs of tokens to merge, the first one first. */
  merges: readonly (readonly [left: string, right: string])[];
  /** Tokens recognized in the text before it is split; default none. */
  addedTokens?: readonly AddedToken[];
  /** One of the tokens, for padding; default none. */
  padding?: string;
  /** Put a space before a text that starts without one; default false, as for GPT-2. */
  addPrefixSpace?: boolean;
}

/** The names of a model's parts. */
const PARTS: OptionNames<BytePairModel> = {
  tokens: true,
  merges: true,
  addedTokens: "none",
  padding: "none",
  addPrefixSpace: false,
};

const CACHED_PIECES = 2 ** 16;
const CACHED_LENGTH = 64;

/**
 * A byte-level byte-pair tokenizer. If all 256 bytes are tokens, as in GPT-2, it encodes every
 * text, and `decode(encode(text))` is the text (with U+FFFD for lone surrogates).
 *
 * ```ts
 * import { BYTE_TOKENS } from "./byte_alphabet.ts";
 * const tokenizer = new BytePairTokenizer({
 *   tokens: [...BYTE_TOKENS, "he", "ll"],
 *   merges: [["h", "e"], ["l", "l"]],
 * });
 * console.log(Array.from(tokenizer.encode("hello"), (id) => tokenizer.token(id))); // he ll o
 * console.assert(tokenizer.decode(tokenizer.encode("hello 🙂")) === "hello 🙂");
 * ```
 */
export class BytePairTokenizer extends Tokenizer {
  /** Always `"byte-pair"`. */
  override readonly kind = "byte-pair";
  /** Tokens such as `<|endoftext|>` and their ids. */
  override readonly specialTokens: ReadonlyMap<string, number>;
  /** The id of the padding token, if there is one. */
  override readonly paddingId: number | undefined;
  readonly #model: BytePairModel;
  readonly #vocabulary: Vocabulary;
  readonly #added: ReadonlyMap<string, number>;
  readonly #byteIds: Int32Array;
  readonly #merges: MergeTable;
  /** The bytes of each token, from its first use on. */
  readonly #bytes: (Uint8Array | undefined)[];
  readonly #cache = new Map<string, readonly number[]>();

  /**
   * Checks the model and looks up its merges; `trainBytePair` learns one from a text.
   *
   * @throws {RangeError} if a token or a merge occurs twice, a token is not written in GPT-2's
   *   alphabet, or a merge joins or makes what is no token
   * @throws {TypeError} if `model` is no object of tokens and merges
   */
  constructor(model: BytePairModel) {
    super();
    expectModel(model);
    const added = model.addedTokens ?? [];
    this.#model = model;
    this.#vocabulary = new Vocabulary(model.tokens);
    this.#added = new Map(added.map(({ content, id }) => [content, id]));
    for (const { content, id } of added) {
      if (this.#vocabulary.id(content) !== id) {
        throw new RangeError(`BytePairTokenizer: added token ${content} is not token ${id}`);
      }
    }
    this.specialTokens = new Map(
      added.filter((token) => token.special).map(({ content, id }) => [content, id]),
    );
    this.paddingId = model.padding === undefined ? undefined : this.#known(model.padding);
    this.#byteIds = new Int32Array(256).fill(-1);
    for (const token of BYTE_TOKENS) {
      this.#byteIds[charactersToBytes(token)![0]] = this.#vocabulary.id(token) ?? -1;
    }
    this.#merges = this.#mergeTable(model.merges);
    this.#bytes = new Array<undefined>(model.tokens.length).fill(undefined);
    const wrong = model.tokens.find((token) => !this.#added.has(token) && !isInByteAlphabet(token));
    if (wrong !== undefined) {
      throw new RangeError(
        `BytePairTokenizer: token ${JSON.stringify(wrong)} is not in GPT-2's alphabet of bytes`,
      );
    }
  }

  /** V, the number of tokens, added ones included. */
  override get vocabSize(): number {
    return this.#vocabulary.size;
  }

  /**
   * Bytes, merged in the order of the merges within each piece of the text.
   *
   * @throws {RangeError} if a byte of the text is no token: never, if all 256 are
   */
  protected override encodeText(text: string): Uint32Array<ArrayBuffer> {
    const ids = new GrowingIds();
    for (const part of splitSpecialTokens(text.toWellFormed(), this.#added)) {
      if (part.id !== undefined) {
        ids.push(part.id);
        continue;
      }
      const prefix = this.#model.addPrefixSpace && !part.text.startsWith(" ") ? " " : "";
      for (const piece of splitForBytePairs(prefix + part.text)) {
        for (const id of this.#encodePiece(piece)) ids.push(id);
      }
    }
    return ids.toArray();
  }

  /**
   * Ids with the places of their characters; a byte has the place of its whole character.
   *
   * @internal
   */
  override encodeOffsets(text: string): TokenOffsets {
    const ids = new GrowingIds(), offsets = new GrowingIds();
    const push = (id: number, range: readonly [start: number, end: number]) => {
      ids.push(id);
      for (const place of range) offsets.push(place);
    };
    let start = 0;
    for (const part of splitSpecialTokens(text.toWellFormed(), this.#added)) {
      const end = start + part.text.length;
      if (part.id !== undefined) push(part.id, [start, end]);
      else this.#alignPart(AlignedText.of(part.text, start), push);
      start = end;
    }
    return { ids: ids.toArray(), offsets: offsets.toArray() };
  }

  #alignPart(
    part: AlignedText,
    push: (id: number, range: readonly [start: number, end: number]) => void,
  ): void {
    const addsSpace = this.#model.addPrefixSpace && !part.text.startsWith(" ");
    const text = addsSpace ? part.prepended(" ") : part;
    let at = 0;
    for (const piece of splitForBytePairs(text.text)) {
      const bytes = text.slice(at, at += piece.length).eachCharacter(toByteCharacters);
      let first = 0;
      for (const id of this.#encodePiece(piece)) {
        const next = first + this.#bytesOf(id).length;
        push(id, bytes.range(first, next));
        first = next;
      }
    }
  }

  /** The bytes of the ids, read as UTF-8; what is no UTF-8 reads as U+FFFD. */
  protected override decodeIds(ids: Iterable<number>, skipSpecialTokens: boolean): string {
    const parts: Uint8Array[] = [];
    let length = 0;
    for (const id of ids) {
      const token = this.#vocabulary.tokenOrNone(id);
      if (token === undefined || (skipSpecialTokens && this.specialTokens.has(token))) continue;
      const bytes = this.#bytesOf(id);
      parts.push(bytes);
      length += bytes.length;
    }
    const bytes = new Uint8Array(length);
    let at = 0;
    for (const part of parts) {
      bytes.set(part, at);
      at += part.length;
    }
    return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
  }

  /** A character is returned with the id that holds its last byte. */
  protected override streamIds(skipSpecialTokens: boolean): TokenStream {
    const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
    return {
      push: (id) => {
        const token = this.#vocabulary.tokenOrNone(id);
        if (token === undefined || (skipSpecialTokens && this.specialTokens.has(token))) return "";
        return decoder.decode(this.#bytesOf(id), { stream: true });
      },
      end: () => decoder.decode(),
    };
  }

  /** The token of an id, in GPT-2's alphabet of bytes: `Ġthe` for " the". */
  override token(id: number): string {
    return this.#vocabulary.token(id);
  }

  /** The id of a token in GPT-2's alphabet of bytes, or undefined. */
  override id(token: string): number | undefined {
    return this.#vocabulary.id(token);
  }

  /**
   * A BPE model as GPT-2's own file has it.
   *
   * @internal
   */
  override toJSON(): TokenizerFile {
    const { tokens, merges, addedTokens, addPrefixSpace = false } = this.#model;
    const byteLevel = { type: "ByteLevel", trim_offsets: true, use_regex: true };
    return {
      ...commonParts(this, addedTokens),
      pre_tokenizer: { ...byteLevel, add_prefix_space: addPrefixSpace },
      decoder: { ...byteLevel, add_prefix_space: addPrefixSpace },
      model: {
        type: "BPE",
        dropout: null,
        unk_token: null,
        continuing_subword_prefix: "",
        end_of_word_suffix: "",
        fuse_unk: false,
        byte_fallback: false,
        vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
        merges: merges.map(([left, right]) => `${left} ${right}`),
      },
    };
  }

  #encodePiece(piece: string): readonly number[] {
    const cached = this.#cache.get(piece);
    if (cached !== undefined) return cached;
    const bytes = new TextEncoder().encode(piece);
    const tokens = new Int32Array(bytes).map((byte) => this.#byteIds[byte]);
    if (tokens.includes(-1)) throw this.#unknownByte(piece);
    const merged = this.#merges.merge(tokens);
    if (piece.length <= CACHED_LENGTH) {
      if (this.#cache.size >= CACHED_PIECES) this.#cache.clear();
      this.#cache.set(piece, merged);
    }
    return merged;
  }

  #unknownByte(piece: string): RangeError {
    const bytes = new TextEncoder().encode(piece);
    const byte = bytes.find((byte) => this.#byteIds[byte] < 0)!;
    return new RangeError(
      `encode: the vocabulary of ${this.vocabSize} tokens has no token for byte 0x` +
        `${byte.toString(16).toUpperCase().padStart(2, "0")} in ${JSON.stringify(piece)}`,
    );
  }

  #known(token: string): number {
    const id = this.#vocabulary.id(token);
    if (id !== undefined) return id;
    throw new RangeError(`BytePairTokenizer: ${JSON.stringify(token)} is no token`);
  }

  #mergeTable(merges: BytePairModel["merges"]): MergeTable {
    const [left, right, merged] = [0, 1, 2].map(() => new Int32Array(merges.length));
    const index = new TokenIndex(this.#vocabulary.tokens);
    const known = (first: string, second = "") => {
      const id = index.find(first, second);
      return id < 0 ? this.#known(first + second) : id;
    };
    for (let rank = 0; rank < merges.length; rank++) {
      const [first, second] = merges[rank];
      left[rank] = known(first);
      right[rank] = known(second);
      merged[rank] = known(first, second);
    }
    const table = new MergeTable({ left, right, merged });
    if (table.size === merges.length) return table;
    const seen = new Set<string>();
    const twice = merges.findIndex((pair) => seen.size === seen.add(pair.join(" ")).size);
    throw new RangeError(`BytePairTokenizer: merges[${twice}]: expected each pair once`);
  }

  #bytesOf(id: number): Uint8Array {
    return this.#bytes[id] ??= this.#readBytes(this.#vocabulary.token(id));
  }

  #readBytes(token: string): Uint8Array {
    if (this.#added.has(token)) return new TextEncoder().encode(token);
    return charactersToBytes(token)!;
  }
}

function expectModel(model: BytePairModel): void {
  if (typeof model === "string") {
    throw new TypeError(
      `BytePairTokenizer: expected { tokens, merges }, got ${describe(model)}; ` +
        "use trainBytePair(text, { vocabSize })",
    );
  }
  checkOptions("BytePairTokenizer", model, PARTS);
  for (const name of ["tokens", "merges"] as const) {
    if (Array.isArray(model[name])) continue;
    throw new TypeError(
      `BytePairTokenizer: expected a list of ${name}, got ${describe(model[name])}`,
    );
  }
}
